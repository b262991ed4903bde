"""The command `linnet-export`: everything that goes wrong is one line on standard error, and status 1."""

from __future__ import annotations

import argparse
import json
import sys
import warnings

from . import __version__
from .errors import ExportError


def main(argv=None) -> int:
    """Run the command; returns the exit status."""
    options = _parser().parse_args(argv)
    try:
        export = _exporter()
        args, performance = _read_object(options.args), _read_object(options.performance)
        probe_texts = _read_texts(options.probe_texts)
        labels = _read_labels(options.labels)
        pipeline = _load(options.model)
        outdir = export(
            pipeline,
            options.outdir,
            args=args,
            performance=performance,
            probe_texts=probe_texts,
            labels=labels,
            name=options.name,
            version=options.version,
        )
    except ExportError as error:
        print(f"linnet-export: {error}", file=sys.stderr)
        return 1
    except Exception as error:
        if options.debug:
            raise
        line = " ".join(f"{type(error).__name__}: {error}".split())
        print(f"linnet-export: unexpected error, --debug shows where: {line}", file=sys.stderr)
        return 1
    print(outdir)
    return 0


def _exporter():
    """`export`, once the libraries that it works with are known to be here."""
    try:
        import joblib  # noqa: F401

        from .artifact import export
    except ModuleNotFoundError as error:
        raise ExportError(
            f"the module {error.name!r} is missing: install linnet-export into the environment that fitted the model"
        ) from error
    return export


def _parser():
    parser = argparse.ArgumentParser(
        prog="linnet-export",
        description="Turn a fitted scikit-learn text classifier into an artifact that Linnet serves. "
        "Loading a model runs the code inside it: export only files that you trust.",
    )
    parser.add_argument("model", metavar="MODEL.joblib", help="the fitted Pipeline, written by joblib.dump or pickle")
    parser.add_argument("outdir", metavar="OUTDIR", help="the directory to make, for example artifacts/tagifai/2")
    parser.add_argument("--name", help="the model's name (default: by the layout <name>/<version>, else OUTDIR's name)")
    parser.add_argument("--version", help="the model's version (default: by the layout <name>/<version>, else 1)")
    parser.add_argument("--args", metavar="FILE", help="JSON object: the training arguments, for GET /args")
    parser.add_argument("--performance", metavar="FILE", help="JSON object: the metrics, for GET /performance")
    parser.add_argument(
        "--probe-texts", metavar="FILE", help='JSON lines {"text": "…"}: what a server must score right'
    )
    parser.add_argument("--labels", metavar="FILE", help="JSON list: names for the columns of a multilabel model")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an unexpected error")
    parser.add_argument("-V", action="version", version=f"linnet-export {__version__}")
    return parser


def _load(path):
    """The object in a joblib or pickle file."""
    import joblib

    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            loaded = joblib.load(path)
    except OSError as error:
        raise ExportError(f"{path}: {error.strerror or error}") from error
    except ModuleNotFoundError as error:
        raise ExportError(f"{path}: cannot be loaded, the module {error.name!r} is missing here") from error
    except (AttributeError, ImportError) as error:
        raise ExportError(f"{path}: cannot be loaded, a class or function of it is missing here: {error}") from error
    except MemoryError as error:
        raise ExportError(f"{path}: cannot be loaded, out of memory (or the file is damaged)") from error
    except Exception as error:  # unpickling damaged or foreign bytes raises nearly everything
        raise ExportError(
            f"{path}: not a joblib or pickle file, or a damaged one ({type(error).__name__}: {error})"
        ) from error
    versions = {w.message.original_sklearn_version for w in caught if hasattr(w.message, "original_sklearn_version")}
    for version in sorted(versions):
        print(f"linnet-export: note: fitted by scikit-learn {version}, exported under another", file=sys.stderr)
    return loaded


def _read_object(path):
    """A JSON object from a file, or None without one."""
    if path is None:
        return None
    document = _parse(path, _read(path))
    if not isinstance(document, dict):
        raise ExportError(f"{path}: expected a JSON object")
    return document


def _read_labels(path):
    """A JSON list from a file, or None without one."""
    if path is None:
        return None
    labels = _parse(path, _read(path))
    if not isinstance(labels, list):
        raise ExportError(f"{path}: expected a JSON list")
    return labels


def _read_texts(path):
    """The texts of a JSON Lines file, or None without one. Lines end at \\n alone, as for `linnet predict`."""
    if path is None:
        return None
    texts = []
    for number, line in enumerate(_read(path).split("\n"), 1):
        if not line.strip():
            continue
        document = _parse(f"{path}, line {number}", line)
        if not isinstance(document, dict) or not isinstance(document.get("text"), str):
            raise ExportError(f'{path}, line {number}: expected an object {{"text": "…"}}')
        texts.append(document["text"])
    return texts


def _read(path):
    try:
        with open(path, encoding="utf-8", newline="") as file:
            return file.read()
    except OSError as error:
        raise ExportError(f"{path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ExportError(f"{path}: not UTF-8 ({error})") from error


def _parse(where, text):
    def refuse_constant(name):
        raise ExportError(f"{where}: {name} is not JSON")

    try:
        return json.loads(text, parse_constant=refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ExportError(f"{where}: not JSON: {error}") from error
