"""
Explore a map in the browser
============================

Draw a map with :class:`~stable_embedding.plotting.InteractiveDisplay` to look at single
samples. Point at a sample to see its columns, zoom with the wheel, select with a lasso,
and change the month with a slider. The page is one file that needs no network.
"""

# %%
# Fit a map for June, and retrain it with the tumors of July. The ids of the tumors are
# the index of the data frame.
import pandas as pd
from sklearn.datasets import load_breast_cancer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from stable_embedding import StableAutoencoder, retrain
from stable_embedding.plotting import EmbeddingDisplay, InteractiveDisplay

data = load_breast_cancer(as_frame=True)
july = data.data.set_index(pd.Index([f"T{i:03}" for i in range(569)], name="tumor"))
june = july[:450]
pipeline = make_pipeline(
    StandardScaler(), StableAutoencoder(2, n_init=4, random_state=0)
)
pipeline.fit(june)
result = retrain(pipeline, july, reference=june)
print(result)

# %%
# Draw a picture first. The color is a feature. Points are faint where the runs of the
# training disagree.
_ = EmbeddingDisplay.from_estimator(pipeline, june, june["mean area"], return_std=True)

# %%
# Draw both months in one page. Color it by the diagnosis, which was not used to fit the
# map. Tumors that came in July are missing in June.
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
# Write the page to a file with ``display.save("tumors.html")``.
