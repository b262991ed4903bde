"""Turn a fitted scikit-learn text classifier into an artifact directory that Linnet serves.

The format is written up byte for byte in `artifacts/README.md`. Read this package in the order of the work:
`pipeline` (which steps are there), `cleaner`, `vectorizer`, `token_pattern`, `transformers`, `classifier`,
`naive_bayes`, `one_vs_rest`, `calibrated`, `labels` (what each step becomes), `probability` (the rules from decision
values to answers), `characters`, `accents` (Python's own Unicode tables), `probes` (texts with the pipeline's own
answers), `tensors` and `artifact` (files, checksums, the atomic write), `reference` and `reference_vectorizer` (read an
artifact back and score with it: the self-check).
"""

from .errors import ExportError

__version__ = "0.1.0"
__all__ = ["ExportError", "TextCleaner", "export"]


def __getattr__(name):
    # Late, so that the command can say in one line that scikit-learn is missing, instead of failing to be imported.
    if name == "export":
        from .artifact import export

        return export
    if name == "TextCleaner":
        from .cleaner import TextCleaner

        return TextCleaner
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
