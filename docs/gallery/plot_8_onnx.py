"""
Serve a pipeline with ONNX
==========================

Export a fitted pipeline with :func:`~stable_embedding.to_onnx` to run it without
Python. The result is one ONNX graph for a service, a browser or a phone. Install the
extra ``onnx`` first.
"""

# %%
# Fit the pipeline.
import matplotlib.pyplot as plt
import numpy as np
import onnxruntime
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from stable_embedding import StableAutoencoder, to_onnx

X, y = load_wine(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
pipeline = make_pipeline(
    StandardScaler(),
    StableAutoencoder(2, random_state=0),
    LogisticRegression(),
).fit(X_train, y_train)

# %%
# Export it in one call, and run the graph. Give a path as the second argument to write
# the graph to a file.
graph = to_onnx(pipeline)
session = onnxruntime.InferenceSession(graph.SerializeToString())
labels, probabilities = session.run(None, {"X": X_test})

# %%
# Compare the outputs of the graph with those of the pipeline. The graph returns the
# probabilities with the names of their classes.
probabilities = np.array([list(row.values()) for row in probabilities])
same = bool((labels == pipeline.predict(X_test)).all())
difference = np.abs(probabilities - pipeline.predict_proba(X_test)).max()
print(f"labels agree: {same}, probabilities differ by {difference:.1e} at most")
print(f"{len(graph.SerializeToString()):,} bytes, {len(graph.graph.node)} operations")

# %%
# Export the encoder alone to get the codes. ``part="decoder"`` exports the decoder.
encoder = onnxruntime.InferenceSession(to_onnx(pipeline[1]).SerializeToString())
(codes,) = encoder.run(None, {"X": pipeline[0].transform(X_test)})

figure, ax = plt.subplots(figsize=(5, 4.5), layout="constrained")
ax.scatter(*pipeline[:2].transform(X_test).T, s=60, facecolors="none", edgecolors="0.5")
ax.scatter(*codes.T, c=y_test, s=12)
ax.set(title="scikit-learn (rings) and ONNX (dots)", aspect="equal")
