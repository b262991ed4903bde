"""`linnet predict` against scikit-learn and fastText: one run, one core, turn by turn, labels and probabilities out.

    python3.11 -m venv target/bench-python && target/bench-python/bin/pip install -r benches/requirements.txt
    cargo build --release
    LINNET_DATA=… target/bench-python/bin/python benches/scikit_learn.py --out target/scikit_learn.md

Every contender does what a user of it would do for many texts, with the shipped model's own pipeline:

- `linnet predict` as a process: a file of JSON lines in, a file of JSON lines out; start and model load counted.
- scikit-learn in batch: the same lines in and out, read and written with `json`; each text is cleaned and vectorized
  once, then `predict` and `predict_proba` run on the features. Import and model load are not counted.
- scikit-learn one by one: the same for each line by itself, as a server without batches does it.
- fastText on texts that are clean already, a list in and labels with probabilities out, no JSON; character n-grams of 2
  to 8. Import, training and load are not counted. Beside it `linnet predict` over the same texts (with its JSON and its
  start), from an artifact without the cleaner, and with `--engine` the engine alone (`cargo bench`).

Rates are texts a second; a contender that is slow gets fewer texts, and the table says how many. The ratios are formed
within a round, and their median counts. `LINNET_DATA` is the folder with `projects.csv`; without it, texts are put
together from the model's words, and the table says so.
"""

from __future__ import annotations

import os

# One thread everywhere; these are read when numpy is loaded.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import argparse  # noqa: E402
import csv  # noqa: E402
import datetime  # noqa: E402
import json  # noqa: E402
import platform  # noqa: E402
import random  # noqa: E402
import statistics  # noqa: E402
import subprocess  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from dataclasses import dataclass, field  # noqa: E402
from pathlib import Path  # noqa: E402

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(REPOSITORY / "artifacts" / "export"), str(REPOSITORY / "tests" / "golden")]

import sklearn  # noqa: E402
from linnet_export import export  # noqa: E402
from make_goldens import rebuild  # noqa: E402
from sklearn.pipeline import Pipeline  # noqa: E402

SHIPPED = REPOSITORY / "artifacts" / "tagifai" / "1"
BATCH = 10_000
TOLERANCE = 1e-9

RAW, ONE_BY_ONE, BATCHED = "linnet predict, raw texts", "scikit-learn, one by one", "scikit-learn, batch"
CLEANED, ENGINE = "linnet predict, cleaned texts", "linnet's engine alone, cleaned texts"
START = "linnet predict, no text"


@dataclass
class Contender:
    """What one contender does in a round, and what was measured."""

    name: str
    run: callable  # → (wall seconds, CPU seconds)
    texts: int
    text_bytes: int
    walls: list = field(default_factory=list)
    cpus: list = field(default_factory=list)

    def measure(self):
        wall, cpu = self.run()
        self.walls.append(wall)
        self.cpus.append(cpu)

    def rates(self):
        """Texts a second of each round."""
        return [self.texts / wall for wall in self.walls]


def main():
    options = parser().parse_args()
    os.sched_setaffinity(0, {options.core if options.core is not None else max(os.sched_getaffinity(0))})
    pipeline = rebuild(SHIPPED)
    source, corpus = project_texts(pipeline)
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(options, pipeline, corpus, Path(folder))
        checked = bench.check_answers()
        for contender in bench.contenders:  # the first turn of each warms files and caches
            contender.measure()
            contender.walls.clear()
            contender.cpus.clear()
        for done in range(options.rounds):
            for contender in bench.contenders:
                contender.measure()
            print(f"round {done + 1} of {options.rounds}", file=sys.stderr)
    report = "\n".join(markdown(bench, source, checked)) + "\n"
    print(report, end="")
    if options.out:
        options.out.write_text(report, encoding="utf-8")


def parser():
    parser = argparse.ArgumentParser(description="linnet predict against scikit-learn and fastText.")
    parser.add_argument("--linnet", type=Path, default=REPOSITORY / "target" / "release" / "linnet", metavar="PATH")
    parser.add_argument("--core", type=int, metavar="N", help="the core that everything runs on; default: the last one")
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    parser.add_argument("--lines", type=int, default=300_000, metavar="N", help="texts for linnet and fastText")
    parser.add_argument("--batch-lines", type=int, default=100_000, metavar="N", help="texts for scikit-learn in batch")
    parser.add_argument("--single-lines", type=int, default=7_640, metavar="N", help="texts for it one by one")
    parser.add_argument("--fasttext-buckets", type=int, nargs="*", default=[50_000, 2_000_000], metavar="N")
    parser.add_argument("--engine", action="store_true", help="also run `cargo bench` each round, for the engine alone")
    parser.add_argument("--out", type=Path, metavar="FILE", help="also write the table there")
    return parser


