"""
Quick start
===========

Train an autoencoder three times, and it gives three maps. Train a
:class:`~stable_embedding.StableAutoencoder` three times, and it gives one.
"""

# %%
# The digits have 64 features. Two thirds of the rows are trained on, and all that is
# shown and measured is of the others.
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
# ``n_init`` trains several times at once, from several seeds. A random start without
# the similarity loss is the plain autoencoder; it has the same network and as many
# epochs. ``consensus_weight=0`` lets each training go its own way.
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
# The score is 1 where all trainings give one map, up to a shift, a rotation, a
# reflection and a unit; it is about 0 for maps that have nothing to do with each other.
scores = {
    name: 1 - manifold_variance(model.transform_runs(X_test), relative=True)
    for name, model in (("plain", plain), ("stable", stable))
}
print(scores)

# %%
# The model is a transformer like any other, and has an inverse: here are digits that it
# has not seen, above, and what two numbers a digit bring back of them, below.
rows = X_test[:8]
again = stable.inverse_transform(stable.transform(rows))

figure, grid = plt.subplots(2, 8, figsize=(9, 2.6), layout="constrained")
for column, pair in zip(grid.T, zip(rows, again)):
    for ax, row in zip(column, pair):
        ax.imshow(row.reshape(8, 8), cmap="gray_r", vmin=0, vmax=16)
        ax.set_axis_off()

# %%
# ``score`` is the share of the variance of unseen rows that comes back.
print(f"{stable.score(X_test):.3f}")
