"""
Find samples whose position is uncertain
========================================

Call ``transform`` with ``return_std=True`` to get the uncertainty of each point. A
sample on which the runs of a training disagree has a large standard deviation. Do not
read much into its place.
"""

# %%
# Train on digits, and embed unseen ones. The standard deviation is that of the codes of
# four runs, and has the unit of the map. Keep the default of eight runs if you have the
# time.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

from stable_embedding import StableAutoencoder
from stable_embedding.plotting import EmbeddingDisplay

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, train_size=600, random_state=0, stratify=y
)
model = StableAutoencoder(neighbor_weight=3, n_init=4, random_state=0).fit(X_train)
codes, std = model.transform(X_test, return_std=True)

# %%
# Compare two pictures. On the left, uncertain points are faint. On the right, the color
# is the standard deviation. Uncertain samples lie between the classes.
figure, axes = plt.subplots(1, 2, figsize=(8, 3.6), layout="constrained")
EmbeddingDisplay(codes, y_test, std=std).plot(ax=axes[0])
EmbeddingDisplay(codes, std).plot(ax=axes[1])
axes[0].set_title("digits, uncertain ones faint")
axes[1].set_title("standard deviation")
plt.show()

# %%
# Train once more with another seed. Samples with a large standard deviation move
# further.
other = StableAutoencoder(neighbor_weight=3, n_init=4, random_state=1).fit(X_train)
movement = np.linalg.norm(other.transform(X_test) - codes, axis=1)
is_uncertain = std > np.quantile(std, 0.9)
ratio = movement[is_uncertain].mean() / movement[~is_uncertain].mean()
print(f"the most uncertain tenth moves {ratio:.1f} times as far as the others")

# %%
# Let a classifier abstain for uncertain samples, or send them to a person. It makes
# more mistakes there.
classifier = KNeighborsClassifier().fit(model.transform(X_train), y_train)
is_right = classifier.predict(codes) == y_test
accuracy = {
    "certain": is_right[~is_uncertain].mean(),
    "uncertain": is_right[is_uncertain].mean(),
}
print({name: round(float(value), 2) for name, value in accuracy.items()})

# %%
# Look at the digits with the largest standard deviations:
figure, axes = plt.subplots(1, 8, figsize=(9, 1.4), layout="constrained")
for ax, i in zip(axes, std.argsort()[::-1]):
    ax.imshow(X_test[i].reshape(8, 8), cmap="gray_r")
    ax.set_title(y_test[i])
    ax.set_axis_off()
plt.show()
