"""Draw the picture of the landing page: three trainings, plain above and stable below.

``python -m benchmarks.picture`` trains a plain autoencoder and `StableAutoencoder` from
three seeds each, as ``python -m stable_embedding`` does, and draws the digits held out.
Writes ``docs/_static/three_trainings.png``.
"""

from pathlib import Path

import matplotlib.pyplot as plt
from tqdm.auto import tqdm

from stable_embedding.__main__ import METHODS, load_split
from stable_embedding.plotting import EmbeddingDisplay

PICTURE = Path(__file__).parents[1] / "docs" / "_static" / "three_trainings.png"
SHOWN = {
    "plain autoencoder": "a plain autoencoder, trained three times",
    "StableAutoencoder": "StableAutoencoder, trained three times",
}


def main():
    """Train, draw and write."""
    X_train, X_test, _, y_test = load_split()
    figure = plt.figure(figsize=(10, 6.4), layout="constrained")
    parts = figure.subfigures(len(SHOWN), 1)
    for part, (method, title) in zip(parts, tqdm(SHOWN.items(), unit="method")):
        axes = part.subplots(1, 3, sharex=True, sharey=True)
        maps = [
            METHODS[method](seed).fit(X_train).transform(X_test) for seed in range(3)
        ]
        EmbeddingDisplay(maps, y_test).plot(ax=axes, legend=False)
        for ax in axes:
            ax.set(title="", xlabel="", ylabel="", xticks=[], yticks=[])
        part.suptitle(title, fontsize=13)
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(
        handles, names, title="digit", loc="outside right center", markerscale=3
    )
    figure.savefig(PICTURE, dpi=120)


if __name__ == "__main__":
    main()
