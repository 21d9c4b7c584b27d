"""
What each parameter does to a map
=================================

Change one parameter at a time, and look at the map. Each grid shows several values of
one parameter on the same digits. The others keep their defaults, except where the text
says so. Most maps have two numbers for unseen samples below them: the explained
variance, and the accuracy of their five nearest neighbors in the map.
"""

# %%
# The maps are trained on 600 digits and drawn for 600 others. One run, ``n_init=1``, is
# enough for a picture.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from stable_embedding import StableAutoencoder
from stable_embedding.plotting import COLORS
from stable_embedding.quality import neighbor_accuracy
from stable_embedding.stability import displacement

X, y = load_digits(return_X_y=True)
X_train, X_new, y_train, y_new = train_test_split(
    X, y, train_size=600, test_size=600, random_state=0, stratify=y
)
colors = np.array(COLORS)[y_new]


def fit(**parameters):
    """Train a map; the parameters are those that differ from the defaults."""
    model = StableAutoencoder(**{"n_init": 1, "random_state": 0} | parameters)
    return model.fit(X_train)


def draw(name, values, **fixed):
    """Draw a map for each value of a parameter, and return what the maps keep."""
    _, axes = plt.subplots(2, 3, figsize=(8, 6), layout="constrained")
    kept = {}
    for ax, value in zip(axes.flat, values):
        model = fit(**{name: value}, **fixed)
        codes = model.transform(X_new)
        accuracy = neighbor_accuracy(model.transform(X_train), y_train, codes, y_new)
        kept[value] = explained, accuracy = model.score(X_new), accuracy
        ax.scatter(*codes.T, s=6, c=colors, linewidths=0)
        ax.set(title=f"{name}={value!r}", aspect="equal", xticks=[], yticks=[])
        ax.set_xlabel(f"explained {explained:.2f}, 5-NN {accuracy:.2f}")
    return kept


# %%
# ``similarity_weight``: how much distances count
# -----------------------------------------------
#
# Keep 1. Go up to 3 if distances between far samples matter most to you, and down to 0
# if only reconstruction does. The shapes change little, because the default already
# follows both. From 10 on, the map gives up reconstruction for distances.
by_similarity_weight = draw("similarity_weight", [0, 0.3, 1, 3, 10, 30])

# %%
# ``neighbor_weight``: how much neighborhoods count
# -------------------------------------------------
#
# Start with 3 if you look for clusters. The map then pulls each sample to its nearest
# neighbors, and clusters stand apart. Distances between clusters say less, as in UMAP.
# Above 3 there is little left to gain.
by_neighbor_weight = draw("neighbor_weight", [0, 0.3, 1, 3, 10, 30])

# %%
# ``n_neighbors``: how large a neighborhood is
# --------------------------------------------
#
# Keep 15. It is used here because ``neighbor_weight`` is 3. With two neighbors,
# clusters hold together less. With many, neighborhoods grow beyond the clusters, which
# blur: 150 neighbors are more than a class has here.
by_n_neighbors = draw("n_neighbors", [2, 5, 15, 30, 60, 150], neighbor_weight=3)

# %%
# ``alpha``: how strongly the map is held at PCA
# ----------------------------------------------
#
# Keep "auto", which finds the value from the data. With 100 the map is that of PCA.
# With 0 nothing holds the network, and it fits noise too: it explains less of unseen
# samples than with 1.
by_alpha = draw("alpha", [0, 1, "auto", 3, 10, 100])

# %%
# ``n_components``: how many numbers a sample keeps
# -------------------------------------------------
#
# Take 2 for a picture. One component orders the samples; the picture shows how each
# class is spread along it. A third component separates more, but a screen hides it. For
# a classifier or a search take 5, 10 or more.
figure = plt.figure(figsize=(8, 3.2), layout="constrained")
by_n_components = {}
for at, n_components in enumerate((1, 2, 3), start=1):
    model = fit(n_components=n_components)
    codes = model.transform(X_new)
    by_n_components[n_components] = model.score(X_new)
    ax = figure.add_subplot(1, 3, at, projection="3d" if n_components == 3 else None)
    if n_components == 1:
        codes = np.column_stack([codes, y_new])
        ax.set_ylabel("digit")
    ax.scatter(*codes.T, s=6, c=colors, linewidths=0)
    explained = by_n_components[n_components]
    ax.set_title(f"n_components={n_components}\nexplained {explained:.2f}")
    if n_components == 3:
        ax.set(xticklabels=[], yticklabels=[], zticklabels=[])
    else:
        ax.set(xticks=[], yticks=range(10) if n_components == 1 else [])

# %%
# ``n_init``: how many runs are averaged
# --------------------------------------
#
# Keep "auto", which averages 8 runs, and take 1 while you try things out. Each picture
# lays two trainings over each other: a line leads from where one training puts a sample
# to where another puts it, with a new seed. More runs make the lines shorter.
# ``neighbor_weight`` is 3: without it the lines are too short to see.
_, axes = plt.subplots(1, 3, figsize=(8, 3.2), layout="constrained")
by_n_init = {}
for ax, n_init in zip(axes, (1, 2, 8)):
    first, second = (
        fit(n_init=n_init, neighbor_weight=3, random_state=seed).transform(X_new)
        for seed in (0, 1)
    )
    by_n_init[n_init] = displacement(first, second)
    ax.plot(*np.stack([first, second]).T.swapaxes(1, 2), color="0.3", linewidth=0.6)
    ax.scatter(*first.T, s=6, c=colors, linewidths=0)
    ax.set(title=f"n_init={n_init}", aspect="equal", xticks=[], yticks=[])
    ax.set_xlabel(f"moved by {100 * by_n_init[n_init]:.2f} % of the variance")
plt.show()
