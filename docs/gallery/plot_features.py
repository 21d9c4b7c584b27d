"""
See which features make the map
===============================

Components of an autoencoder have no loadings, as those of PCA have. But the encoder can
be differentiated: how far does the map move with a feature, at each sample?
"""

# %%
# Thirteen measurements of wines, standardized.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_wine
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from stable_embedding import StableAutoencoder
from stable_embedding.plotting import FeatureSensitivityDisplay

X, y = load_wine(return_X_y=True, as_frame=True)
pipeline = make_pipeline(StandardScaler(), StableAutoencoder(random_state=0)).fit(X)

# %%
# ``feature_sensitivity`` is the root mean square of the derivatives over the samples,
# times the standard deviation of the feature. The display takes the names that the
# steps of a pipeline pass on. Bars of all components together do not depend on how the
# map is rotated.
total = FeatureSensitivityDisplay.from_estimator(pipeline, X)

# %%
# Those of each component do.
each = FeatureSensitivityDisplay.from_estimator(
    pipeline, X, per_component=True, max_features=8
)

# %%
# The map is not linear, so a feature counts more at some samples than at others.
# ``jacobian`` has the derivatives at each sample: here those of the feature that the
# map responds to most, as arrows.
inputs = pipeline[0].transform(X)
codes, jacobian = pipeline.transform(X), pipeline[-1].jacobian(inputs)
totals = np.linalg.norm(total.sensitivity, axis=0)
strongest = totals.argmax()
print(f"{X.columns[strongest]}: {totals[strongest]:.2f} for one standard deviation")
figure, ax = plt.subplots(figsize=(6, 4.5), layout="constrained")
ax.scatter(*codes.T, c=y, s=8, cmap="cividis")
ax.quiver(*codes.T, *jacobian[:, :, strongest].T, angles="xy", width=2e-3, color="0.4")
ax.set(
    xlabel="component 1",
    ylabel="component 2",
    aspect="equal",
    title=f"where more {X.columns[strongest]} moves a wine",
)

# %%
# A small step of a feature moves the codes as the derivative says.
step = 0.01
moved = inputs.copy()
moved[:, strongest] += step
difference = pipeline[-1].transform(moved) - codes
predicted = step * jacobian[:, :, strongest]
error = np.linalg.norm(difference - predicted) / np.linalg.norm(predicted)
print(f"relative error of the prediction {error:.3f}")
