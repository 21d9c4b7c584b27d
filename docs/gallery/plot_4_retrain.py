"""
Retrain without breaking what is downstream
===========================================

A map is in use: a classifier was trained on its codes. Then the data double, and the
map should be trained on all of them, without training anew whatever reads its codes.
With :class:`~stable_embedding.StableAutoencoder` the new map is nearly the old one, and
``align`` lays it on the old codes of the rows that both know. A plain autoencoder finds
another map, and no rigid map brings it back.
"""

# %%
# Half of the digits are there at first. A classifier is trained on the codes of their
# first map.
import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

from stable_embedding import StableAutoencoder
from stable_embedding.plotting import EmbeddingDisplay

X, y = load_digits(return_X_y=True)
X_old, X_new, y_old, y_new = train_test_split(
    X, y, test_size=0.5, stratify=y, random_state=0
)

plain = {"init": "random", "similarity_weight": 0, "learning_rate_init": 1e-3}
methods = {
    "plain autoencoder": (
        StableAutoencoder(2, random_state=0, **plain),
        StableAutoencoder(2, random_state=1, **plain),
    ),
    "StableAutoencoder": (
        StableAutoencoder(2, random_state=0),
        StableAutoencoder(2, random_state=1),
    ),
}

# %%
# The second map is trained on all digits, from another seed, and laid on the first. The
# classifier is not touched. It is asked about the digits that came later: first by the
# codes of the map that it was trained on, then by those of the new one.
figure, grid = plt.subplots(2, 2, figsize=(7, 7), layout="constrained")
accuracy = {}
for row, (name, (first, second)) in zip(grid, methods.items()):
    old_codes = first.fit_transform(X_old)
    classifier = KNeighborsClassifier().fit(old_codes, y_old)
    second.fit(X).align(X_old, old_codes)
    codes = [model.transform(X_new) for model in (first, second)]
    accuracy[name] = [classifier.score(of_map, y_new) for of_map in codes]
    EmbeddingDisplay(codes, y_new).plot(ax=row, legend=False)
    row[0].set_title(f"{name}, old map")
    row[1].set_title("new map")
handles, names = grid[0, 0].get_legend_handles_labels()
figure.legend(handles, names, title="digit", loc="outside right center", markerscale=3)

# %%
# The stable map keeps the classifier at work. It even gains, since the new map has seen
# the rows that are asked about. Behind the plain autoencoder the same classifier fails.
for name, (old, new) in accuracy.items():
    print(f"{name:18} old map {old:.3f}, new map {new:.3f}")
