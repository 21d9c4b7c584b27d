"""
See which features move the map
===============================

Draw the sensitivity of the codes with
:class:`~stable_embedding.plotting.FeatureSensitivityDisplay`. An autoencoder has no
loadings, as PCA has. But its encoder has derivatives: they say how far a sample moves
with a feature.
"""

# %%
# Standardize thirteen measurements of wines, and fit a map.
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
# Start with the sum over all components, which does not depend on the rotation of the
# map. A bar is the root mean square of the derivatives over the samples, times the
# standard deviation of the feature. A pipeline passes on the names of the features.
total = FeatureSensitivityDisplay.from_estimator(pipeline, X)

# %%
# Draw each component separately if the axes matter to you.
each = FeatureSensitivityDisplay.from_estimator(
    pipeline, X, per_component=True, max_features=8
)

# %%
# Look at single samples with ``jacobian``. The map is not linear, so a feature moves
# some samples more than others. The arrows show the feature with the largest
# sensitivity.
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
# Check the derivatives: a small step of the feature moves the codes as predicted.
step = 0.01
moved = inputs.copy()
moved[:, strongest] += step
difference = pipeline[-1].transform(moved) - codes
predicted = step * jacobian[:, :, strongest]
error = np.linalg.norm(difference - predicted) / np.linalg.norm(predicted)
print(f"relative error of the prediction {error:.3f}")
