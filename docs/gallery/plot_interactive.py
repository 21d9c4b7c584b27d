"""
A map to look around in
=======================

:class:`~stable_embedding.plotting.InteractiveDisplay` makes a page: the pointer
shows who a point is, the wheel zooms, a lasso selects, and a slider leads from month to
month. The page is one file, which needs no network.
"""

# %%
# Tumors of two months, with their ids as the index. The map of July is that of June,
# retrained on the tumors of both.
import pandas as pd
from sklearn.datasets import load_breast_cancer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from stable_embedding import StableAutoencoder, retrain
from stable_embedding.plotting import EmbeddingDisplay, InteractiveDisplay

data = load_breast_cancer(as_frame=True)
july = data.data.set_index(pd.Index([f"T{i:03}" for i in range(569)], name="tumor"))
june = july[:450]
pipeline = make_pipeline(StandardScaler(), StableAutoencoder(2, random_state=0))
pipeline.fit(june)
result = retrain(pipeline, july, reference=june)
print(result)

# %%
# A picture of the map of June, colored by a feature. Points whose place the runs of the
# training do not agree on are faint.
_ = EmbeddingDisplay.from_estimator(pipeline, june, june["mean area"], return_std=True)

# %%
# The page of both months. The diagnosis is a column that the map was not trained on.
# Those who came in July are not drawn in June.
maps = {"June": pipeline, "July": result.estimator}
diagnosis = data.target_names[data.target]
tables = {
    "June": june.assign(diagnosis=diagnosis[:450]),
    "July": july.assign(diagnosis=diagnosis),
}
display = InteractiveDisplay.from_estimator(
    maps, tables, y="diagnosis", hover=["mean radius", "mean area"], return_std=True
)
display

# %%
# ``display.save("tumors.html")`` writes the page to a file, to be sent by mail.
