"""The service of docs/serving.md says what the pipeline says."""

import hashlib
import http.client
import io
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import venv
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from types import SimpleNamespace
from wsgiref.util import setup_testing_defaults

import numpy as np
import pandas as pd
import pytest

from stable_embedding import __version__
from stable_embedding.training import plan

pytest.importorskip("onnxruntime")
pytest.importorskip("skl2onnx")

ROOT = Path(__file__).parents[1]
SERVING = ROOT / "docs" / "serving"


@pytest.fixture(scope="module")
def train():
    return runpy.run_path(str(SERVING / "train.py"))


@pytest.fixture(scope="module")
def trained(train, tmp_path_factory):
    """Fit and export a map of a CSV; return detector, table and folder."""
    folder = tmp_path_factory.mktemp("serving")
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "age": rng.integers(18, 90, 80),
            "income": rng.lognormal(10, 0.5, 80),
            "last seen": 1.7e9 + rng.uniform(0, 3600, 80),
            "city": rng.choice(["Busan", "Seoul", None], 80),
            "member": rng.choice([True, False], 80),
            "opted in": rng.choice([True, False, None], 80),
            "charge": 1e-12 * rng.normal(size=80),
        },
        index=pd.Index([f"c{i}" for i in range(80)], name="id"),
    )
    table.loc[table.index[::7], "income"] = np.nan
    table.to_csv(folder / "customers.csv")
    table = train["read_table"](folder / "customers.csv")
    detector = train["build"](n_init=2, max_iter=3, random_state=0).fit(table)
    train["export"](detector, table, folder / "model")
    return detector, table, folder / "model"


@pytest.fixture
def make_model(monkeypatch):
    monkeypatch.syspath_prepend(SERVING)
    yield runpy.run_path(str(SERVING / "model.py"))["Model"]
    sys.modules.pop("model", None)


@pytest.fixture
def ask(trained, make_model, monkeypatch):
    """Send the application a request; return the status and the answer."""
    monkeypatch.setenv("MODEL", str(trained[-1]))
    application = runpy.run_path(str(SERVING / "app.py"))["application"]

    def ask(method, path, body=b""):
        environ = {"REQUEST_METHOD": method, "PATH_INFO": path}
        environ |= {"CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body)}
        setup_testing_defaults(environ)
        told = []
        parts = application(environ, lambda status, headers: told.append(status))
        return int(told[0].split()[0]), json.loads(b"".join(parts))

    return ask


def rows_of(table):
    """Write the samples of a table as a client does."""
    return [
        {name: None if pd.isna(value) else value for name, value in row.items()}
        for row in table.to_dict("records")
    ]


def assert_embedded(found, detector, table):
    expected = detector.estimator_.transform(table)
    errors = -detector.score_samples(table)
    # The bounds that docs/saving.md promises of all graphs.
    np.testing.assert_allclose(
        [one["codes"] for one in found], expected, atol=1e-4 * np.abs(expected).max()
    )
    np.testing.assert_allclose(
        [one["error"] for one in found], errors, atol=1e-4 * errors.max()
    )


@pytest.mark.numeric
def test_rows_get_what_the_pipeline_gives_them(trained, make_model):
    detector, table, folder = trained
    unseen = table.assign(city=["Paris", *table["city"][1:]])
    found = make_model(folder).embed(rows_of(unseen))
    assert_embedded(found, detector, unseen)
    clear = np.abs(detector.decision_function(unseen)) > 1e-4 * abs(detector.offset_)
    judged = np.array([one["is_outlier"] for one in found])
    np.testing.assert_array_equal(
        judged[clear], (detector.predict(unseen) == -1)[clear]
    )


def test_a_row_gets_the_same_alone_and_among_others(trained, make_model):
    model, rows = make_model(trained[-1]), rows_of(trained[1])
    alone = [model.embed([row])[0]["codes"] for row in rows[:5]]
    together = [one["codes"] for one in model.embed(rows)[:5]]
    scale = np.abs(together).max()
    # float32 sums may be taken in another order for another number of rows
    np.testing.assert_allclose(alone, together, atol=1e-5 * scale)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"age": "old"}, "column 'age' is 'old'; it must be a number or null"),
        ({"age": True}, "column 'age' is True"),
        ({"age": 10**400}, "column 'age' is 1000"),
        ({"age": 1e300}, "too large to be embedded"),
        ({"last seen": float("inf")}, "column 'last seen' is inf"),
        ({"city": 3}, "column 'city' is 3; it must be a text or null"),
        (
            {"city": "\ud800"},
            r"column 'city' is '\\ud800', which holds a lone surrogate",
        ),
    ],
)
def test_what_a_row_must_be_is_said(change, message, trained, make_model):
    row = rows_of(trained[1][:1])[0]
    model = make_model(trained[-1])
    with pytest.raises(ValueError, match=message):
        model.embed([row | change])
    del row["income"]
    with pytest.raises(ValueError, match="lacks the column 'income'"):
        model.embed([row])
    with pytest.raises(ValueError, match="a row is 3"):
        model.embed([3])


