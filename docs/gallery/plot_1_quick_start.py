"""
Get the same map from each training
===================================

Use :class:`~stable_embedding.StableAutoencoder` like any transformer of scikit-learn.
Its map is the same from training to training. A plain autoencoder gives another map
each time.
"""

# %%
# Load the digits, which have 64 features. Train on two thirds of the samples. All
# pictures and scores show the other third.
import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from stable_embedding import StableAutoencoder, manifold_variance
from stable_embedding.plotting import EmbeddingDisplay

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=1 / 3, stratify=y, random_state=0
)

# %%
# Set ``n_init=3`` to train three times at once, from three seeds. For a plain
# autoencoder, start at random and set ``similarity_weight=0``: the network and the
# number of epochs stay the same. ``consensus_weight=0`` makes the trainings
# independent.
plain = StableAutoencoder(
    n_components=2,
    n_init=3,
    consensus_weight=0,
    init="random",
    similarity_weight=0,
    learning_rate_init=1e-3,
    random_state=0,
)
stable = StableAutoencoder(n_components=2, n_init=3, consensus_weight=0, random_state=0)

figure, grid = plt.subplots(2, 3, figsize=(9, 6), layout="constrained")
for axes, name, model in zip(grid, ("plain", "stable"), (plain, stable)):
    model.fit(X_train)
    EmbeddingDisplay(model.transform_runs(X_test), y_test).plot(ax=axes, legend=False)
    for run, ax in enumerate(axes):
        ax.set(title=f"{name}, training {run + 1}", xlabel="", ylabel="")
handles, names = grid[0, 0].get_legend_handles_labels()
figure.legend(handles, names, title="digit", loc="outside right center", markerscale=3)

# %%
# Compare the maps by one score. It is 1 if all trainings give the same map, up to a
# shift, a rotation, a reflection and a scale. It is about 0 for unrelated maps.
scores = {
    name: 1 - manifold_variance(model.transform_runs(X_test), relative=True)
    for name, model in (("plain", plain), ("stable", stable))
}
print(scores)

# %%
# Invert the map with ``inverse_transform``. The upper images are unseen digits. The
# lower ones are what the model recovers from two numbers for each digit.
rows = X_test[:8]
again = stable.inverse_transform(stable.transform(rows))

figure, grid = plt.subplots(2, 8, figsize=(9, 2.6), layout="constrained")
for column, pair in zip(grid.T, zip(rows, again)):
    for ax, row in zip(column, pair):
        ax.imshow(row.reshape(8, 8), cmap="gray_r", vmin=0, vmax=16)
        ax.set_axis_off()

# %%
# Measure the explained variance of unseen samples with ``score``.
print(f"{stable.score(X_test):.3f}")
