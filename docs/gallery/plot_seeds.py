"""
Compare seeds with t-SNE, UMAP and PaCMAP
=========================================

Train a map with several seeds, and once without a sample, before you rely on it. This
example does so for four methods. A map whose clusters change places from picture to
picture cannot be read by position.
"""

# %%
# Take 600 digits. UMAP and PaCMAP are drawn if they are installed
# (``pip install umap-learn pacmap``). Set ``neighbor_weight=3`` to get clusters, as the
# other methods do.
from importlib.util import find_spec

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.manifold import TSNE

from stable_embedding import StableAutoencoder
from stable_embedding.plotting import COLORS
from stable_embedding.stability import displacement

X, y = (array[:600] for array in load_digits(return_X_y=True))
methods = {
    "StableAutoencoder": lambda seed: StableAutoencoder(
        neighbor_weight=3, n_init=4, random_state=seed
    ),
    "t-SNE": lambda seed: TSNE(random_state=seed),
}
if find_spec("umap"):
    from umap import UMAP

    methods["UMAP"] = lambda seed: UMAP(n_jobs=1, random_state=seed)
if find_spec("pacmap"):
    from pacmap import PaCMAP

    methods["PaCMAP"] = lambda seed: PaCMAP(random_state=seed)

# %%
# Train each method with three seeds, and once more with the first seed but without the
# last sample.
maps = {
    name: [method(seed).fit_transform(X) for seed in range(3)]
    + [method(0).fit_transform(X[:-1])]
    for name, method in methods.items()
}

# %%
# Draw the maps as they come, with a color for each digit. The squared displacement from
# the first map is below each map, as a percentage of its variance.
# Unrelated maps have about 200 %. Clusters of UMAP change places on these digits.
titles = ("seed 0", "seed 1", "seed 2", "seed 0, one sample fewer")
moved = {}
figure, grid = plt.subplots(
    len(maps), 4, figsize=(8, 2.2 * len(maps)), layout="constrained"
)
for axes, (name, embeddings) in zip(grid, maps.items()):
    first = embeddings[0]
    moved[name] = [displacement(first[: len(one)], one) for one in embeddings[1:]]
    for ax, codes, by in zip(axes, embeddings, [None, *moved[name]]):
        ax.scatter(*codes.T, s=4, c=np.array(COLORS)[y[: len(codes)]], linewidths=0)
        ax.set(aspect="equal", xticks=[], yticks=[], box_aspect=1)
        ax.set_xlabel("" if by is None else f"moved {100 * by:.1f} %")
    axes[0].set_ylabel(name)
for ax, title in zip(grid[0], titles):
    ax.set_title(title, fontsize="medium")
plt.show()

# %%
# Align the maps with the first one, and compare them again, if only their shape matters
# to you. A shift, a rotation and a reflection then do not count.
for name, (first, *others) in maps.items():
    shape = [displacement(first[: len(one)], one, aligned=True) for one in others]
    print(f"{name:18}", *(f"{100 * value:6.2f} %" for value in shape))
