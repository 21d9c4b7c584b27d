"""
Search for the best similarity weight
=====================================

Search over ``similarity_weight`` by the scores that matter to you. This example uses
three: the explained variance, the stability of the map, and the accuracy of a
classifier that reads the codes.
"""

# %%
# Set ``n_init=3`` so that each candidate is trained three times.
# :func:`~stable_embedding.manifold_variance_score` compares these trainings on the
# validation samples. ``consensus_weight=0`` makes them independent.
import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline

from stable_embedding import StableAutoencoder, manifold_variance_score

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)

weights = [0, 0.1, 0.3, 1, 3, 10]
pipeline = make_pipeline(
    StableAutoencoder(5, n_init=3, consensus_weight=0, max_iter=30, random_state=0),
    LogisticRegression(max_iter=5_000),
)


def explained_variance(pipeline, X, y):
    """Fraction of the variance of unseen samples that the embedding explains."""
    return pipeline[0].score(X)


search = GridSearchCV(
    pipeline,
    {"stableautoencoder__similarity_weight": weights},
    scoring={
        "accuracy": "accuracy",
        "explained variance": explained_variance,
        "stability": manifold_variance_score,
    },
    refit="accuracy",
    cv=3,
).fit(X_train, y_train)

# %%
# Look at all three scores. Stability rises with the weight, and the explained variance
# falls. It falls little up to 1, and more from 3 on, because five components cannot
# keep all distances of the digits.
figure, axes = plt.subplots(1, 3, figsize=(10, 3.2), layout="constrained")
places = range(len(weights))
for ax, name in zip(axes, search.scoring):
    means = search.cv_results_[f"mean_test_{name}"]
    errors = search.cv_results_[f"std_test_{name}"] / 3**0.5
    ax.errorbar(places, means, errors, marker="o", capsize=3)
    ax.set(title=name, xlabel="similarity_weight")
    ax.set_xticks(places, weights)

# %%
# Use the best pipeline. The search has fitted it on all training samples; the accuracy
# is that of the test samples.
print(search.best_params_, f"accuracy {search.score(X_test, y_test):.3f}")