def project_texts(pipeline):
    """Where the texts are from, and the texts: title and description of each project."""
    folder = os.environ.get("LINNET_DATA")
    if folder:
        with open(Path(folder) / "projects.csv", encoding="utf-8", newline="") as file:
            texts = [f"{row['title'] or ''} {row['description'] or ''}" for row in csv.DictReader(file)]
        return f"the {len(texts)} project texts", texts
    terms = pipeline.named_steps["tfidf"].vocabulary
    words = [term.strip() for term in terms if len(term) > 2 and term[0] == term[-1] == " "]
    draw = random.Random(42)
    skewed = lambda: words[int(len(words) ** draw.random()) - 1]  # noqa: E731
    texts = [" ".join(skewed() for _ in range(draw.randint(5, 25))) for _ in range(764)]
    return "764 texts put together from the model's words (no LINNET_DATA)", texts


def repeated(texts, count):
    """`count` texts: all of them over and over, each time in another order."""
    draw, found = random.Random(1), []
    while len(found) < count:
        found += draw.sample(texts, len(texts))
    return found[:count]


def answers_of(pipeline, lines):
    """The lines that scikit-learn answers to JSON lines, as `linnet predict` would write them."""
    texts = [json.loads(line)["text"] for line in lines]
    features = pipeline[:-1].transform(texts)
    classifier = pipeline[-1]
    keys = [str(label) for label in classifier.classes_]
    labels, shares = classifier.predict(features), classifier.predict_proba(features)
    rows = zip(labels.tolist(), shares.tolist())
    return [json.dumps({"label": label, "probabilities": dict(zip(keys, row))}) for label, row in rows]


class Bench:
    """The files, the models and the contenders."""

    def __init__(self, options, pipeline, corpus, folder):
        self.options, self.pipeline, self.folder = options, pipeline, folder
        self.output = folder / "output.jsonl"
        clean = pipeline.named_steps["clean"].transform(corpus)
        self.raw, self.cleaned = repeated(corpus, options.lines), repeated(clean, options.lines)
        self.batch = repeated(corpus, options.batch_lines)
        self.single = repeated(corpus, options.single_lines)
        self.bare = Pipeline(pipeline.steps[1:])  # the same model for texts that are clean already
        self.bare_artifact = export(self.bare, folder / "bare" / "1")
        texts = {"raw": self.raw, "cleaned": self.cleaned, "batch": self.batch, "single": self.single, "empty": []}
        files = {name: self.write(name, texts) for name, texts in texts.items()}
        self.contenders = [
            self.contender(START, lambda: self.linnet(SHIPPED, files["empty"]), []),
            self.contender(RAW, lambda: self.linnet(SHIPPED, files["raw"]), self.raw),
            self.contender(BATCHED, lambda: self.scikit_learn(files["batch"], BATCH), self.batch),
            self.contender(CLEANED, lambda: self.linnet(self.bare_artifact, files["cleaned"]), self.cleaned),
        ]
        if options.engine:
            self.contenders.append(self.contender(ENGINE, self.engine, clean))
        self.contenders += self.fasttext(clean)
        self.contenders.append(self.contender(ONE_BY_ONE, lambda: self.scikit_learn(files["single"], 1), self.single))

    def contender(self, name, run, texts):
        return Contender(name, run, len(texts), sum(len(text.encode()) for text in texts))

    def write(self, name, texts):
        path = self.folder / f"{name}.jsonl"
        lines = (json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in texts)
        path.write_text("".join(lines), encoding="utf-8", newline="\n")
        return path

    def linnet(self, artifact, lines):
        """Run the process; what it took from its start to its end."""
        command = [self.options.linnet, "predict", "--model", artifact]
        with open(lines, "rb") as stdin, open(self.output, "wb") as stdout:
            start = time.perf_counter()
            process = subprocess.Popen(list(map(str, command)), stdin=stdin, stdout=stdout)
            _, status, usage = os.wait4(process.pid, 0)
            wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            raise SystemExit(f"linnet predict ended with {process.returncode}")
        return wall, usage.ru_utime + usage.ru_stime

    def scikit_learn(self, lines, batch):
        start, cpu = time.perf_counter(), time.process_time()
        with open(lines, encoding="utf-8", newline="\n") as source, open(self.output, "w", encoding="utf-8") as target:
            kept = []
            for line in source:
                kept.append(line)
                if len(kept) == batch:
                    target.write("\n".join(answers_of(self.pipeline, kept)) + "\n")
                    kept.clear()
            if kept:
                target.write("\n".join(answers_of(self.pipeline, kept)) + "\n")
        return time.perf_counter() - start, time.process_time() - cpu

    def fasttext(self, clean):
        """fastText, once for each number of buckets: 2,000,000 and 100 dimensions are its defaults, fewer are faster."""
        try:
            import fasttext
        except ImportError:
            print("fasttext-wheel is not installed: fastText is left out", file=sys.stderr)
            return []
        training = self.folder / "fasttext.txt"
        labels = self.bare.predict(clean)
        lines = [f"__label__{label} {text}\n" for label, text in zip(labels, clean)]
        training.write_text("".join(lines), encoding="utf-8")
        found = []
        for buckets in self.options.fasttext_buckets:
            size = {"bucket": buckets, "dim": 100 if buckets >= 2_000_000 else 16}
            model = fasttext.train_supervised(str(training), minn=2, maxn=8, thread=1, verbose=0, **size)
            name = f"fastText, cleaned texts ({buckets:,} buckets, {size['dim']} dimensions)"
            found.append(self.contender(name, lambda model=model: timed(model.predict, self.cleaned), self.cleaned))
        return found

    def engine(self):
        """The engine alone, by its own benchmark, in CPU time of its thread; what the corpus once would take."""
        command = ["cargo", "bench", "--quiet", "--bench", "engine", "--", "cleaned, seen words", "--only", "fast"]
        run = subprocess.run(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, check=True)
        row = next(line for line in run.stdout.splitlines() if line.startswith("cleaned, seen words"))
        rate = float(row.removeprefix("cleaned, seen words").split()[0]) * 1e6
        seconds = next(c for c in self.contenders if c.name == ENGINE).text_bytes / rate
        return seconds, seconds

    def check_answers(self):
        """Hold every answer to the batch's lines, raw and cleaned, to scikit-learn's; returns how many there were."""
        checked = 0
        clean = self.pipeline.named_steps["clean"].transform(self.single)
        cases = [(SHIPPED, self.pipeline, self.batch), (self.bare_artifact, self.bare, clean)]
        for artifact, pipeline, texts in cases:
            path = self.write("checked", texts)
            self.linnet(artifact, path)
            with open(path, encoding="utf-8", newline="\n") as lines:
                expected = answers_of(pipeline, lines)
            with open(self.output, encoding="utf-8", newline="\n") as found:
                answers = list(found)
            if len(answers) != len(expected):
                raise SystemExit(f"{len(answers)} answers to {len(expected)} lines")
            for at, pair in enumerate(zip(answers, expected), 1):
                answer, wanted = map(json.loads, pair)
                shares, wanted_shares = answer["probabilities"], wanted["probabilities"]
                close = all(abs(shares[key] - share) <= TOLERANCE for key, share in wanted_shares.items())
                if answer["label"] != wanted["label"] or not close:
                    raise SystemExit(f"line {at}: {answer} where scikit-learn says {wanted}")
            checked += len(answers)
        return checked


