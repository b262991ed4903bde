"""Write an artifact of a random model, to see how speed depends on the numbers of classes and features.

    PYTHONPATH=artifacts/export python loadtest/synthetic_artifact.py --classes 16 --features 20000 OUTDIR
"""

import argparse
import itertools
import string

import numpy as np
from linnet_export import TextCleaner, export
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import SGDClassifier
from sklearn.pipeline import Pipeline

# The most frequent letters first: n-grams of them occur in real texts, so look-ups also succeed.
LETTERS = "etaoinsrhldcumfpgwybvkxjqz"


def vocabulary(features: int) -> list:
    """The first so many n-grams of letters, short ones first."""
    ngrams = (
        "".join(letters) for length in range(2, 9) for letters in itertools.product(LETTERS, repeat=length)
    )
    return list(itertools.islice(ngrams, features))


def main() -> None:
    """Make the model and export it."""
    parser = argparse.ArgumentParser(description="Write an artifact of a random model.")
    parser.add_argument("outdir")
    parser.add_argument("--classes", type=int, required=True)
    parser.add_argument("--features", type=int, required=True)
    options = parser.parse_args()
    random = np.random.default_rng(0)
    names = [f"class-{number}" for number in range(options.classes)]
    texts = [string.ascii_lowercase] * options.classes
    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 8), vocabulary=vocabulary(options.features))
    pipeline = Pipeline(
        [
            ("clean", TextCleaner(lower=True, stop_words="nltk", stem=False)),
            ("tfidf", vectorizer),
            ("classifier", SGDClassifier(loss="log_loss", max_iter=1, tol=None, random_state=0)),
        ]
    )
    pipeline.fit(texts, names)
    classifier = pipeline.named_steps["classifier"]
    classifier.coef_ = random.normal(size=classifier.coef_.shape)
    classifier.intercept_ = random.normal(size=classifier.intercept_.shape)
    export(pipeline, options.outdir)


if __name__ == "__main__":
    main()
