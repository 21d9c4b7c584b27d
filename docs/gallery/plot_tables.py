"""
Map a table of numbers and categories
=====================================

Put a :class:`~stable_embedding.preprocessing.MixedDataEncoder` before the autoencoder.
Each column then counts the same, and ``inverse_transform`` returns a table. After
one-hot encoding, a column of forty levels would count forty times.
"""

# %%
# Make a table of four kinds of customers. They differ in plan, age and spending. The
# city has forty levels, and is unrelated to the kind.
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
# Fit two pipelines with the same autoencoder. The first standardizes each indicator of
# a level like a number.
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
# Compare how well neighbors in the map predict the kind of unseen customers.
accuracy = {}
figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
for ax, (name, pipeline) in zip(axes, pipelines.items()):
    classifier = KNeighborsClassifier().fit(pipeline.transform(frame_train), kind_train)
    accuracy[name] = classifier.score(pipeline.transform(frame_test), kind_test)
    display = EmbeddingDisplay(pipeline.transform(frame_test), kind_test)
    display.plot(ax=ax, legend=ax is axes[-1])
    ax.set_title(f"{name}: {accuracy[name]:.2f}")

# %%
# Invert the map to get a table of numbers and levels. Two components keep the plans,
# but not the cities.
pipeline = pipelines["MixedDataEncoder"]
again = pipeline.inverse_transform(pipeline.transform(frame_test))
kept = {
    name: (again[name].to_numpy() == frame_test[name].to_numpy()).mean()
    for name in ("plan", "city")
}
print(f"plan {kept['plan']:.2f}, city {kept['city']:.2f}")
again.head()

# %%
# Ask which columns the map depends on. Give all levels of a column the name of the
# column to add them up.
names = np.array(frame.columns)[pipeline[0].column_indices_]
display = FeatureSensitivityDisplay.from_estimator(
    pipeline, frame_train, feature_names=names
)
