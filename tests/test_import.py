"""What an import of the package costs."""

import subprocess
import sys

import pytest

SLOW = {
    "accelerate",
    "bokeh",
    "dask",
    "matplotlib",
    "onnx",
    "pynndescent",
    "skl2onnx",
    "skorch",
}


def test_what_is_slow_is_imported_when_it_is_used():
    program = "import sys, stable_embedding; print(*sys.modules)"
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    imported = set(found.stdout.split())
    assert "stable_embedding" in imported
    assert not SLOW & imported


@pytest.mark.slow
def test_nothing_is_fetched():
    program = """
import socket
def refuse(*args, **kwargs):
    raise AssertionError("a connection was opened")
socket.socket.connect = socket.create_connection = refuse
import numpy as np
from stable_embedding import StableAutoencoder
StableAutoencoder(max_iter=2).fit_transform(np.eye(5))
"""
    subprocess.run([sys.executable, "-c", program], check=True)
