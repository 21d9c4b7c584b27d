"""
Map a table of numbers and categories
=====================================

One-hot encoding lets a column count by its number of levels. With
:class:`~stable_embedding.preprocessing.MixedDataEncoder` each column counts the same,
and what the autoencoder reconstructs becomes a table again.
"""

# %%
# Customers of four kinds, which differ in their plan, their age and what they spend.
# The city has forty levels, and nothing to do with the kind.
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from stable_embedding import StableAutoencoder
from stable_embedding.plotting import EmbeddingDisplay, FeatureSensitivityDisplay
from stable_embedding.preprocessing import MixedDataEncoder

rng = np.random.default_rng(0)
n_customers = 1_500
kind = rng.integers(4, size=n_customers)
frame = pd.DataFrame(
    {
        "age": rng.normal(30 + 8 * kind, 8),
        "spend": rng.gamma(1 + kind, 50),
        "plan": np.array(["free", "basic", "plus", "pro"])[
            (kind + (rng.random(n_customers) < 0.2)) % 4
        ],
        "city": [f"city {i}" for i in rng.zipf(1.5, n_customers).clip(1, 40)],
    }
)
frame_train, frame_test, kind_train, kind_test = train_test_split(
    frame, kind, random_state=0
)
frame_train.head()

# %%
# Both pipelines end with the same autoencoder. In the first each indicator of a level
# is standardized like a number, so that the city counts forty times.
plain = make_column_transformer(
    (StandardScaler(), ["age", "spend"]),
    (
        make_pipeline(
            OneHotEncoder(handle_unknown="ignore", sparse_output=False),
            StandardScaler(),
        ),
        ["plan", "city"],
    ),
)
encoders = {
    "one-hot, standardized": plain,
    "MixedDataEncoder": MixedDataEncoder(handle_unknown="ignore"),
}
pipelines = {
    name: make_pipeline(encoder, StableAutoencoder(random_state=0)).fit(frame_train)
    for name, encoder in encoders.items()
}

# %%
# How well do the neighbors in the map tell the kind of a customer that was not trained
# on?
accuracy = {}
figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
for ax, (name, pipeline) in zip(axes, pipelines.items()):
    classifier = KNeighborsClassifier().fit(pipeline.transform(frame_train), kind_train)
    accuracy[name] = classifier.score(pipeline.transform(frame_test), kind_test)
    display = EmbeddingDisplay(pipeline.transform(frame_test), kind_test)
    display.plot(ax=ax, legend=ax is axes[-1])
    ax.set_title(f"{name}: {accuracy[name]:.2f}")

# %%
# The inverse is a table of numbers and levels. Two components hold the plans, but not
# the cities.
pipeline = pipelines["MixedDataEncoder"]
again = pipeline.inverse_transform(pipeline.transform(frame_test))
kept = {
    name: (again[name].to_numpy() == frame_test[name].to_numpy()).mean()
    for name in ("plan", "city")
}
print(f"plan {kept['plan']:.2f}, city {kept['city']:.2f}")
again.head()

# %%
# What does the map respond to? The levels of a column are taken together if they are
# given its name.
names = np.array(frame.columns)[pipeline[0].column_indices_]
display = FeatureSensitivityDisplay.from_estimator(
    pipeline, frame_train, feature_names=names
)
