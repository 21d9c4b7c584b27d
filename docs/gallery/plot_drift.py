"""
Has the data changed?
=====================

A map is made for data like those it was trained on. Before you trust it with a new
batch, ask :func:`~stable_embedding.drift_report` whether the batch looks like samples
that were set aside.
"""

# %%
# Set some samples aside: the autoencoder reconstructs those it was trained on better
# than any others.
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
# A batch of the same kind:
same = drift_report(pipeline, X_new, reference)
print(same)

# %%
# The next batch comes from a laboratory that gives the ash in another unit.
changed = X_new.assign(ash=1.3 * X_new["ash"])
report = drift_report(pipeline, changed, reference)
print(report)

# %%
# Each bar is a statistic, what drifted first. It is the largest difference of two
# distribution functions: that of the new samples, and that of the reference. Of
# "largest errors" it is the difference of two fractions of samples.
display = report.plot()

# %%
# ``report.to_html("drift.html")`` writes a page to pass on, and the table is a frame.
frame = report.to_frame()
frame.sort_values("p_value").head()
