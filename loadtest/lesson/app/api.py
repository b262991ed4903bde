"""The lesson's FastAPI application over a fitted scikit-learn pipeline.

`LESSON_MODEL` names the pipeline's joblib file. `args.json` and `performance.json` lie beside it, unless
`LESSON_ARGS` and `LESSON_PERFORMANCE` name them.
"""

import json
import os
from datetime import datetime, timezone
from functools import wraps
from http import HTTPStatus
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Callable, Dict

import joblib
from fastapi import FastAPI, Request

from app.schemas import PredictPayload

app = FastAPI(
    title="TagIfAI - Made With ML",
    description="Classify machine learning projects.",
    version="0.1",
)

artifacts: Dict[str, Any] = {}


@app.on_event("startup")
def load_artifacts() -> None:
    """Load everything before the first request is taken."""
    model = Path(os.environ["LESSON_MODEL"])
    args = Path(os.environ.get("LESSON_ARGS", model.with_name("args.json")))
    performance = Path(os.environ.get("LESSON_PERFORMANCE", model.with_name("performance.json")))
    artifacts["pipeline"] = joblib.load(model)
    artifacts["args"] = SimpleNamespace(**json.loads(args.read_text(encoding="utf-8")))
    artifacts["performance"] = json.loads(performance.read_text(encoding="utf-8"))


def construct_response(endpoint: Callable[..., Dict]) -> Callable[..., Dict]:
    """Wrap what an endpoint returns into the lesson's envelope."""

    @wraps(endpoint)
    def wrap(request: Request, *args: Any, **kwargs: Any) -> Dict:
        results = endpoint(request, *args, **kwargs)
        response = {
            "message": results["message"],
            "method": request.method,
            "status-code": results["status-code"],
            # The lesson uses the machine's local time; UTC makes two machines agree.
            "timestamp": datetime.now(timezone.utc).replace(tzinfo=None).isoformat(),
            "url": request.url._url,
        }
        if "data" in results:
            response["data"] = results["data"]
        return response

    return wrap


def ok(data: Dict) -> Dict:
    """The result of every endpoint that worked."""
    return {"message": HTTPStatus.OK.phrase, "status-code": HTTPStatus.OK, "data": data}


@app.get("/", tags=["General"])
@construct_response
def _index(request: Request) -> Dict:
    """Health check."""
    return ok({})


@app.get("/performance", tags=["Performance"])
@construct_response
def _performance(request: Request, filter: str = None) -> Dict:
    """Get the performance metrics."""
    performance = artifacts["performance"]
    return ok({"performance": performance.get(filter, performance)})


@app.get("/args", tags=["Arguments"])
@construct_response
def _args(request: Request) -> Dict:
    """Get all arguments used for the run."""
    return ok({"args": vars(artifacts["args"])})


@app.get("/args/{arg}", tags=["Arguments"])
@construct_response
def _arg(request: Request, arg: str) -> Dict:
    """Get a specific parameter's value used for the run."""
    return ok({arg: vars(artifacts["args"]).get(arg, "")})


@app.post("/predict", tags=["Prediction"])
@construct_response
def _predict(request: Request, payload: PredictPayload) -> Dict:
    """Predict tags for a list of texts."""
    texts = [item.text for item in payload.texts]
    tags = artifacts["pipeline"].predict(texts).tolist()
    predictions = [{"input_text": text, "predicted_tag": tag} for text, tag in zip(texts, tags, strict=True)]
    return ok({"predictions": predictions})
