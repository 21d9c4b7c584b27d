"""
See which parts of a map to trust
=================================

Draw the manifold variance matrix with
:class:`~stable_embedding.plotting.ManifoldVarianceDisplay`. One score says how stable a
map is. The matrix says which samples and which pairs of classes move.
"""

# %%
# Train a plain autoencoder and a stable one, five times each.
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
# Draw the matrix. It shows how much the normalized distance of two samples varies
# between trainings. Samples are sorted by class. A bright block marks two classes whose
# distance changes.
figure, axes = plt.subplots(1, 2, figsize=(10, 4.5), layout="constrained")
for ax, (name, model) in zip(axes, models.items()):
    ManifoldVarianceDisplay.from_estimator(model, X_test, y_test, ax=ax)
    ax.set_title(name)

# %%
# Draw the variance on the map. The color of a sample is its mean variance over all
# others. The two color bars differ: that of the stable map ends much lower.
figure, axes = plt.subplots(1, 2, figsize=(10, 4.5), layout="constrained")
for ax, (name, model) in zip(axes, models.items()):
    ManifoldVarianceDisplay.from_estimator(model, X_test, y_test, kind="map", ax=ax)
    ax.set_title(name)

# %%
# Check separately whether distances are right: a stable map can still distort them. A
# Shepard diagram plots distances in the map over distances in the data.
figure, axes = plt.subplots(1, 2, figsize=(10, 4.5), layout="constrained")
for ax, (name, model) in zip(axes, models.items()):
    ShepardDisplay.from_estimator(model, X_test, ax=ax)
    ax.set_title(name, pad=20)
