"""Time what a row costs by HTTP, beyond an endpoint that does nothing.

A service of docs/serving is started with two workers on this machine, and asked for one
row and for its health in turns, over one open connection. The Python that runs this
needs gunicorn and the extra onnx.
"""

import argparse
import http.client
import json
import os
import re
import runpy
import subprocess
import sys
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import sleep

import numpy as np
import pandas as pd

from benchmarks.results import write
from benchmarks.timing import medians

SERVING = Path(__file__).parents[1] / "docs" / "serving"
COMMAND = (
    "-m gunicorn --bind=127.0.0.1:0 --workers=2 --worker-class=gthread --threads=4"
    " --no-control-socket app:application"
)


def customers(n_customers):
    """Make a table of numbers, categories and missing values."""
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=(n_customers, 8))
    numbers[rng.random(numbers.shape) < 0.05] = np.nan
    table = pd.DataFrame(numbers, columns=[f"number {i}" for i in range(8)])
    for i in range(4):
        table[f"word {i}"] = rng.choice([f"level {j}" for j in range(6)], n_customers)
    return table


def ask(connection, method, path, body=None):
    """Ask once, and read the answer."""
    connection.request(method, path, body)
    answer = connection.getresponse()
    content = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"{path} answered {answer.status}: {content.decode()}")


def start(folder):
    """Start the service for the model in a folder; return it and its port."""
    log = Path(folder) / "log"
    with log.open("w") as file:
        server = subprocess.Popen(
            [sys.executable, *COMMAND.split()],
            cwd=SERVING,
            stdout=subprocess.DEVNULL,
            stderr=file,
            env=os.environ | {"MODEL": str(folder), "ORT_DISABLE_TELEMETRY": "1"},
        )
    while not (found := re.search(r"Listening at: \S+:(\d+)", log.read_text())):
        if server.poll() is not None:
            raise RuntimeError(log.read_text())
        sleep(0.1)
    return server, int(found[1])


def main():
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few customers and turns")
    quick = parser.parse_args().quick
    train = runpy.run_path(str(SERVING / "train.py"))
    table = customers(500 if quick else 5_000)
    with TemporaryDirectory() as folder:
        train["export"](train["build"](random_state=0).fit(table), table, folder)
        [row] = json.loads(table[:1].to_json(orient="records"))
        server, port = start(folder)
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port)
            jobs = {
                "nothing": partial(ask, connection, "GET", "/health"),
                "one row": partial(
                    ask, connection, "POST", "/embed", json.dumps([row])
                ),
                "100 rows": partial(
                    ask, connection, "POST", "/embed", json.dumps(100 * [row])
                ),
            }
            took = medians(jobs.values(), 100 if quick else 2_000, "requests")
        finally:
            server.terminate()
            server.wait()
    rows = [
        {
            "request": name,
            "median ms": f"{1_000 * seconds:.3f}",
            "beyond nothing ms": f"{1_000 * (seconds - took[0]):.3f}",
        }
        for name, seconds in zip(jobs, took)
    ]
    for one in rows:
        print(one)
    print(f"load of the last minute: {os.getloadavg()[0]:.1f}")
    if not quick:
        write("serving", rows, seeds="0")


if __name__ == "__main__":
    main()
