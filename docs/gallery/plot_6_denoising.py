"""
Remove noise from samples
=========================

Use a :class:`~stable_embedding.DenoisingAutoencoder` if your samples are noisy. It sees
corrupted samples while it trains, and learns to recover the clean ones.
"""

# %%
# Add strong noise to the digits. Its standard deviation is 4.0, and that of the pixels
# is 4.3. PCA and both autoencoders have twenty components.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from stable_embedding import DenoisingAutoencoder, StableAutoencoder

X, y = load_digits(return_X_y=True)
X_train, X_test = train_test_split(X, random_state=0)
noise = 4.0  # of pixels from 0 to 16
noisy = X_test + noise * np.random.default_rng(0).normal(size=X_test.shape)

# %%
# Set ``corruption_level`` to the noise that you expect. Its unit is the root of the
# mean variance of the features, so it does not depend on the unit of the data.
spread = np.sqrt(X_train.var(axis=0).mean())
models = {
    "PCA": PCA(20),
    "StableAutoencoder": StableAutoencoder(20, random_state=0),
    "DenoisingAutoencoder": DenoisingAutoencoder(
        20, corruption_level=noise / spread, random_state=0
    ),
}
cleaned = {"noisy": noisy}
for name, model in models.items():
    model.fit(X_train)
    cleaned[name] = model.inverse_transform(model.transform(noisy))

# %%
# Compare the mean squared errors of a pixel.
errors = {name: np.mean((rows - X_test) ** 2) for name, rows in cleaned.items()}
for name, error in errors.items():
    print(f"{name:20} {error:5.2f}")

# %%
# Look at some of the samples.
shown = {"clean": X_test, **cleaned}
figure, grid = plt.subplots(len(shown), 9, figsize=(9, 5.4), layout="constrained")
for axes, (name, rows) in zip(grid, shown.items()):
    axes[0].text(0, 0.5, name)
    axes[0].set_axis_off()
    for ax, row in zip(axes[1:], rows):
        ax.imshow(row.reshape(8, 8), cmap="gray_r", vmin=0, vmax=16)
        ax.set_axis_off()
