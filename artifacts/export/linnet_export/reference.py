"""A plain reader and scorer of artifacts: what the format means, in the fewest lines. It defines right, not fast.

It knows nothing of scikit-learn, `re` or `str.lower`: all that it does to a text follows from the artifact's own files.
The exporter uses it to check each artifact that it has written, the tests to show that the format suffices.
"""

from __future__ import annotations

import hashlib
import json
import os

import numpy as np

from .errors import ExportError
from .probability import label_columns, probabilities
from .reference_vectorizer import ReferenceVectorizer
from .tensors import read_tensors
from .weights import read_weights

SIGMA, FINAL_SIGMA, SMALL_SIGMA = "Σ", "ς", "σ"
PADDING = 0xFFFFFFFF


class Characters:
    """The artifact's character tables as sets and a map."""

    def __init__(self, tensors):
        def members(name):
            return {chr(c) for first, last in tensors[f"characters.{name}"].tolist() for c in range(first, last + 1)}

        rows = tensors["characters.lower"].tolist()
        self.lower_case = {chr(row[0]): "".join(chr(c) for c in row[1:] if c != PADDING) for row in rows}
        self.cased, self.case_ignorable = members("cased"), members("case_ignorable")
        self.space, self.word = members("space"), members("word")

    def lower(self, text):
        """`str.lower`, with the final-sigma rule."""
        return "".join(
            self._sigma(text, i) if character == SIGMA else self.lower_case.get(character, character)
            for i, character in enumerate(text)
        )

    def _sigma(self, text, i):
        def cased_next(indices):
            beyond = (text[j] for j in indices if text[j] not in self.case_ignorable)
            return next(beyond, "") in self.cased

        final = cased_next(range(i - 1, -1, -1)) and not cased_next(range(i + 1, len(text)))
        return FINAL_SIGMA if final else SMALL_SIGMA

    def boundary(self, text, i):
        """The regular expression's `\\b` between text[i - 1] and text[i]."""
        before = i > 0 and text[i - 1] in self.word
        return before != (i < len(text) and text[i] in self.word)

    def words(self, text):
        """`str.split()`: the runs without white space."""
        return "".join(" " if c in self.space else c for c in text).split(" ")

    def fold(self, text):
        """`re.sub(r"\\s\\s+", " ", text)`: a lone white space stays what it is."""
        folded, i = [], 0
        while i < len(text):
            end = i
            while end < len(text) and text[end] in self.space:
                end += 1
            folded.append(" " if end - i > 1 else text[i])
            i = max(end, i + 1)
        return "".join(folded)

    def tokens(self, text, shortest):
        """The runs of so many and more word characters: `re.findall(r"(?u)\\b\\w\\w+\\b", text)` for 2."""
        runs = "".join(c if c in self.word else " " for c in text).split(" ")
        return [run for run in runs if len(run) >= shortest]