def test_null_is_what_a_csv_lacks(trained, make_model, tmp_path):
    detector, table, folder = trained
    row = rows_of(table[:1])[0] | {"income": None, "city": None}
    expected = table[:1].assign(income=np.nan, city="")
    assert_embedded(make_model(folder).embed([row]), detector, expected)


@pytest.mark.numeric
def test_columns_may_have_the_names_of_outputs(train, make_model, tmp_path):
    values = np.random.default_rng(0).normal(size=(30, 3))
    table = pd.DataFrame(values, columns=["scores", "label", "variable"])
    detector = train["build"](n_init=2, max_iter=2, random_state=0).fit(table)
    train["export"](detector, table, tmp_path)
    assert_embedded(make_model(tmp_path).embed(rows_of(table)), detector, table)


def test_a_map_that_holds_a_table_exactly_is_served(train, make_model, tmp_path):
    table = pd.DataFrame({"a": np.random.default_rng(0).normal(size=80)})
    detector = train["build"](n_init=1, max_iter=2, random_state=0).fit(table)
    train["export"](detector, table, tmp_path)
    [found] = make_model(tmp_path).embed(rows_of(table[:1]))
    assert abs(found["error"]) < 1e-12


def test_graphs_that_say_something_else_are_not_served(trained, make_model, tmp_path):
    folder = shutil.copytree(trained[-1], tmp_path / "model")
    path = folder / "model.json"
    description = json.loads(path.read_text())
    description["codes"][0][0] += 1
    path.write_text(json.dumps(description))
    with pytest.raises(RuntimeError, match="codes of the examples .* off by 1"):
        make_model(folder)


def test_the_version_names_the_graphs_and_who_wrote_them(trained):
    folder = trained[-1]
    description = json.loads((folder / "model.json").read_text())
    graphs = [(folder / f"{name}.onnx").read_bytes() for name in ("map", "alarm")]
    digest = hashlib.sha256(b"".join(graphs)).hexdigest()
    assert digest.startswith(description["version"])
    assert description["libraries"]["stable_embedding"] == __version__


def test_requests_are_answered(ask, trained):
    detector, table, _ = trained
    status, health = ask("GET", "/health")
    assert (status, health["status"]) == (200, "ok")
    body = json.dumps(rows_of(table)).encode()
    status, answer = ask("POST", "/embed", body)
    assert (status, answer["version"]) == (200, health["version"])
    assert_embedded(answer["rows"], detector, table)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "message"),
    [
        ("GET", "/", b"", 404, "there are /health and /embed"),
        ("GET", "/embed", b"", 405, "POST /embed"),
        ("POST", "/health", b"", 405, "GET /health"),
        ("POST", "/embed", b"", 400, "no JSON"),
        ("POST", "/embed", b"\xff", 400, "no JSON"),
        ("POST", "/embed", b"[" * 100_000, 400, "no JSON"),
        ("POST", "/embed", b"{}", 400, "list of 1 to 1000 rows"),
        ("POST", "/embed", b"[]", 400, "list of 1 to 1000 rows"),
        ("POST", "/embed", b"[{}]", 400, "lacks the column"),
        ("POST", "/embed", b" " * 1_000_001, 413, "1000001 bytes are more"),
    ],
)
def test_what_a_request_must_be_is_said(method, path, body, status, message, ask):
    found, answer = ask(method, path, body)
    assert found == status
    assert message in answer["error"]


def test_the_log_has_the_hash_of_a_row_and_not_the_row(ask, trained, capsys):
    _, table, _ = trained
    rows = rows_of(table[:2])
    answers = []
    for body in (rows, [rows[0] | {"further": 1}]):
        _, answer = ask("POST", "/embed", json.dumps(body).encode())
        answers += [(answer["version"], one) for one in answer["rows"]]
    output = capsys.readouterr().out
    entries = list(map(json.loads, output.splitlines()))
    for entry, (version, one) in zip(entries, answers, strict=True):
        assert entry["milliseconds"] > 0
        assert entry["version"] == version
        assert {key: entry[key] for key in one} == one
    first, second, again = (entry["input"] for entry in entries)
    assert first == again != second
    assert str(rows[0]["income"]) not in output


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"age": 42}, {"age": 42.0}),
        ({"age": 0.0}, {"age": -0.0}),
        ({"city": None}, {"city": ""}),
    ],
)
def test_rows_that_are_the_same_to_the_model_have_the_same_hash(
    one, other, ask, trained, capsys
):
    row = rows_of(trained[1][:1])[0]
    ask("POST", "/embed", json.dumps([row | one, row | other, row]).encode())
    first, second, _ = map(json.loads, capsys.readouterr().out.splitlines())
    assert first["input"] == second["input"]
    assert first["codes"] == second["codes"]


def test_examples_are_written_with_all_their_digits(trained):
    _, table, folder = trained
    examples = json.loads((folder / "model.json").read_text())["examples"]
    assert examples == rows_of(table[: len(examples)])
    assert all(one["charge"] != 0 for one in examples)


