"""Digests of what fits give, to show that a change of the code moved nothing.

``python -m benchmarks.fingerprints --save FILE`` fits some thirty configurations on
small data and prints, for each, a digest of its codes and reconstructions of unseen
samples. ``--compare FILE`` prints the largest difference from the arrays of an earlier
run, over their root mean square: 0 on the same machine, and rounding, which grows
during a training, on another processor. It uses one thread, so that sums have one
order.
"""

import argparse
import tempfile
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from scipy.sparse import csr_array
from sklearn.datasets import load_digits, load_iris
from sklearn.neighbors import KNeighborsTransformer

import stable_embedding as se

TOLERANCE = 1e-5


def wide_samples():
    """Draw samples of 200 features near a plane of 12."""
    rng = np.random.default_rng(0)
    scores = np.tanh(rng.normal(size=(400, 12)))
    X = scores @ rng.normal(size=(12, 200)) + 0.1 * rng.normal(size=(400, 200))
    return X[:300], X[300:]


def counts():
    """Draw sparse counts."""
    X = np.random.default_rng(1).poisson(0.3, size=(500, 60)).astype(float)
    return csr_array(X[:400]), csr_array(X[400:])


def fit(estimator):
    """Fit an estimator on digits, and embed unseen ones."""
    X, y = load_digits(return_X_y=True)
    return embed(estimator.fit(X[:600], y[:600]), X[600:900])


def embed(model, X):
    """Return codes and what comes back from them."""
    codes = model.transform(X)
    return np.asarray(codes), model.inverse_transform(codes)


def fit_on(split, **parameters):
    """Fit the defaults on the first part of a split, and embed the second."""
    X, X_new = split
    return embed(se.StableAutoencoder(random_state=0, **parameters).fit(X), X_new)


def fit_memory_map():
    """Fit samples of a file that is mapped into memory."""
    X, X_new = wide_samples()
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "X.npy", X.astype(np.float32))
        X = np.load(Path(folder) / "X.npy", mmap_mode="r")
        found = fit_on((X, X_new))
        del X
    return found


def fit_chunks():
    """Fit three chunks one after the other."""
    X, _ = load_digits(return_X_y=True)
    model = se.StableAutoencoder(random_state=0)
    for start in (0, 300, 600):
        model.partial_fit(X[start : start + 300])
    return embed(model, X[900:1200])


def fit_again():
    """Fit, and resume the training on other samples."""
    X, _ = load_digits(return_X_y=True)
    model = se.StableAutoencoder(n_init=2, warm_start=True, random_state=0)
    return embed(model.fit(X[:500]).fit(X[100:600]), X[900:1200])


def align():
    """Fit twice, and lay the second map on the first."""
    X, _ = load_digits(return_X_y=True)
    first = se.StableAutoencoder(n_init=2, random_state=0).fit(X[:500])
    second = se.StableAutoencoder(n_init=2, random_state=1).fit(X[:500])
    return embed(second.align(X[:500], first.transform(X[:500])), X[900:1200])


def binary_digits(kind, **parameters):
    """Fit a sibling on digits between 0 and 1."""
    X, y = load_digits(return_X_y=True)
    X = X / 16
    model = kind(random_state=0, likelihood="bernoulli", **parameters)
    return embed(model.fit(X[:600], y[:600]), X[600:900])


def ours(**parameters):
    """Return a job that fits the main estimator on digits."""
    return lambda: fit(se.StableAutoencoder(random_state=0, **parameters))


def sibling(kind, *arguments, **parameters):
    """Return a job that fits a sibling on digits."""
    return lambda: fit(kind(*arguments, random_state=0, **parameters))


JOBS = {
    "iris": lambda: fit_on([load_iris().data] * 2),
    "defaults": ours(),
    "three components": ours(n_components=3, activation="tanh"),
    "inner product": ours(similarity="inner_product"),
    "cosine": ours(similarity="cosine"),
    "rbf": ours(similarity="rbf"),
    "random start": ours(init="random", similarity_weight=0),
    "linear": ours(hidden_layer_sizes=()),
    "no shrinkage": ours(alpha=0, similarity_weight=0.3),
    "neighbors": ours(neighbor_weight=3),
    "neighbors by a transformer": ours(
        neighbor_weight=1, neighbors=KNeighborsTransformer(n_neighbors=10)
    ),
    "three runs": ours(n_init=3),
    "three runs with neighbors": ours(n_init=3, neighbor_weight=1),
    "early stopping": ours(early_stopping=True, n_init=2),
    "layerwise pretraining": ours(layerwise_pretraining=True, max_iter=10),
    "wide": lambda: fit_on(wide_samples()),
    "wide, neighbors": lambda: fit_on(wide_samples(), neighbor_weight=1, n_init=2),
    "sparse": lambda: fit_on(counts()),
    "memory map": fit_memory_map,
    "partial_fit": fit_chunks,
    "warm_start": fit_again,
    "align": align,
    "denoising": sibling(se.DenoisingAutoencoder),
    "denoising, salt and pepper": sibling(
        se.DenoisingAutoencoder, corruption="salt_and_pepper", n_init=2
    ),
    "sparse codes, kl": sibling(se.SparseAutoencoder, 10),
    "sparse codes, l1": sibling(se.SparseAutoencoder, 10, penalty="l1"),
    "sparse codes, k_sparse": sibling(se.SparseAutoencoder, 10, penalty="k_sparse"),
    "contractive": sibling(se.ContractiveAutoencoder),
    "variational": sibling(se.VariationalAutoencoder),
    "variational, bernoulli": lambda: binary_digits(se.VariationalAutoencoder),
    "triplets": sibling(se.TripletVariationalAutoencoder, n_init=2),
    "hashing": sibling(se.SemanticHashing, 16),
    "hashing, packed": sibling(se.SemanticHashing, 12, packed=True),
}


def digest(arrays):
    """Hash arrays."""
    sha = sha256()
    for array in arrays:
        sha.update(np.ascontiguousarray(array).tobytes())
    return sha.hexdigest()[:16]


def difference(array, earlier):
    """Return the largest difference, over the root mean square of the earlier one."""
    array, earlier = array.astype(np.float64), earlier.astype(np.float64)
    return np.abs(array - earlier).max() / np.sqrt(np.square(earlier).mean())


def main():
    """Fit, print, save and compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="which; all by default")
    parser.add_argument("--save", type=Path, help="where to save the arrays")
    parser.add_argument("--compare", type=Path, help="arrays of an earlier run")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    earlier = {}
    if arguments.compare:
        with np.load(arguments.compare) as archive:
            earlier = dict(archive)
    arrays, moved = {}, []
    for name in arguments.names or JOBS:
        found = JOBS[name]()
        line = f"{name:28} {digest(found)}"
        for part, array in zip(("codes", "reconstruction"), found):
            key = f"{name}/{part}"
            arrays[key] = array
            if key in earlier:
                far = difference(array, earlier[key])
                line += f"  {part} {far:.1e}"
                if far > TOLERANCE and name not in moved:
                    moved.append(name)
        print(line, flush=True)
    if arguments.save:
        np.savez_compressed(arguments.save, **arrays)
    if earlier:
        print(f"moved by more than {TOLERANCE}: {', '.join(moved) or 'nothing'}")


if __name__ == "__main__":
    main()
