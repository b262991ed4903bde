"""Every request of the contract, in the order in which it is recorded."""

from typing import List

from . import bodies, broken, payloads, routes, top_k
from .case import Case


def all_cases() -> List[Case]:
    """All cases; an error if two share a name."""
    cases = [*routes.cases(), *payloads.cases(), *broken.cases(), *bodies.cases(), *top_k.cases()]
    names = [case.name for case in cases]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"cases with the same name: {twice}")
    return cases