def test_true_and_false_are_read_as_text(trained):
    table = trained[1]
    assert set(table["member"]) == {"True", "False"}
    assert set(table["opted in"]) == {"True", "False", ""}


def test_what_is_served_with_is_what_is_tested_with():
    pinned = dict(
        line.split("==")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if "==" in line
    )
    lines = (SERVING / "requirements.txt").read_text().splitlines()
    required = dict(line.split("==") for line in lines if line[0] != "#")
    for name in required.keys() & pinned.keys():
        assert required[name] == pinned[name]
    assert {"gunicorn", "numpy", "onnxruntime"} <= required.keys() & pinned.keys()


def steps_of(dockerfile):
    """Instructions of a Dockerfile, by kind."""
    lines = re.sub(r"\\\n\s*", "", dockerfile.read_text()).splitlines()
    return [line.split(" ", 1) for line in lines if line]


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="gunicorn needs a POSIX system")
def test_the_container_serves_what_the_pipeline_says(trained, tmp_path):
    """Take the steps of the Dockerfile in an environment that has nothing else."""
    detector, table, folder = trained
    context = shutil.copytree(SERVING, tmp_path / "context")
    shutil.copytree(folder, context / "model")
    service = tmp_path / "service"
    service.mkdir()
    venv.create(tmp_path / "venv", with_pip=True)
    python = str(tmp_path / "venv" / "bin" / "python")
    log = (tmp_path / "log").open("w+")
    server, environ = None, {"HOME": "/nonexistent"}  # as that of nobody
    try:
        for kind, value in steps_of(context / "Dockerfile"):
            match kind:
                case "COPY":
                    *sources, target = value.split()
                    for source in map(context.joinpath, sources):
                        if source.is_dir():
                            shutil.copytree(source, service / target)
                        else:
                            shutil.copy(source, service / target)
                case "RUN":
                    command = value.replace("python", python, 1).split()
                    run = subprocess.run(
                        command, cwd=service, capture_output=True, text=True
                    )
                    if "onnection" in run.stderr and run.returncode:
                        pytest.skip("no packages can be fetched here")
                    assert run.returncode == 0, run.stderr
                case "ENV":
                    environ |= dict([value.split("=", 1)])
                case "HEALTHCHECK":
                    health = json.loads(value.removeprefix("CMD "))
                case "CMD":
                    command = [python, *json.loads(value)[1:]]
                    at = command.index("--bind=0.0.0.0:8000")
                    command[at] = "--bind=127.0.0.1:0"
                    server = subprocess.Popen(
                        command, cwd=service, stdout=log, stderr=log, env=environ
                    )
        port = port_of(tmp_path / "log", server)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("POST", "/embed", json.dumps(rows_of(table)))
        answer = connection.getresponse()
        assert answer.status == 200
        assert_embedded(json.loads(answer.read())["rows"], detector, table)
        connection.close()
        script = health[-1].replace("8000", str(port))
        subprocess.run([python, "-c", script], check=True, timeout=60)
        program = "import importlib.util as u; print(u.find_spec('torch'))"
        found = subprocess.run([python, "-c", program], capture_output=True, text=True)
        assert found.stdout.strip() == "None"
        told = (tmp_path / "log").read_text().lower()
        assert "error" not in re.sub(r'"error"', "", told)
        assert "telemetry" not in told
    finally:
        if server is not None:
            server.terminate()
            server.wait(60)
        log.close()


def port_of(log, server, seconds=120):
    """Return the port of a server, once it listens."""
    end = monotonic() + seconds
    while not (found := re.search(r"Listening at: http://\S+:(\d+)", log.read_text())):
        assert server.poll() is None, log.read_text()
        assert monotonic() < end
        sleep(0.1)
    return int(found[1])


class FakeRuns:
    """What the page uses of MLflow, which the tests do without."""

    def __init__(self):
        self.logged = []

    @contextmanager
    def start_run(self):
        yield

    def active_run(self):
        return SimpleNamespace(info=SimpleNamespace(run_id="run"))

    def log_metric(self, *metric, step=None):
        name, value = metric[-2:]
        assert isinstance(value, float), name
        self.logged.append((name, step, value))


def test_mlflow_gets_each_term_of_the_loss(monkeypatch):
    fake = FakeRuns()
    monkeypatch.setitem(sys.modules, "mlflow", fake)
    tracking = SimpleNamespace(MlflowClient=lambda: fake)
    monkeypatch.setitem(sys.modules, "mlflow.tracking", tracking)
    monkeypatch.setattr(plan, "AUTO_N_INIT", 2)  # to take less time
    page = (ROOT / "docs" / "serving.md").read_text()
    [block] = re.findall(r"```py\n(.*?)```", page, flags=re.DOTALL)
    names = {}
    exec(block, names)
    model = names["model"]
    for term, values in model.history_.items():
        found = [
            (step, value)
            for name, step, value in fake.logged
            if name == f"train_{term}"
        ]
        assert found == list(enumerate(values, start=1))
    assert fake.logged[-1][0] == "explained_variance"
