"""Methods of other packages, all with the interface of scikit-learn's.

`PEERS` names them; :mod:`benchmarks.methods` lists them with the others. An entry says
which package a method needs and how it is fitted: a function of samples and a seed that
returns codes and, if the method can embed new samples, a function that does. Settings
are the package's own but for what stands here: two components, and a seed.

TorchDR's methods are not parametric unless they are given an encoder, and their default
steps are those of free codes. They stand here with an encoder of the sizes of ours, and
with Adam and a step size of .001, as is usual for networks.

``pip install --constraint constraints.txt -e '.[bench,peers]'`` installs all of them.
"""

from functools import partial
from importlib import import_module
from typing import NamedTuple

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.metaestimators import available_if


class Method(NamedTuple):
    """A method of another package.

    Attributes
    ----------
    package : str
        The package that must be installed.

    fit : callable
        From samples and a seed to codes, and a function that embeds new samples or
        None.
    """

    package: str
    fit: object


def estimator(package, name, seed="random_state", transforms=True, **parameters):
    """Describe a method that is a class much like scikit-learn's.

    Parameters
    ----------
    package, name : str
        Where the class is.

    seed : str or None, default="random_state"
        Its parameter for the seed, if it has one.

    transforms : bool, default=True
        Whether it embeds new samples.

    **parameters
        Other parameters.

    Returns
    -------
    Method
    """

    def fit(X, random_state):
        given = parameters | ({seed: random_state} if seed else {})
        model = getattr(import_module(package), name)(**given)
        return model.fit_transform(X), model.transform if transforms else None

    return Method(package, fit)


def opentsne(X, random_state):
    """Fit openTSNE, whose `fit` returns the embedding, which embeds new samples."""
    from openTSNE import TSNE

    embedding = TSNE(random_state=random_state).fit(X)
    return embedding, embedding.transform


def localmap(X, random_state, **parameters):
    """Fit LocalMAP, whose `transform` asks for the training samples once more."""
    from pacmap import LocalMAP

    model = LocalMAP(random_state=random_state, **parameters)
    return model.fit_transform(X), lambda new: model.transform(new, basis=X)


def trimap(X, random_state):
    """Fit TriMap, which draws from the global generators of NumPy and numba."""
    import numba
    from trimap import TRIMAP

    @numba.njit
    def seed_numba(seed):
        np.random.seed(seed)  # noqa: NPY002, numba has no generators to hand over

    np.random.seed(random_state)  # noqa: NPY002
    seed_numba(random_state)
    return TRIMAP().fit_transform(X), None


def umato(X, random_state):
    """Fit UMATO, whose default of 300 hubs is more than small data have samples."""
    from umato import UMATO

    model = UMATO(hub_num=min(300, len(X) - 1), random_state=random_state)
    return model.fit_transform(X), None


def torchdr(name):
    """Describe a method of TorchDR with an encoder."""

    def fit(X, random_state):
        import torch
        import torchdr

        X = np.asarray(X, dtype=np.float32)
        with torch.random.fork_rng():
            torch.manual_seed(random_state)
            model = getattr(torchdr, name)(
                encoder=encoder(X.shape[1]),
                optimizer="Adam",
                lr=1e-3,
                random_state=random_state,
            )
            codes = model.fit_transform(X)
        return codes, lambda new: model.transform(np.asarray(new, dtype=np.float32))

    return Method("torchdr", fit)


def encoder(n_features):
    """Make an encoder with the hidden layers that ours has on digits."""
    from torch import nn

    return nn.Sequential(
        nn.Linear(n_features, 128),
        nn.ReLU(),
        nn.Linear(128, 32),
        nn.ReLU(),
        nn.Linear(32, 2),
    )


PEERS = {
    "classical MDS": estimator(
        "sklearn.manifold", "ClassicalMDS", seed=None, transforms=False
    ),
    "openTSNE": Method("openTSNE", opentsne),
    "LocalMAP": Method("pacmap", localmap),
    "LocalMAP, 30 neighbors": Method("pacmap", partial(localmap, n_neighbors=30)),
    "TriMap": Method("trimap", trimap),
    "PHATE": estimator("phate", "PHATE", verbose=0),
    "PHATE, 15 neighbors": estimator("phate", "PHATE", verbose=0, knn=15),
    "UMATO": Method("umato", umato),
    "TorchDR's UMAP, encoder": torchdr("UMAP"),
}


class Peer(BaseEstimator):
    """A method of another package as an estimator.

    Parameters
    ----------
    name : str
        One of `PEERS`.

    random_state : int
        The seed.
    """

    def __init__(self, name, random_state=0):
        self.name = name
        self.random_state = random_state

    def fit(self, X, y=None):
        """Embed samples."""
        codes, self.embed_ = PEERS[self.name].fit(X, self.random_state)
        self.embedding_ = np.asarray(codes)
        return self

    def fit_transform(self, X, y=None):
        """Embed samples and return their codes."""
        return self.fit(X).embedding_

    @available_if(lambda self: getattr(self, "embed_", None) is not None)
    def transform(self, X):
        """Embed new samples."""
        return np.asarray(self.embed_(X))


def peer(name):
    """Return what makes a method from a seed, or fails if its package is missing."""

    def make(seed):
        import_module(PEERS[name].package)
        return Peer(name, random_state=seed)

    return make
