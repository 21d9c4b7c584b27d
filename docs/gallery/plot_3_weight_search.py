"""
Search for the similarity weight
================================

How much should distances count, against reconstruction? That depends on what the map is
for. A search answers by cross-validation, for what matters to you: here how well unseen
rows are reconstructed, how alike trainings are, and how well a classifier does that
reads the codes.
"""

# %%
# With ``n_init=3`` each candidate is trained three times at once, so that
# :func:`~stable_embedding.manifold_variance_score` compares maps that never saw the
# rows held out. ``consensus_weight=0`` keeps the trainings independent.
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
    StableAutoencoder(5, n_init=3, consensus_weight=0, random_state=0),
    LogisticRegression(max_iter=5_000),
)


def explained_variance(pipeline, X, y):
    """Share of the variance of unseen rows that the embedding explains."""
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
# Stability rises with the weight, and reconstruction falls: little up to 1, and more
# from 3 on, since five components cannot hold all distances of the digits.
figure, axes = plt.subplots(1, 3, figsize=(10, 3.2), layout="constrained")
places = range(len(weights))
for ax, name in zip(axes, search.scoring):
    means = search.cv_results_[f"mean_test_{name}"]
    errors = search.cv_results_[f"std_test_{name}"] / 3**0.5
    ax.errorbar(places, means, errors, marker="o", capsize=3)
    ax.set(title=name, xlabel="similarity_weight")
    ax.set_xticks(places, weights)

# %%
# The best pipeline is fitted on all rows for training, and asked about those held out.
print(search.best_params_, f"accuracy {search.score(X_test, y_test):.3f}")
