"""
Embed images with a convolutional network
=========================================

Pass a :class:`~stable_embedding.networks.ConvolutionalEncoder` and a
:class:`~stable_embedding.networks.ConvolutionalDecoder` to embed images as they are.
Any ``torch.nn.Module`` can take their place.
"""

# %%
# Load images of digits, of 8 by 8 pixels. Do not flatten them.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

from stable_embedding import StableAutoencoder
from stable_embedding.networks import ConvolutionalDecoder, ConvolutionalEncoder
from stable_embedding.plotting import EmbeddingDisplay

images, y = load_digits(return_X_y=True)
images = images.reshape(-1, 8, 8)
images_train, images_test, y_train, y_test = train_test_split(
    images, y, random_state=0, stratify=y
)
images_train.shape

# %%
# Fit the model. The layers take the number of components from the estimator. One short
# run is enough for this example. Keep the default ``n_init`` if the map has to be
# stable.
model = StableAutoencoder(
    encoder=ConvolutionalEncoder((8, 8), n_maps=(8,)),
    decoder=ConvolutionalDecoder((8, 8), n_maps=(8,)),
    neighbor_weight=3,
    n_init=1,
    max_iter=20,
    random_state=0,
).fit(images_train)
codes = model.transform(images_test)
EmbeddingDisplay(codes[None], y_test).plot()

# %%
# Classify unseen images by their neighbors in the map.
knn = KNeighborsClassifier().fit(model.transform(images_train), y_train)
print(f"5-NN accuracy of new images: {knn.score(codes, y_test):.3f}")

# %%
# Decode points between two digits. The result has the shape of an image.
ends = codes[y_test == 0].mean(axis=0), codes[y_test == 6].mean(axis=0)
path = np.linspace(*ends, 7)
_, axes = plt.subplots(1, len(path), figsize=(7, 1.3))
for ax, image in zip(axes, model.inverse_transform(path)):
    ax.imshow(image, cmap="gray_r")
    ax.axis("off")
plt.show()
