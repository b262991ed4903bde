"""The artifact directory: its files, its checksums, its write in one step."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import secrets
import shutil
import unicodedata

import sklearn

from . import probes, reference
from .characters import character_tables
from .errors import ExportError
from .pipeline import read_pipeline
from .tensors import write_tensors
from .weights import store_weights

FORMAT_VERSION = 1
MANIFEST, TENSORS = "manifest.json", "model.safetensors"


def export(
    pipeline, outdir, *, args=None, performance=None, probe_texts=None, labels=None, name=None, version=None
) -> str:
    """Write a fitted pipeline as an artifact directory and return its absolute path.

    Parameters
    ----------
    pipeline : sklearn.pipeline.Pipeline
        Fitted: an optional `TextCleaner`, a vectorizer or a union of several, a linear classifier; or a search that
        found such a pipeline. `artifacts/README.md` has the list.
    outdir : str or path
        The directory to make; it must not exist, or be empty. Nothing is left behind when the export fails.
    args, performance : dict or None
        The answers of `/args` and `/performance`; anything that `json.dumps` takes without NaN and infinities.
    probe_texts : list of str or None
        The texts that a server must score as this pipeline does before it is ready; chosen here when None.
    labels : list or None
        Names of the columns of a multilabel model, which knows their numbers alone.
    name, version : str or None
        By default the layout `<name>/<version>/` tells both; without it, `outdir`'s own name, and "1".

    Raises
    ------
    ExportError
        With one line: what is not exactly representable (step and parameter), or what stands in the way of the files.
    """
    outdir = os.path.realpath(os.fspath(outdir))
    _check_outdir(outdir)
    default_name, default_version = _default_name(outdir)
    documents = {
        "args.json": _document("args", args),
        "performance.json": _document("performance", performance),
    }
    texts = None if probe_texts is None else probes.check_texts(probe_texts)
    model = read_pipeline(pipeline, labels)
    if texts is None:
        texts = probes.choose_texts(model.terms, model.classifier.tensors["coef"])
    answers = probes.answer(model, texts)
    manifest = {
        "format": "linnet",
        "format_version": FORMAT_VERSION,
        "name": _identifier("name", default_name if name is None else name),
        "version": _identifier("version", default_version if version is None else version),
        "exporter": _exporter(),
        "files": {},
        "pipeline": {
            "cleaner": model.cleaner,
            "vectorizers": [vectorizer.manifest for vectorizer in model.vectorizers],
            "classifier": model.classifier.manifest,
            "classes": model.classifier.classes,
        },
        "probes": {"tolerance": probes.TOLERANCE, "texts": answers},
    }
    tensors = model.tensors()
    tensors.update({f"characters.{table}": rows for table, rows in character_tables().items()})
    store_weights(model.classifier.manifest, tensors)
    try:
        _write(outdir, manifest, tensors, documents)
    except OSError as error:
        raise ExportError(f"cannot write {outdir}: {error.strerror or error}") from error
    return outdir


def _check_outdir(outdir):
    if os.path.isdir(outdir):
        if os.listdir(outdir):
            raise ExportError(f"{outdir} exists already and is not empty; artifacts are never changed, choose another")
    elif os.path.lexists(outdir):
        raise ExportError(f"{outdir} exists already and is not a directory")


def _default_name(outdir):
    """Name and version by the repository layout `<name>/<integer>`, else the directory's own name and "1"."""
    parent, own = os.path.split(outdir)
    if own.isascii() and own.isdigit() and os.path.basename(parent):
        return os.path.basename(parent), own
    return own, "1"


def _identifier(key, value):
    """A name or version: a non-empty str that can be written as UTF-8."""
    value = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(value, str) or not value:
        raise ExportError(f"{key}: expected a non-empty str, got {value!r}")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise ExportError(f"{key}: {value!r} is not valid Unicode") from None
    return value


def _exporter():
    from . import __version__

    return {
        "linnet_export": __version__,
        "python": platform.python_version(),
        "unicode": unicodedata.unidata_version,
        "scikit_learn": sklearn.__version__,
    }


def _document(key, document):
    """A JSON object as `json.dumps` writes it, in bytes, or None."""
    if document is None:
        return None
    if isinstance(document, argparse.Namespace):  # what the lesson keeps its arguments in
        document = vars(document)
    if not isinstance(document, dict):
        raise ExportError(f"{key}: expected a JSON object (a dict), got {type(document).__name__}")
    try:
        text = json.dumps(document, allow_nan=False)
        json.dumps(document, ensure_ascii=False).encode("utf-8")  # finds lone surrogates
    except (TypeError, ValueError, RecursionError) as error:
        raise ExportError(f"{key}: not writable as JSON: {error}") from None
    return text.encode("ascii")


def _write(outdir, manifest, tensors, documents):
    """Write all files into a sibling directory, check what can be read back, and only then give it its name."""
    parent, own = os.path.split(outdir)
    os.makedirs(parent, exist_ok=True)
    temporary = os.path.join(parent, f".{own}.{secrets.token_hex(8)}.tmp")
    os.mkdir(temporary)
    try:
        write_tensors(os.path.join(temporary, TENSORS), tensors)
        for file_name, content in documents.items():
            if content is not None:
                with open(os.path.join(temporary, file_name), "wb") as file:
                    file.write(content)
        manifest["files"] = {
            file_name: _fingerprint(temporary, file_name) for file_name in sorted(os.listdir(temporary))
        }
        _write_manifest(temporary, manifest)
        scales = reference.check(temporary, tensors)
        if probes.add_magnitudes(manifest["probes"]["texts"], scales):
            _write_manifest(temporary, manifest)
        for path in [os.path.join(temporary, file_name) for file_name in os.listdir(temporary)] + [temporary]:
            _flush(path)
        os.rename(temporary, outdir)  # replaces an empty directory, and nothing else
        _flush(parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _write_manifest(directory, manifest):
    text = json.dumps(manifest, allow_nan=False, indent=2) + "\n"  # ASCII alone: no editor can spoil it
    with open(os.path.join(directory, MANIFEST), "wb") as file:
        file.write(text.encode("ascii"))


def _fingerprint(directory, file_name):
    with open(os.path.join(directory, file_name), "rb") as file:
        content = file.read()
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def _flush(path):
    """Bring a file or directory to the disk, so that a renamed artifact is whole even after a power cut."""
    if os.name == "nt":  # has no such call for directories, nor for a file that is open for reading alone
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
