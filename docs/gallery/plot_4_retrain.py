"""
Retrain without breaking what is downstream
===========================================

A map is in use: a classifier was trained on its codes. Then the data double, and the
map should be trained on all of them, without retraining whatever reads its codes.
:func:`~stable_embedding.retrain` retrains the pipeline and keeps its map where it
was. A plain autoencoder finds another map, and no rigid map brings it back.
"""

# %%
# Half of the digits are there at first. Each has an id, as customers have: the index of
# a data frame. A classifier is trained on the codes of the first map.
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
# Three lines train the map on all digits, keep it where those of the first half lay,
# and report what moved.
result = retrain(old, X, reference=X_old)
report = movement_report(old, result.estimator, X_old, groups=y_old)
display = report.plot(n_arrows=300)
print(result)

# %%
# The report prints the digits that moved most, and the classes that moved together;
# ``report.to_html("july.html")`` writes it to a page that can be mailed.
report

# %%
# A plain autoencoder is trained twice for comparison, and its second map is laid on the
# first as well as a shift, a rotation and a reflection can do it.
plain = {"init": "random", "similarity_weight": 0, "learning_rate_init": 1e-3}
first, second = (
    make_pipeline(ink, StableAutoencoder(2, random_state=seed, **plain))
    for seed in (0, 1)
)
first.fit(X_old)
align(second.fit(X), X_old, first.transform(X_old))
classifier_of_plain = KNeighborsClassifier().fit(first.transform(X_old), y_old)

# %%
# The classifiers are not touched. They are asked about the digits that came later:
# first by the codes of the map that they were trained on, then by those of the new one.
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
# The stable map keeps the classifier at work. It even gains, since the new map has seen
# the digits that are asked about. Behind the plain autoencoder the same classifier
# fails.
for name, (before, after) in accuracy.items():
    print(f"{name:18} old map {before:.3f}, new map {after:.3f}")
