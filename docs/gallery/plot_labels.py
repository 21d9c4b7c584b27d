"""
Separate classes with a few labels
==================================

Set ``label_weight=1`` and pass labels to ``fit``. They separate the classes, for
samples without a label too. Mark samples without a label by -1.
"""

# %%
# Load the digits, and keep one label in twenty.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

from stable_embedding import StableAutoencoder
from stable_embedding.plotting import EmbeddingDisplay

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0, stratify=y)
known = np.random.default_rng(0).random(len(y_train)) < 0.05
labels = {
    "no labels": np.full(len(y_train), -1),
    f"{known.sum()} labels": np.where(known, y_train, -1),
    f"{len(y_train)} labels": y_train,
}

# %%
# Fit the same estimator with no labels, with a few and with all. The pictures show
# unseen digits.
_, axes = plt.subplots(1, 3, figsize=(10, 3.6), layout="constrained")
accuracies = []
for ax, (name, given) in zip(axes, labels.items()):
    model = StableAutoencoder(
        label_weight=1.0 if (given >= 0).any() else 0.0, n_init=2, random_state=0
    ).fit(X_train, given)
    codes = model.transform(X_test)
    knn = KNeighborsClassifier().fit(model.transform(X_train), y_train)
    accuracies.append(knn.score(codes, y_test))
    EmbeddingDisplay(codes, y_test).plot(ax=ax, legend=ax is axes[-1])
    ax.set_title(f"{name}\n5-NN accuracy {accuracies[-1]:.2f}")
plt.show()
