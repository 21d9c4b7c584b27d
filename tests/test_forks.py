"""Processes that are forked from one that has computed in threads."""

import os
import re
import subprocess
import sys
import textwrap
import urllib.request
from time import monotonic, sleep

import numpy as np
import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a system that forks"),
]

FIT_IN_TWO_THREADS = """
import torch
torch.set_num_threads(2)
from sklearn.datasets import load_digits
from stable_embedding import StableAutoencoder
X = load_digits().data[:600]
model = StableAutoencoder(n_init=2, max_iter=1, neighbor_weight=1.0, random_state=0)
codes = model.fit(X).transform(X)
"""


def test_a_forked_child_does_not_hang():
    script = """
    import multiprocessing
    import numpy as np

    def act(name):
        # Whoever asks for two threads in a forked process waits for ever.
        return getattr(model, name)(X), torch.get_num_threads()

    for name in ("transform", "transform_runs", "score_samples", "fit_transform"):
        with multiprocessing.get_context("fork").Pool(1) as pool:
            found, n_threads = pool.apply(act, (name,))
        expected, n_threads_here = act(name)
        assert (n_threads, n_threads_here) == (1, 2)
        # Sums of other numbers of threads are rounded otherwise; a fit amplifies that.
        tolerance = 0.05 if name == "fit_transform" else 1e-5
        assert np.abs(found - expected).max() <= tolerance * np.abs(expected).max()
    """
    script = FIT_IN_TWO_THREADS + textwrap.dedent(script)
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)


def test_a_forked_child_waits_for_no_thread_of_its_parent():
    script = """
    import os, signal, threading
    from stable_embedding import _ambient

    def hold():
        with _ambient._setting_streams:
            is_held.set()
            may_leave.wait()

    is_held, may_leave = threading.Event(), threading.Event()
    other = threading.Thread(target=hold)
    other.start()
    is_held.wait()
    with _ambient._random_streams.lock, _ambient._full_precision.lock:
        child = os.fork()
        if not child:
            signal.alarm(60)
            with _ambient.own_random_stream(0), _ambient.own_settings():
                os._exit(0)
    may_leave.set()
    assert os.waitpid(child, 0) == (child, 0)
    """
    script = textwrap.dedent(script)
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)


def test_two_forked_workers_serve(tmp_path):
    (tmp_path / "service.py").write_text(
        FIT_IN_TWO_THREADS
        + textwrap.dedent("""
        import os
        import numpy as np
        np.save("codes.npy", codes)

        def application(environ, start_response):
            row = int(environ["PATH_INFO"].removeprefix("/"))
            start_response("200 OK", [("Content-Type", "text/plain")])
            values = model.transform(X[row : row + 1])[0].tolist()
            return [f"{os.getpid()} {values[0]} {values[1]}".encode()]
        """)
    )
    log = (tmp_path / "log").open("w+")
    server = subprocess.Popen(
        f"{sys.executable} -m gunicorn --preload --workers=2 --bind=127.0.0.1:0"
        " service:application".split(),
        cwd=tmp_path,
        stderr=log,
    )
    try:
        address = wait_for(lambda: listening_at(tmp_path / "log"), server)
        answers = {}
        started = monotonic()
        while len(answers) < 2 and monotonic() - started < 60:
            with urllib.request.urlopen(f"{address}/7", timeout=60) as answer:
                worker, *values = answer.read().decode().split()
            answers[worker] = np.array(values, dtype=float)
    finally:
        server.terminate()
        server.wait(60)
        log.close()
    assert len(answers) == 2
    expected = np.load(tmp_path / "codes.npy")[7]
    for values in answers.values():
        np.testing.assert_allclose(values, expected, rtol=1e-4)


def listening_at(log):
    found = re.search(r"Listening at: (http://\S+)", log.read_text())
    return found and found[1]


def wait_for(find, server, seconds=120):
    """Return what is found, once it is."""
    end = monotonic() + seconds
    while not (found := find()):
        assert server.poll() is None
        assert monotonic() < end
        sleep(0.1)
    return found
