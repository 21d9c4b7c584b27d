"""
Find anomalies
==============

A row that the network has learned to reconstruct is ordinary; one that it cannot
reconstruct is not. :class:`~stable_embedding.ReconstructionOutlierDetector` puts a
threshold on the error, and speaks scikit-learn's language of outlier detectors. Since
the map is stable, so are the rows that are called out.
"""

# %%
# Of the tumours in the breast cancer data only benign ones are trained on, as when
# what is rare has hardly been seen. The malignant ones come later, among other benign
# ones.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import RocCurveDisplay, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from stable_embedding import ReconstructionOutlierDetector, StableAutoencoder

X, y = load_breast_cancer(return_X_y=True)
benign, malignant = X[y == 1], X[y == 0]
X_train, X_benign = train_test_split(benign, random_state=0)
X_new = np.concatenate([X_benign, malignant])
is_malignant = np.repeat([False, True], [len(X_benign), len(malignant)])


def detector(seed):
    """Call out what is reconstructed worse than all but 5 % of the benign rows."""
    return make_pipeline(
        StandardScaler(),
        ReconstructionOutlierDetector(
            StableAutoencoder(5), contamination=0.05, random_state=seed
        ),
    ).fit(X_train)


# %%
# ``score_samples`` is lower the stranger a row is.
first = detector(seed=0)
scores = first.score_samples(X_new)
RocCurveDisplay.from_predictions(is_malignant, -scores, name="StableAutoencoder(5)")

# %%
# ``predict`` says -1 where a row is an outlier. What is called out, and does another
# training call out the same rows?
found = first.predict(X_new) == -1
again = detector(seed=1).predict(X_new) == -1
area = roc_auc_score(is_malignant, -scores)
agreement = (found == again).mean()
print(f"area under the curve {area:.3f}")
print(f"malignant tumours found {found[is_malignant].mean():.2f}")
print(f"benign ones called out {found[~is_malignant].mean():.2f}")
print(f"rows on which two trainings agree {agreement:.3f}")

# %%
# Errors of both kinds of rows, and the threshold, which only benign rows decided on.
figure, ax = plt.subplots(figsize=(7, 3.5), layout="constrained")
errors = [-scores[~is_malignant], -scores[is_malignant]]
bins = np.geomspace(min(map(np.min, errors)), max(map(np.max, errors)), 40)
ax.hist(errors, bins, stacked=True, label=["benign", "malignant"])
ax.axvline(-first[-1].offset_, color="0.2", linestyle="--", label="threshold")
ax.set(xscale="log", xlabel="squared error of reconstruction", ylabel="tumours")
ax.legend()
