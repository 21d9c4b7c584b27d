"""What a fit costs as rows become many: seconds, and memory beyond what fits.

``python -m benchmarks.scaling [--quick] [--folder FOLDER]`` times fits of as many
epochs on 100,000 and on 1,000,000 rows of 50 features, in turns. It then fits files of
4 GB that are mapped into memory, each in a process of its own, whose largest resident
memory is read off, and embeds them into another file: one whose variance lies along a
few axes, so that coordinates are held, and one of noise, which is read in chunks.

Writes ``benchmarks/results/scaling.csv``.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np

from stable_embedding import StableAutoencoder

from .results import show, write
from .timing import medians

N_FEATURES = 784
N_FACTORS = 20
EPOCHS = 2


def factors(n_rows, n_features, noise, rng):
    """Rows along a few axes, and noise in all features, as float32."""
    axes = rng.normal(size=(N_FACTORS, n_features)).astype(np.float32)
    scores = rng.normal(size=(n_rows, N_FACTORS)).astype(np.float32)
    rows = noise * rng.standard_normal((n_rows, n_features), dtype=np.float32)
    return rows + scores @ axes


def rows_compared(n_turns):
    """Compare fits of many rows and of ten times as many."""
    few, many = (
        factors(n, 50, 1.0, np.random.default_rng(0)) for n in (100_000, 1_000_000)
    )
    few_seconds, many_seconds = medians(
        [
            lambda X=X: StableAutoencoder(max_iter=EPOCHS, random_state=0).fit(X)
            for X in (few, many)
        ],
        n_turns,
        "rows",
    )
    return {
        "what": f"1,000,000 x 50 against 100,000 x 50, {EPOCHS} epochs",
        "seconds": f"{many_seconds:.2f}",
        "transform_seconds": "",
        "peak_gigabytes": "",
        "ratio": f"{many_seconds / few_seconds:.2f}",
    }


def write_file(path, gigabytes, noise):
    """Write rows to a file, block by block."""
    rng = np.random.default_rng(0)
    shape = (int(gigabytes * 1e9 / 4 / N_FEATURES), N_FEATURES)
    file = np.lib.format.open_memmap(path, "w+", np.float32, shape)
    for start in range(0, len(file), 50_000):
        block = file[start : start + 50_000]
        block[:] = factors(len(block), N_FEATURES, noise, np.random.default_rng(1))
        block += 0.1 * rng.standard_normal(block.shape, dtype=np.float32)
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


def peak_memory():
    """Largest resident memory of this process so far, in bytes, as Linux counts it.

    What `resource` tells would include the parent's at the fork.
    """
    status = Path("/proc/self/status").read_text()
    return 1024 * int(re.search(r"VmHWM:\s+(\d+) kB", status)[1])


def file_measured(name, noise, gigabytes, folder):
    """Measure the fit of a file."""
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        path = Path(scratch) / "X.npy"
        write_file(path, gigabytes, noise)
        command = [sys.executable, "-m", "benchmarks.scaling", "--fit", path]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found = json.loads(done.stdout)
    if not found["finite"]:
        raise RuntimeError("the codes are not finite")
    return {
        "what": f"file of {gigabytes:g} GB, {name}, 1 epoch",
        "seconds": found["seconds"],
        "transform_seconds": found["transform_seconds"],
        "peak_gigabytes": found["peak_gigabytes"],
        "ratio": "",
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
    rows.append(rows_compared(1 if arguments.quick else 3))
    show(rows[-1])
    if not arguments.quick:
        write("scaling", rows)


if __name__ == "__main__":
    main()
