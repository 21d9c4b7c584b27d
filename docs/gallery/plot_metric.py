"""
Unroll a sheet with geodesic distances
======================================

Set ``metric="geodesic"`` if your data lie on a curved surface. The map then keeps
distances along the surface. It also embeds unseen samples and inverts. Straight lines
cut through the layers of a rolled sheet.
"""

# %%
# Make a Swiss roll. The color of a sample is its angle on the spiral.

import matplotlib.pyplot as plt
import numpy as np
from scipy.spatial.distance import pdist
from sklearn.datasets import make_swiss_roll

from stable_embedding import StableAutoencoder

X, angle = make_swiss_roll(1_500, random_state=0)
X_train, X_new = X[:1_000], X[1_000:]

# %%
# Fit one map for each metric. Take few neighbors if you have few samples: their graph
# must not connect two layers.

models = {
    metric: StableAutoencoder(
        metric=metric, n_neighbors=8, n_init=1, random_state=0
    ).fit(X_train)
    for metric in ("euclidean", "geodesic")
}

# %%
# Draw unseen samples in both maps.

figure, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
for ax, (metric, model) in zip(axes, models.items()):
    ax.scatter(*model.transform(X_new).T, c=angle[1_000:], s=8)
    ax.set_title(metric)
    ax.set_aspect("equal")

# %%
# Compare distances in the maps with true distances on the sheet. The true coordinates
# of a sample are the length of the spiral up to it, and its height.

length = (angle * np.sqrt(1 + angle**2) + np.arcsinh(angle)) / 2
sheet = np.stack([length, X[:, 1]], axis=1)[1_000:]
agreement = {
    metric: np.corrcoef(pdist(sheet), pdist(model.transform(X_new)))[0, 1]
    for metric, model in models.items()
}
agreement

# %%
# Measure how much of the variance of unseen samples the inverse recovers.

{metric: model.score(X_new) for metric, model in models.items()}
