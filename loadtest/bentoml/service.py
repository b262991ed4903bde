"""The fitted pipeline of the lesson as a BentoML service: what BentoML's own guide makes of a scikit-learn model."""

import os
from typing import List

import bentoml
import joblib


@bentoml.service(workers=int(os.environ.get("WEB_CONCURRENCY", "1")))
class Tagifai:
    """Predicts tags for texts."""

    def __init__(self) -> None:
        self.pipeline = joblib.load(os.environ["LESSON_MODEL"])

    @bentoml.api
    def predict(self, texts: List[str]) -> List[str]:
        """One tag a text."""
        return self.pipeline.predict(texts).tolist()