class Artifact:
    """An artifact read back from its directory."""

    def __init__(self, directory):
        with open(os.path.join(directory, "manifest.json"), encoding="utf-8") as file:
            self.manifest = json.load(file)
        for name, entry in self.manifest["files"].items():
            with open(os.path.join(directory, name), "rb") as file:
                content = file.read()
            if [len(content), hashlib.sha256(content).hexdigest()] != [entry["bytes"], entry["sha256"]]:
                raise ValueError(f"{name}: its bytes differ from the manifest's checksum")
        self.tensors = read_tensors(os.path.join(directory, "model.safetensors"))
        self.characters = Characters(self.tensors)
        self.pipeline = self.manifest["pipeline"]
        self.vectorizers = [
            ReferenceVectorizer(about, _part(self.tensors, f"vectorizer.{index}."), self.tensors, self.characters)
            for index, about in enumerate(self.pipeline["vectorizers"])
        ]
        self.vectorizer, self.column = self.pipeline["vectorizers"][0], self.vectorizers[0].column

    def clean(self, text):
        """The lesson's cleaning."""
        cleaner, characters = self.pipeline["cleaner"], self.characters
        if cleaner is None:
            return text
        if cleaner["lower"]:
            text = characters.lower(text)
        kept, i = [], 0
        while i < len(text):
            end = self._stop_word_end(text, i) if cleaner["stop_words"] else None
            if end is None:
                kept.append(text[i])
                i += 1
                continue
            i = end
            while i < len(text) and text[i] in characters.space:
                i += 1
        words = "".join(c if c.isascii() and c.isalnum() else " " for c in "".join(kept)).split()
        # A link, "http" and at least one character behind, is cut off the word that holds it; its spaces stay.
        return " ".join(word.partition("http")[0] if word.partition("http")[2] else word for word in words)

    def _stop_word_end(self, text, i):
        if not self.characters.boundary(text, i):
            return None
        for word in self.pipeline["cleaner"]["stop_words"]:
            if text.startswith(word, i) and self.characters.boundary(text, i + len(word)):
                return i + len(word)
        return None

    def score(self, text):
        """Decision values, label, probabilities or None, and each row's scale of rounding errors, max(1, Σ|wᵢxᵢ|)."""
        cleaned, columns, values, begin = self.clean(text), [], [], 0
        for vectorizer in self.vectorizers:
            features = vectorizer.features(cleaned)
            columns += [begin + column for column in features]
            values += features.values()
            begin += vectorizer.about["features"]
        values = np.array(values, dtype=float)
        products = read_weights(self.pipeline["classifier"], self.tensors, columns) * values
        decision = products.sum(axis=1) + self.tensors["classifier.intercept"]
        classifier, classes = self.pipeline["classifier"], self.pipeline["classes"]
        shares = None
        if classifier["probability"] is not None:
            calibration = _part(self.tensors, "classifier.")
            shares = probabilities(classifier, calibration, len(classes), decision.reshape(1, -1))[0].tolist()
        names = [classes[column] for column in label_columns(classifier, decision, shares)]
        return {
            "decision": decision.tolist(),
            **({"labels": names} if classifier.get("multilabel") else {"label": names[0]}),
            "probabilities": shares,
            "by_decision": classifier["probability"] != "calibrated",
            "scale": np.maximum(1, np.abs(products).sum(axis=1)).tolist(),
        }


def _part(tensors, prefix):
    """The tensors whose name begins so, without that."""
    return {name[len(prefix) :]: values for name, values in tensors.items() if name.startswith(prefix)}


def difference(score, expected, tolerance):
    """What of an expected answer a score misses by more than the tolerance, in words, or None."""
    for row, (got, want, scale) in enumerate(zip(score["decision"], expected["decision"], score["scale"])):
        if not abs(got - want) <= tolerance * scale:
            return f"decision[{row}] is {got!r}, expected {want!r}"
    for column, (got, want) in enumerate(zip(score["probabilities"] or (), expected["probabilities"] or ())):
        if not abs(got - want) <= tolerance:
            return f"probabilities[{column}] is {got!r}, expected {want!r}"
    if (score["probabilities"] is None) != (expected["probabilities"] is None):
        return "probabilities are there in one and not in the other"
    key = "labels" if "labels" in expected else "label"
    if score[key] != expected[key] and not _near_tie(score, expected, tolerance):
        return f"{key} is {score[key]!r}, expected {expected[key]!r}"
    return None


def _near_tie(score, expected, tolerance):
    """Whether rounding may decide between labels: within the tolerance either is right, but for exact ties."""
    if "labels" in expected:
        threshold, values = (0.0, expected["decision"]) if score["by_decision"] else (0.5, expected["probabilities"])
        gaps = [abs(value - threshold) for value in values]
    else:
        values = expected["decision"] if score["by_decision"] else expected["probabilities"]
        ranked = sorted(values if len(values) > 1 else [0.0, *values])
        gaps = [ranked[-1] - ranked[-2]]
    return any(0 < gap <= tolerance * max(score["scale"]) for gap in gaps)


def check(directory, tensors):
    """Read an artifact back: every tensor equal, every probe answered as the pipeline answers it.

    Returns the scale of rounding errors of each probe, one value a row.
    """
    artifact = Artifact(directory)
    for name, values in tensors.items():
        if not np.array_equal(artifact.tensors[name], values):
            raise ExportError(f"self-check: tensor {name} reads back differently")
    if any(len(one.column) != len(one.tensors.get("term_ends", ())) for one in artifact.vectorizers):
        raise ExportError("self-check: the terms read back differently")
    probes, scales = artifact.manifest["probes"], []
    for probe in probes["texts"]:
        score = artifact.score(probe["text"])
        missed = difference(score, probe, probes["tolerance"])
        if missed:
            raise ExportError(
                f"self-check: the artifact does not reproduce the pipeline on {probe['text'][:80]!r}: {missed}"
            )
        scales.append(score["scale"])
    return scales
