"""Seconds of an import, beside those of torch and scikit-learn alone.

``python -m benchmarks.imports [--quick]`` starts new processes in turns. Writes
``benchmarks/results/imports.csv``.
"""

import argparse
import subprocess
import sys

from .results import show_and_write
from .timing import medians

IMPORTS = {
    "torch and scikit-learn": "import torch, sklearn",
    "stable_embedding": "import stable_embedding",
}


def main():
    """Time in turns, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two turns")
    arguments = parser.parse_args()
    jobs = [
        lambda program=program: subprocess.run(
            [sys.executable, "-c", program], check=True
        )
        for program in IMPORTS.values()
    ]
    times = medians(jobs, 2 if arguments.quick else 9, "imports")
    rows = [
        {"import": name, "seconds": f"{time:.2f}", "ratio": f"{time / times[0]:.2f}"}
        for name, time in zip(IMPORTS, times)
    ]
    show_and_write("imports", rows, arguments.quick)


if __name__ == "__main__":
    main()
