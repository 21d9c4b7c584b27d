"""
Unroll a sheet
==============

Euclidean distances see through the layers of a rolled sheet. With ``metric="geodesic"``
the map follows distances along the sheet, embeds unseen samples, and inverts.
"""

# %%
# A swiss roll. Its color is the angle of the spiral.

import matplotlib.pyplot as plt
import numpy as np
from scipy.spatial.distance import pdist
from sklearn.datasets import make_swiss_roll

from stable_embedding import StableAutoencoder

X, angle = make_swiss_roll(1_500, random_state=0)
X_train, X_new = X[:1_000], X[1_000:]

# %%
# The same network, with distances through space and along the sheet. Take few neighbors
# where there are few samples: their graph must not leap from one layer to the next.

models = {
    metric: StableAutoencoder(
        metric=metric, n_neighbors=8, n_init=1, random_state=0
    ).fit(X_train)
    for metric in ("euclidean", "geodesic")
}

# %%
# Unseen samples in both maps.

figure, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
for ax, (metric, model) in zip(axes, models.items()):
    ax.scatter(*model.transform(X_new).T, c=angle[1_000:], s=8)
    ax.set_title(metric)
    ax.set_aspect("equal")

# %%
# On the sheet a sample lies at the length of the spiral up to it, and at its height. We
# compare distances there with those in the maps.

length = (angle * np.sqrt(1 + angle**2) + np.arcsinh(angle)) / 2
sheet = np.stack([length, X[:, 1]], axis=1)[1_000:]
agreement = {
    metric: np.corrcoef(pdist(sheet), pdist(model.transform(X_new)))[0, 1]
    for metric, model in models.items()
}
agreement

# %%
# The inverse rolls the map up again: this is the fraction of the variance of unseen
# samples that comes back.

{metric: model.score(X_new) for metric, model in models.items()}
