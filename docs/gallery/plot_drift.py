"""
Detect that new data differ
===========================

Call :func:`~stable_embedding.drift_report` before you embed a new batch. It compares
the batch with samples that you set aside, and names the features that changed.
"""

# %%
# Set some samples aside. Do not compare with training samples: the autoencoder
# reconstructs them better than any others.
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from stable_embedding import StableAutoencoder, drift_report

X = load_wine(as_frame=True).data
X_train, X_other = train_test_split(X, train_size=70, random_state=0)
reference, X_new = train_test_split(X_other, test_size=0.5, random_state=0)
pipeline = make_pipeline(StandardScaler(), StableAutoencoder(2, random_state=0))
pipeline.fit(X_train)

# %%
# Compare a batch of the same kind:
same = drift_report(pipeline, X_new, reference)
print(same)

# %%
# Compare a batch from a laboratory that measures ash in another unit:
changed = X_new.assign(ash=1.3 * X_new["ash"])
report = drift_report(pipeline, changed, reference)
print(report)

# %%
# Draw the report. Each bar is the largest difference between two distribution
# functions: that of the batch and that of the reference. For "largest errors" it is the
# difference between two fractions of samples. Statistics that drifted come first.
display = report.plot()

# %%
# Save a page with ``report.to_html("drift.html")``, or use the table as a data frame.
frame = report.to_frame()
frame.sort_values("p_value").head()
