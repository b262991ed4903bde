"""A token pattern as a program: what the server runs in place of Python's `re`.

The pattern is parsed by `re`'s own parser. Whatever reads one character (a literal, a class, a dot, in whatever case)
is compiled by `re` again and asked about every code point, so that no rule of Python's is repeated here.
"""

from __future__ import annotations

import functools
import re
import sys
import warnings

import numpy as np

from .characters import SURROGATES, ranges

try:
    from re import _compiler as compiler
    from re import _constants as constants
    from re import _parser as parser
except ImportError:  # Python 3.10 and older
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import sre_compile as compiler
        import sre_constants as constants
        import sre_parse as parser

DEFAULT_TOKEN_PATTERN, ONE_WORD_CHARACTER = r"(?u)\b\w\w+\b", r"(?u)\b\w+\b"
# Other spellings of the same: a greedy run of word characters ends at a boundary anyway.
SPELLINGS = {
    DEFAULT_TOKEN_PATTERN: (r"(?u)\b\w\w+\b", r"\b\w\w+\b", r"(?u)\w\w+", r"\w\w+", r"\b\w{2,}\b", r"\w{2,}"),
    ONE_WORD_CHARACTER: (r"(?u)\b\w+\b", r"\b\w+\b", r"(?u)\w+", r"\w+"),
}
MATCH, SET, SPLIT, JUMP, ASSERT, SAVE = range(6)
PROGRAM_MAX = 4096
ONE_CHARACTER = (constants.LITERAL, constants.NOT_LITERAL, constants.ANY, constants.IN)


class NotSupported(Exception):
    """What in a pattern has no exact program."""


def canonical(pattern: str) -> str:
    """The pattern, or the server's own spelling where it means one of the two that need no program."""
    return next((own for own, spellings in SPELLINGS.items() if pattern in spellings), pattern)


def compile_pattern(pattern: str) -> dict:
    """The program's tensors: `program` [n, 3], `sets` (ranges of code points, [m, 2]), `set_ends`."""
    tree = parser.parse(pattern)
    if tree.state.groups - 1 > 1:
        raise NotSupported("more than one capturing group")
    program = _Program(tree.state)
    program.sequence(tree, tree.state.flags)
    program.add(MATCH)
    ends = np.cumsum([len(one) for one in program.sets], dtype=np.int64).astype(np.uint32)
    rows = [row for one in program.sets for row in one]
    return {
        "program": np.array(program.code, dtype=np.uint32),
        "sets": np.array(rows, dtype=np.uint32).reshape(-1, 2),
        "set_ends": ends,
    }


class _Program:
    def __init__(self, state):
        self.state, self.code, self.sets, self.repeats = state, [], [], 0

    def add(self, code, a=0, b=0):
        self.code.append([code, a, b])
        if len(self.code) > PROGRAM_MAX:
            raise NotSupported(f"its program has more than {PROGRAM_MAX} steps")
        return len(self.code) - 1

    def sequence(self, items, flags):
        for code, argument in items:
            self.item(code, argument, flags)

    def item(self, code, argument, flags):
        if code in ONE_CHARACTER:
            self.add(SET, self.set_of((code, argument), flags))
        elif code is constants.SUBPATTERN:
            group, add_flags, del_flags, inner = argument
            if group is None:
                self.sequence(inner, _combine(flags, add_flags, del_flags))
            else:
                if self.repeats:
                    raise NotSupported("a capturing group within a repetition")
                self.add(SAVE, 0)
                self.sequence(inner, _combine(flags, add_flags, del_flags))
                self.add(SAVE, 1)
        elif code is constants.BRANCH:
            self.branch(argument[1], flags)
        elif code in (constants.MAX_REPEAT, constants.MIN_REPEAT):
            self.repeat(code is constants.MAX_REPEAT, *argument, flags)
        elif code is constants.AT:
            self.assertion(argument, flags)
        else:
            raise NotSupported(f"{str(code).lower()} in it")

    def branch(self, ways, flags):
        ends = []
        for number, way in enumerate(ways):
            last = number == len(ways) - 1
            split = None if last else self.add(SPLIT, len(self.code) + 1)
            self.sequence(way, flags)
            if not last:
                ends.append(self.add(JUMP))
                self.code[split][2] = len(self.code)
        for end in ends:
            self.code[end][1] = len(self.code)

    def repeat(self, greedy, least, most, inner, flags):
        endless = most is constants.MAXREPEAT
        if (endless or most > 1) and inner.getwidth()[0] == 0:
            raise NotSupported("a repetition of what may match nothing")
        self.repeats += endless or most > 1
        for _ in range(least):
            self.sequence(inner, flags)
        if endless:
            split = self.add(SPLIT)
            self.sequence(inner, flags)
            self.add(JUMP, split)
            self.settle(split, greedy)
        else:
            splits = []
            for _ in range(most - least):
                splits.append(self.add(SPLIT))
                self.sequence(inner, flags)
            for split in splits:
                self.settle(split, greedy)
        self.repeats -= endless or most > 1

    def settle(self, split, greedy):
        """A split between one more time, right behind it, and going on, here."""
        ways = [split + 1, len(self.code)]
        self.code[split][1:] = ways if greedy else ways[::-1]

    def assertion(self, where, flags):
        many = bool(flags & re.MULTILINE)
        kinds = {
            constants.AT_BEGINNING: 2 if many else 0,
            constants.AT_BEGINNING_STRING: 0,
            constants.AT_END: 3 if many else 4,
            constants.AT_END_STRING: 1,
            constants.AT_BOUNDARY: 5,
            constants.AT_NON_BOUNDARY: 6,
        }
        if where not in kinds:
            raise NotSupported(f"{str(where).lower()} in it")
        kind, word = kinds[where], 0
        if kind >= 5:
            word = self.set_of((constants.IN, [(constants.CATEGORY, constants.CATEGORY_WORD)]), flags & ~re.IGNORECASE)
        if kind == 6 and re.search(r"\B", ""):  # Python 3.14 and later
            raise NotSupported(r"\B, which holds in an empty text for this Python,")
        self.add(ASSERT, kind, word)

    def set_of(self, item, flags):
        """The number of the set of characters that an item reads."""
        one = parser.SubPattern(self.state, [item])
        members = ranges(map(ord, _members(one, flags)))
        if members not in self.sets:
            self.sets.append(members)
        return self.sets.index(members)


def _members(one, flags):
    """All characters that a pattern of one character matches, ascending."""
    state = parser.State()
    state.flags, state.str = flags, ""
    alone = compiler.compile(parser.SubPattern(state, one.data))
    return alone.findall(_all_characters())


@functools.lru_cache(maxsize=1)
def _all_characters():
    return "".join(chr(code) for code in range(sys.maxunicode + 1) if code not in SURROGATES)


def _combine(flags, add_flags, del_flags):
    types = re.ASCII | re.LOCALE | re.UNICODE
    if add_flags & types:
        flags &= ~types
    return (flags | add_flags) & ~del_flags
