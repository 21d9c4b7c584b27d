"""
Compare with PCA, Isomap, MDS and t-SNE
=======================================

Choose a method by what its map keeps, by how far it moves without a tenth of the
samples, and by whether it can embed new samples. This example shows all three for five
methods.
"""

# %%
# Take a few classes of the digits. MDS and t-SNE need most of the time here.
import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.manifold import MDS, TSNE, Isomap

from stable_embedding import StableAutoencoder, stability_report
from stable_embedding.plotting import EmbeddingDisplay
from stable_embedding.quality import distance_correlation, trustworthiness

X, y = load_digits(n_class=5, return_X_y=True)

methods = {
    "PCA": PCA(2),
    "Isomap": Isomap(n_components=2, n_neighbors=10),
    "MDS": MDS(2, init="random", n_init=1, max_iter=150),
    "t-SNE": TSNE(2),
    "StableAutoencoder": StableAutoencoder(2, n_init=4),
}

# %%
# Draw the five maps.
figure, grid = plt.subplots(2, 3, figsize=(9, 6), layout="constrained")
maps = {}
for ax, (name, method) in zip(grid.ravel(), methods.items()):
    maps[name] = method.fit_transform(X)
    EmbeddingDisplay(maps[name], y).plot(ax=ax, legend=False)
    ax.set(title=name, xlabel="", ylabel="")
handles, names = grid[0, 0].get_legend_handles_labels()
grid[1, 2].set_axis_off()
grid[1, 2].legend(handles, names, title="digit", loc="center", markerscale=3, ncols=2)

# %%
# Compare what they keep and what they can do. t-SNE keeps neighbors best, and distances
# worst. MDS keeps distances, and cannot embed new samples.
print(f"{'':18} neighbors  distances  new samples  inverse")
for name, method in methods.items():
    has = [hasattr(method, what) for what in ("transform", "inverse_transform")]
    print(
        f"{name:18} {trustworthiness(X, maps[name]):10.3f}"
        f"  {distance_correlation(X, maps[name]):9.3f}"
        f"  {'yes' if has[0] else 'no':>11}  {'yes' if has[1] else 'no':>7}"
    )

# %%
# Measure how far each map moves with another seed, and without a tenth of the samples.
# The displacement is a fraction of the variance of the map.
report = stability_report(methods, X, n_runs=1, perturbations=["seed", "drop_tenth"])
report.plot()

# %%
# Read the same numbers in a table:
report
