"""
Find outliers by their reconstruction error
===========================================

Use :class:`~stable_embedding.ReconstructionOutlierDetector` like any outlier detector
of scikit-learn. It marks samples that the network reconstructs badly. Another training
marks nearly the same samples, because the map is stable.
"""

# %%
# Train on benign tumors of the breast cancer data. Test on other benign tumors and on
# the malignant ones.
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
    """Mark what is reconstructed worse than all but 5 % of benign samples."""
    return make_pipeline(
        StandardScaler(),
        ReconstructionOutlierDetector(
            StableAutoencoder(5), contamination=0.05, random_state=seed
        ),
    ).fit(X_train)


# %%
# Rank samples with ``score_samples``. Lower scores are more abnormal.
first = detector(seed=0)
scores = first.score_samples(X_new)
RocCurveDisplay.from_predictions(is_malignant, -scores, name="StableAutoencoder(5)")

# %%
# Mark outliers with ``predict``, which returns -1 for them. Train once more, and count
# the samples on which both trainings agree.
found = first.predict(X_new) == -1
again = detector(seed=1).predict(X_new) == -1
area = roc_auc_score(is_malignant, -scores)
agreement = (found == again).mean()
print(f"area under the curve {area:.3f}")
print(f"malignant tumors found {found[is_malignant].mean():.2f}")
print(f"benign tumors marked {found[~is_malignant].mean():.2f}")
print(f"samples on which two trainings agree {agreement:.3f}")

# %%
# Look at the errors of both classes. The threshold comes from benign samples alone.
figure, ax = plt.subplots(figsize=(7, 3.5), layout="constrained")
errors = [-scores[~is_malignant], -scores[is_malignant]]
bins = np.geomspace(min(map(np.min, errors)), max(map(np.max, errors)), 40)
ax.hist(errors, bins, stacked=True, label=["benign", "malignant"])
ax.axvline(-first[-1].offset_, color="0.2", linestyle="--", label="threshold")
ax.set(xscale="log", xlabel="squared error of reconstruction", ylabel="tumors")
ax.legend()
