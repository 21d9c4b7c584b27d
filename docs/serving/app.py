"""The service: ``gunicorn app:application``, with the folder of a model in MODEL."""

import hashlib
import json
import os
import sys
from time import perf_counter

from model import Model

LARGEST_BODY = 1_000_000
MOST_ROWS = 1_000

model = Model(os.environ.get("MODEL", "model"))


def application(environ, start_response):
    """Answer one request, as WSGI asks for it."""
    status, answer = route(environ)
    content = json.dumps(answer, allow_nan=False).encode()
    headers = [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(content))),
    ]
    start_response(status, headers)
    return [content]


def route(environ):
    """Return the status and the answer of a request."""
    match environ["REQUEST_METHOD"], environ["PATH_INFO"]:
        case "GET", "/health":
            return "200 OK", {"status": "ok", "version": model.version}
        case "POST", "/embed":
            return embed(environ)
        case _, "/health" | "/embed":
            return "405 Method Not Allowed", {"error": "GET /health or POST /embed"}
        case _:
            return "404 Not Found", {"error": "there are /health and /embed"}


def embed(environ):
    """Embed the rows of a request, and log each."""
    started = perf_counter()
    try:
        length = int(environ.get("CONTENT_LENGTH") or 0)
        if length > LARGEST_BODY:
            error = f"{length} bytes are more than {LARGEST_BODY}"
            return "413 Content Too Large", {"error": error}
        rows = parse(environ["wsgi.input"].read(length))
        found = model.embed(rows)
    except ValueError as error:
        return "400 Bad Request", {"error": str(error)}
    milliseconds = 1_000 * (perf_counter() - started)
    for row, one in zip(rows, found):
        log(row, one, milliseconds)
    return "200 OK", {"version": model.version, "rows": found}


def parse(body):
    """Return the rows of a body, or raise ValueError if it holds none."""
    try:
        rows = json.loads(body)
    except (RecursionError, ValueError) as error:
        raise ValueError(f"the body is no JSON: {error}") from error
    if not isinstance(rows, list) or not 0 < len(rows) <= MOST_ROWS:
        raise ValueError(f"the body must be a list of 1 to {MOST_ROWS} rows")
    return rows


def log(row, found, milliseconds):
    """Log what a row was to the model, by its hash, and what it got."""
    canonical = json.dumps(model.values_of(row), sort_keys=True).encode()
    entry = {
        "version": model.version,
        "input": hashlib.sha256(canonical).hexdigest()[:16],
        "milliseconds": round(milliseconds, 3),
        **found,
    }
    sys.stdout.write(f"{json.dumps(entry)}\n")
    sys.stdout.flush()
