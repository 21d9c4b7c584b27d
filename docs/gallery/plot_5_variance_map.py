"""
Which parts of a map may be trusted?
====================================

One number says how stable a map is; the manifold variance matrix says where.
:class:`~stable_embedding.plotting.ManifoldVarianceDisplay` draws it in two ways.
"""

# %%
# Five trainings of a plain autoencoder and of a stable one.
import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from stable_embedding import StableAutoencoder, manifold_variance
from stable_embedding.plotting import ManifoldVarianceDisplay, ShepardDisplay

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=1 / 3, stratify=y, random_state=0
)
runs = {"n_init": 5, "consensus_weight": 0, "random_state": 0}
plain = {"init": "random", "similarity_weight": 0, "learning_rate_init": 1e-3}
models = {
    "plain autoencoder": StableAutoencoder(2, **runs, **plain),
    "StableAutoencoder": StableAutoencoder(2, **runs),
}
variances = {}
for name, model in models.items():
    codes = model.fit(X_train).transform_runs(X_test)
    variances[name] = manifold_variance(codes)
print(variances)

# %%
# The matrix: how much the normalized distance of two rows varies over trainings. Rows
# are sorted by class, so a block shows which two classes lie now near and now far.
figure, axes = plt.subplots(1, 2, figsize=(10, 4.5), layout="constrained")
for ax, (name, model) in zip(axes, models.items()):
    ManifoldVarianceDisplay.from_estimator(model, X_test, y_test, ax=ax)
    ax.set_title(name)

# %%
# The same as a map: each point has the color of its own variance, its mean over all
# others. The two have scales of their own; the stable map's ends two orders lower.
figure, axes = plt.subplots(1, 2, figsize=(10, 4.5), layout="constrained")
for ax, (name, model) in zip(axes, models.items()):
    ManifoldVarianceDisplay.from_estimator(model, X_test, y_test, kind="map", ax=ax)
    ax.set_title(name)

# %%
# Stable is not yet right: which distances are kept is another question. A Shepard
# diagram sets distances of the map against those of the data.
figure, axes = plt.subplots(1, 2, figsize=(10, 4.5), layout="constrained")
for ax, (name, model) in zip(axes, models.items()):
    ShepardDisplay.from_estimator(model, X_test, ax=ax)
    ax.set_title(name, pad=20)
