"""
Retrain without breaking a classifier
=====================================

Use :func:`~stable_embedding.retrain` when new samples arrive. It trains a new map and
keeps it where the old one was. A classifier that was trained on the old codes then
works on the new ones. With a plain autoencoder it fails.
"""

# %%
# Start with half of the digits. Give each sample an id in the index of the data frame,
# as a customer has one. Train a classifier on the codes of the first map.
import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from stable_embedding import StableAutoencoder, align, movement_report, retrain
from stable_embedding.plotting import EmbeddingDisplay

X, y = load_digits(return_X_y=True, as_frame=True)
X.index = y.index = [f"digit {i}" for i in range(len(X))]
X_old, X_new, y_old, y_new = train_test_split(
    X, y, test_size=0.5, stratify=y, random_state=0
)
ink = FunctionTransformer(lambda X: X / 16)
old = make_pipeline(ink, StableAutoencoder(2, random_state=0)).fit(X_old)
classifier = KNeighborsClassifier().fit(old.transform(X_old), y_old)

# %%
# Retrain on all digits, and report what moved. ``reference`` holds the samples that
# keep their place.
result = retrain(old, X, reference=X_old)
report = movement_report(old, result.estimator, X_old, groups=y_old)
display = report.plot(n_arrows=300)
print(result)

# %%
# Read which samples and which classes moved most. ``report.to_html("july.html")``
# writes the report to a file.
report

# %%
# Train a plain autoencoder twice for comparison. ``align`` moves its second map onto
# the first by the best shift, rotation and reflection.
plain = {"init": "random", "similarity_weight": 0, "learning_rate_init": 1e-3}
first, second = (
    make_pipeline(ink, StableAutoencoder(2, random_state=seed, **plain))
    for seed in (0, 1)
)
first.fit(X_old)
align(second.fit(X), X_old, first.transform(X_old))
classifier_of_plain = KNeighborsClassifier().fit(first.transform(X_old), y_old)

# %%
# Apply the old classifiers to the samples that are new. They read the codes of the old
# map first, and those of the new map second.
methods = {
    "plain autoencoder": (classifier_of_plain, first, second),
    "StableAutoencoder": (classifier, old, result.estimator),
}
figure, grid = plt.subplots(2, 2, figsize=(7, 7), layout="constrained")
accuracy = {}
for row, (name, (reader, *maps)) in zip(grid, methods.items()):
    codes = [model.transform(X_new) for model in maps]
    accuracy[name] = [reader.score(of_map, y_new) for of_map in codes]
    EmbeddingDisplay(codes, y_new).plot(ax=row, legend=False)
    row[0].set_title(f"{name}, old map")
    row[1].set_title("new map")
handles, names = grid[0, 0].get_legend_handles_labels()
figure.legend(handles, names, title="digit", loc="outside right center", markerscale=3)

# %%
# Compare the accuracies. Behind the stable map, the classifier is as good as before or
# better, because the new map has seen these digits. Behind the plain autoencoder it
# fails.
for name, (before, after) in accuracy.items():
    print(f"{name:18} old map {before:.3f}, new map {after:.3f}")
