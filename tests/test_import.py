"""What an import of the package costs."""

import subprocess
import sys

import pytest

SLOW = ["accelerate", "dask", "matplotlib", "onnx", "pynndescent", "skl2onnx", "skorch"]


@pytest.mark.parametrize("package", SLOW)
def test_what_is_slow_is_imported_when_it_is_used(package):
    program = f"import sys, stable_embedding; print({package!r} in sys.modules)"
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "False"


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
