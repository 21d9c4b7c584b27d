"""What a fit of a file costs that is larger than what may be held of it.

``python -m benchmarks.files [--quick] [--folder FOLDER]`` fits files of 4 GB that are
mapped into memory, each in a process of its own, whose largest resident memory is read
off, and embeds them into another file: one whose variance lies along a few axes, so
that coordinates are held, and one of noise, which is read in chunks.

Writes ``benchmarks/results/files.csv``.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np

from stable_embedding import StableAutoencoder

from .datasets import axes_of_factors, factors
from .memory import peak_memory
from .results import show, write

N_FEATURES = 784


def write_file(path, gigabytes, noise):
    """Write rows to a file, block by block."""
    rng = np.random.default_rng(0)
    axes = axes_of_factors(N_FEATURES, rng)
    shape = (int(gigabytes * 1e9 / 4 / N_FEATURES), N_FEATURES)
    file = np.lib.format.open_memmap(path, "w+", np.float32, shape)
    for start in range(0, len(file), 50_000):
        block = file[start : start + 50_000]
        block[:] = factors(len(block), axes, noise, rng)
    file.flush()


def fit_file(path):
    """Fit and embed a file; print what it took. Run in a process of its own."""
    start = perf_counter()
    X = np.load(path, mmap_mode="r")
    model = StableAutoencoder(max_iter=1, random_state=0, verbose=1).fit(X)
    fitted = perf_counter()
    out = np.lib.format.open_memmap(
        f"{path}.codes", "w+", np.float32, (len(X), model.n_components)
    )
    model.transform(X, out=out)
    found = {
        "seconds": f"{fitted - start:.1f}",
        "transform_seconds": f"{perf_counter() - fitted:.1f}",
        "peak_gigabytes": f"{peak_memory() / 1e9:.2f}",
        "finite": bool(np.isfinite(out).all()),
    }
    print(json.dumps(found))


def file_measured(name, noise, gigabytes, folder):
    """Measure the fit of a file."""
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        path = Path(scratch) / "X.npy"
        write_file(path, gigabytes, noise)
        command = [sys.executable, "-m", "benchmarks.files", "--fit", path]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found = json.loads(done.stdout)
    if not found["finite"]:
        raise RuntimeError("the codes are not finite")
    return {
        "what": f"file of {gigabytes:g} GB, {name}, 1 epoch",
        "seconds": found["seconds"],
        "transform_seconds": found["transform_seconds"],
        "peak_gigabytes": found["peak_gigabytes"],
    }


def main():
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="files of 0.8 GB")
    parser.add_argument("--folder", help="where to write files of 4 GB for a while")
    parser.add_argument("--fit", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.fit:
        fit_file(arguments.fit)
        return
    rows = []
    gigabytes = 0.8 if arguments.quick else 4
    for name, noise in (("along a few axes", 0.1), ("noise", 5.0)):
        rows.append(file_measured(name, noise, gigabytes, arguments.folder))
        show(rows[-1])
    if not arguments.quick:
        write("files", rows)


if __name__ == "__main__":
    main()
