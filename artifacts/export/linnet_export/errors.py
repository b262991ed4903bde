"""The one error that a user of the exporter sees."""

from __future__ import annotations


class ExportError(Exception):
    """The model cannot be exported. The message is one line that says what stands in the way."""

    def __init__(self, message: str) -> None:
        # A repr inside the message may bring line breaks along; the promise is one line.
        super().__init__(" ".join(str(message).split()))


def refusal(step: str, estimator: object, why: str) -> ExportError:
    """The error for a step that has no exact representation: names the step, its class, and the reason."""
    return ExportError(f"step {step!r} ({type(estimator).__name__}): {why}")
