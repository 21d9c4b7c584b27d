"""What is compared: methods by name, each made from a seed, and classifiers.

All maps have two components, and otherwise default settings but for what stands here.
Peers have a second setting, too, under a name that tells it: a start by PCA, which a
seed moves less, or more neighbors, which keep more of the distances.
UMAP, PaCMAP and those of :mod:`benchmarks.peers` are imported when they are made, since
that takes long.
"""

from sklearn.base import BaseEstimator, clone
from sklearn.decomposition import PCA, KernelPCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.manifold import MDS, TSNE, Isomap
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

from stable_embedding import (
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    SparseAutoencoder,
    StableAutoencoder,
    VariationalAutoencoder,
)

from .peers import PEERS, peer

PLAIN = {"init": "random", "similarity_weight": 0, "learning_rate_init": 1e-3}


class MapAlone(BaseEstimator):
    """A method seen by its map alone, since the inverse of some takes long."""

    def __init__(self, estimator):
        self.estimator = estimator

    def fit_transform(self, X, y=None):
        """Embed rows by a clone."""
        return clone(self.estimator).fit_transform(X)


# For rows of unit total variance: pairs at root mean squared distance have exp(-1).
_GAMMA = 0.5


# Of more than 4,096 rows UMAP finds neighbors in another way, which is compiled, too.
UMAP_WARM_UP_ROWS = 5_000


def umap(seed, **parameters):
    """UMAP, which with a seed runs on one core."""
    from umap import UMAP

    return UMAP(random_state=seed, **parameters)


def pacmap(seed, **parameters):
    """PaCMAP, with a `transform` that need not be given the training data again."""
    from .adapters import PaCMAP

    return PaCMAP(random_state=seed, **parameters)


SECOND_SETTINGS = {
    "Isomap, 30 neighbors": lambda seed: Isomap(n_components=2, n_neighbors=30),
    "t-SNE, perplexity 90": lambda seed: TSNE(2, perplexity=90, random_state=seed),
    "UMAP, PCA start": lambda seed: umap(seed, init="pca"),
    "PaCMAP, 30 neighbors": lambda seed: pacmap(seed, n_neighbors=30),
}

MAPS = {
    "PCA": lambda seed: PCA(2, random_state=seed),
    "KernelPCA": lambda seed: KernelPCA(
        2, kernel="rbf", gamma=_GAMMA, fit_inverse_transform=True, random_state=seed
    ),
    "Isomap": lambda seed: Isomap(n_components=2, n_neighbors=10),
    "MDS, random start": lambda seed: MDS(
        2, init="random", n_init=1, random_state=seed
    ),
    "MDS, classical start": lambda seed: MDS(
        2, init="classical_mds", n_init=1, random_state=seed
    ),
    "t-SNE": lambda seed: TSNE(2, random_state=seed),
    "UMAP": umap,
    "PaCMAP": pacmap,
    **SECOND_SETTINGS,
    **{name: peer(name) for name in PEERS},
    "plain autoencoder": lambda seed: StableAutoencoder(2, random_state=seed, **PLAIN),
    "StableAutoencoder": lambda seed: StableAutoencoder(2, random_state=seed),
    "StableAutoencoder, neighbor_weight=3": lambda seed: StableAutoencoder(
        2, neighbor_weight=3, random_state=seed
    ),
    "DenoisingAutoencoder": lambda seed: DenoisingAutoencoder(2, random_state=seed),
    # Chosen by three folds of the digits that `compare` trains on.
    "DenoisingAutoencoder, neighbor_weight=10": lambda seed: DenoisingAutoencoder(
        2, neighbor_weight=10, corruption_level=0.7, batch_size=256, random_state=seed
    ),
    "SparseAutoencoder": lambda seed: SparseAutoencoder(2, random_state=seed),
    "ContractiveAutoencoder": lambda seed: ContractiveAutoencoder(2, random_state=seed),
    "VariationalAutoencoder": lambda seed: VariationalAutoencoder(2, random_state=seed),
}

CLASSIFIERS = {
    "k-NN": KNeighborsClassifier,
    "logistic regression": lambda: LogisticRegression(max_iter=1_000),
    "SVM": SVC,
    "random forest": lambda: RandomForestClassifier(random_state=0),
}
