"""What `POST /predict` takes. The validators are the lesson's, since their error bodies are part of the contract."""

from typing import List

from fastapi import Query
from pydantic import BaseModel, validator


class Text(BaseModel):
    """One text to classify."""

    # The lesson declares a default of None, which makes a missing text valid here and an error 500 later.
    text: str = Query(None, min_length=1)


class PredictPayload(BaseModel):
    """The texts of one request."""

    texts: List[Text]

    @validator("texts")
    def list_must_not_be_empty(cls, value):
        if not value:
            raise ValueError("List of texts to classify cannot be empty.")
        return value

    class Config:
        schema_extra = {
            "example": {
                "texts": [
                    {"text": "Transfer learning with transformers for text classification."},
                    {"text": "Generative adversarial networks in both PyTorch and TensorFlow."},
                ]
            }
        }
