"""
Map texts by their words
========================

Put a ``TfidfVectorizer`` before the autoencoder to map texts. The sparse matrix is
passed as it is. This example maps the docstrings of scikit-learn, which are texts that
you already have.
"""

# %%
# Collect the docstrings of scikit-learn's public classes and functions. The topic of a
# text is the module that it comes from. Take modules with many docstrings. Names of
# modules are removed from the texts, because they would give the topic away.
import inspect
from importlib import import_module

import matplotlib.pyplot as plt
import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from stable_embedding import StableAutoencoder
from stable_embedding.plotting import EmbeddingDisplay
from stable_embedding.quality import neighbor_accuracy

modules = [
    "cluster",
    "datasets",
    "ensemble",
    "linear_model",
    "metrics",
    "preprocessing",
]
names, texts, topics = [], [], []
for module in modules:
    package = import_module(f"sklearn.{module}")
    for name in package.__all__:
        if text := inspect.getdoc(getattr(package, name, None)):
            names.append(name)
            texts.append(text)
            topics.append(module)
topics = np.array(topics)
print(len(texts), "docstrings")

# %%
# Fit the pipeline on three fifths of the texts. Use ``sublinear_tf`` so that a word
# that is repeated counts less, and ``min_df`` so that rare words do not add features.
split = train_test_split(
    names, texts, topics, test_size=0.4, random_state=0, stratify=topics
)
_, names_test, texts_train, texts_test, topics_train, topics_test = split
vectorizer = TfidfVectorizer(
    sublinear_tf=True,
    min_df=5,
    max_df=0.5,
    token_pattern=r"\b[a-z]{3,}\b",
    stop_words=["sklearn", *modules],
)
pipeline = make_pipeline(
    vectorizer,
    StableAutoencoder(neighbor_weight=3, n_init=4, random_state=0),
).fit(texts_train)

# %%
# Look at the texts that the pipeline has not seen. Texts on one topic lie together.
codes = pipeline.transform(texts_test)
figure, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
EmbeddingDisplay(codes, topics_test).plot(ax=ax)
plt.show()

# %%
# Judge the map by its neighbors, and not by the explained variance. Most words of a
# text occur in few others, so two components explain little of them.
accuracy = neighbor_accuracy(
    pipeline.transform(texts_train), topics_train, codes, topics_test
)
largest = np.unique(topics_test, return_counts=True)[1].max() / len(topics_test)
print(f"5-NN accuracy {accuracy:.2f}, largest topic {largest:.2f}")

# %%
# Find similar texts by their distance in the map:
distances = np.linalg.norm(codes - codes[0], axis=1)
print(names_test[0], "is near", [names_test[i] for i in distances.argsort()[1:4]])
