"""Training on a GPU: rows per second, and the share of what the card can do.

``python -m benchmarks.gpu [--quick]`` trains networks of three sizes on noise, first on
the CPU and then on the GPU, and sets the arithmetic of the layers (six operations a
weight and row) against that of the largest product of matrices in float32 that the card
is measured to do. It also fits digits on both, and prints how far their maps lie apart.

Writes ``benchmarks/results/gpu.csv``, with the name of the card.
"""

import argparse

import torch
from sklearn.datasets import load_digits

from stable_embedding import StableAutoencoder
from stable_embedding.stability import displacement

from .results import show, write
from .speed import Case
from .timing import medians

SIZES = (
    (64, (128, 32), 128),
    (784, (256, 64), 256),
    (4_096, (2_048, 512), 8_192),
)
N_BATCHES = 50
N_EPOCHS = 4
PRODUCT = 8_192  # rows and columns of the matrices that the card multiplies


def peak_operations(n_turns):
    """Measure how many operations a second a product of matrices reaches."""
    matrix = torch.randn(PRODUCT, PRODUCT, device="cuda")

    def multiply():
        for _ in range(10):
            matrix @ matrix
        torch.cuda.synchronize()

    (seconds,) = medians([multiply], n_turns, "peak")
    return 10 * 2 * PRODUCT**3 / seconds


def training(size, device):
    """Name a training, and count its rows and operations."""
    *shape, batch_size = size
    case = Case(shape, batch_size, N_BATCHES)
    n_weights = sum(weight.numel() for weight in case.start().parameters())
    n_rows = N_EPOCHS * len(case.samples)
    return lambda: case.ours(1.0, N_EPOCHS, device), n_rows, 6 * n_weights * n_rows


def main():
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one turn, not five")
    arguments = parser.parse_args()
    if not torch.cuda.is_available():
        parser.exit(1, "no GPU here that torch can use\n")
    n_turns = 1 if arguments.quick else 5
    card, peak = torch.cuda.get_device_name(), peak_operations(n_turns)
    rows = []
    for size in SIZES:
        for device in ("cpu", "cuda"):
            job, n_rows, operations = training(size, device)
            (seconds,) = medians([job], n_turns, f"{size} {device}")
            on_card = device == "cuda"
            rows.append(
                {
                    "features": size[0],
                    "hidden": "-".join(map(str, size[1])),
                    "batch": size[2],
                    "device": card if on_card else "cpu",
                    "rows_per_second": f"{n_rows / seconds:.0f}",
                    "share_of_peak": f"{operations / seconds / peak:.4f}"
                    if on_card
                    else "",
                }
            )
            show(rows[-1])
    X, _ = load_digits(return_X_y=True)
    maps = [
        StableAutoencoder(device=device, random_state=0).fit_transform(X)
        for device in ("cpu", "cuda")
    ]
    print(f"digits, displacement between devices: {displacement(*maps):.2g}")
    if not arguments.quick:
        write("gpu", rows)


if __name__ == "__main__":
    main()
