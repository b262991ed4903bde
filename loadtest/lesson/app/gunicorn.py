"""Gunicorn's settings for the lesson's app: `gunicorn -c app/gunicorn.py -k uvicorn.workers.UvicornWorker app.api:app`.

`LESSON_BIND` and `WEB_CONCURRENCY` override the address and the number of workers.
"""

import os

bind = os.environ.get("LESSON_BIND", "127.0.0.1:8000")
workers = int(os.environ.get("WEB_CONCURRENCY") or len(os.sched_getaffinity(0)))
worker_class = "uvicorn.workers.UvicornWorker"
loglevel = "warning"