def timed(run, argument):
    start, cpu = time.perf_counter(), time.process_time()
    run(argument)
    return time.perf_counter() - start, time.process_time() - cpu


def markdown(bench, source, checked):
    """The report, line by line."""
    by_name = {contender.name: contender for contender in bench.contenders}
    core = max(os.sched_getaffinity(0))
    yield f"Measured on {datetime.datetime.now():%Y-%m-%d} on core {core} of {processor()}; {platform.release()};"
    yield f"CPython {platform.python_version()}, scikit-learn {sklearn.__version__}. Texts: {source}, in varied order."
    yield f"{bench.options.rounds} rounds, medians. All of {checked:,} answers checked are scikit-learn's: equal labels,"
    yield f"probabilities within {TOLERANCE:g}."
    yield ""
    yield "| | texts a round | texts/s | range | texts a CPU-second | MB/s of text |"
    yield "|---|--:|--:|--:|--:|--:|"
    for contender in bench.contenders:
        if contender.name == START:
            continue
        rates = contender.rates()
        rate, busy = statistics.median(rates), contender.texts / statistics.median(contender.cpus)
        megabytes = rate * contender.text_bytes / contender.texts / 1e6
        yield (
            f"| {contender.name} | {contender.texts:,} | {rate:,.0f} | {min(rates):,.0f}–{max(rates):,.0f} "
            f"| {busy:,.0f} | {megabytes:.2f} |"
        )
    start = by_name[START]
    yield ""
    yield (
        f"`linnet predict` starts and loads the model in {statistics.median(start.walls) * 1000:.0f} ms, "
        "which its rates above include."
    )
    yield ""
    yield "| ratio of texts/s | median | range | of texts a CPU-second | without linnet's start |"
    yield "|---|--:|--:|--:|--:|"
    pairs = [(RAW, BATCHED), (RAW, ONE_BY_ONE)]
    for name in by_name:
        if name.startswith("fastText"):
            pairs += [(CLEANED, name)] + [(ENGINE, name)] * (ENGINE in by_name)
    for ours, theirs in pairs:
        one, other = by_name[ours], by_name[theirs]
        walls, cpus = ratios(one, other, one.walls, other.walls), ratios(one, other, one.cpus, other.cpus)
        idle = start.walls if ours != ENGINE else [0] * len(start.walls)
        loaded = ratios(one, other, [wall - idle for wall, idle in zip(one.walls, idle)], other.walls)
        middles = [f"{statistics.median(each):.1f}" for each in (walls, cpus, loaded)]
        spread = f"{min(walls):.1f}–{max(walls):.1f}"
        yield f"| {ours} ÷ {theirs} | {middles[0]} | {spread} | {middles[1]} | {middles[2]} |"


def ratios(one, other, times, other_times):
    """How many times as many texts `one` does in the same time, round by round."""
    return [(one.texts / time) / (other.texts / other_time) for time, other_time in zip(times, other_times)]


def processor():
    """The processor's name."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    return f"{names[0]} ({len(names)} cores)" if names else platform.machine()


if __name__ == "__main__":
    main()
