"""The estimator: an autoencoder whose embedding stays put."""

from contextlib import contextmanager
from copy import deepcopy
from numbers import Integral, Real
from os import PathLike
from pathlib import Path

import numpy as np
import torch
from scipy.sparse import issparse
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    _fit_context,
)
from sklearn.utils import assert_all_finite, check_array
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.validation import (
    _check_n_features,
    check_is_fitted,
    validate_data,
)

from ..data.chunks import iterate_chunks
from ..data.dask_arrays import is_dask_array, map_chunks
from ..data.neighbors import draw_positives, graph_from_transformer, neighbor_graph
from ..data.pca import (
    COMPARED_AXES,
    MAX_COORDINATES,
    flip_signs,
    is_wide,
    narrow_basis,
    principal_axes,
)
from ..data.scaling import (
    ScaledSamples,
    feature_means,
    mean_and_scale,
    scale_in_own_precision,
    scale_samples,
    total_squared_deviation,
)
from ..data.shrinkage import auto_alpha
from ..data.subsample import fixed_subsample
from ..data.training_data import (
    chunk_slices,
    exceeds_memory,
    order_and_hashes,
    representative_samples,
    samples_in_memory,
    training_inputs,
)
from ..losses.base import StableLoss, collapsed_similarity_loss
from ..losses.similarity import SIMILARITIES, resolve_similarity
from ..networks.autoencoder import ACTIVATIONS, Autoencoder
from ..networks.frame import rigid_map_onto
from ..networks.inference import apply_in_chunks
from ..quality import explained_fraction
from ..stability.measures import nearest_to_consensus
from ..training.batches import count_batches, validation_split
from ..training.distributed import broadcast_from_main
from ..training.pretraining import pretrain
from ..training.seeds import draw_seeds

_DTYPES = (np.float64, np.float32)

# Rows that are squared at once.
_BLOCK_ROWS = 4_096

# Rows that the normalizer of a similarity and the scale of a kernel are estimated on.
_ESTIMATION_ROWS = 1_000

# Over the root mean squared distance of neighbors it is the kernel's first scale: they
# shall come nearer than they are.
_FIRST_SHARPNESS = 3.0

# Scales outside this range are beyond the precision of squared distances, or beside the
# purpose.
_SCALE_RANGE = (1.0, 1e3)


def auto_batch_size(n_samples, neighbor_weight):
    """Rows in a batch for a number of rows."""
    if n_samples < 10_000:
        return 128
    return 512 if neighbor_weight else 256


def auto_max_iter(n_batches):
    """Epochs for a number of batches in each: at least 600 steps and 20 epochs."""
    return max(20, -(-600 // n_batches))


def resolve_device(device):
    """Name the device to train on; "auto" takes an accelerator where there is one."""
    if device == "auto":
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ValueError(
            f"device={device!r} cannot be used here; 'auto' and 'cpu' always can"
        ) from error
    return device


def auto_layer_sizes(neighbor_weight):
    """Widths of the hidden layers: more where neighborhoods are pulled apart."""
    return (128,) * 3 if neighbor_weight else (128, 32)


def layer_sizes(hidden_layer_sizes):
    """Widths of the hidden layers as a tuple of positive integers."""
    sizes = np.atleast_1d(hidden_layer_sizes)
    if sizes.ndim != 1 or not all(
        isinstance(size, Integral) and size > 0 for size in sizes.tolist()
    ):
        raise ValueError(
            f"hidden_layer_sizes={hidden_layer_sizes!r} must be positive integers, one"
            " for each hidden layer, () for a linear network, or 'auto'"
        )
    return tuple(int(size) for size in sizes)


def project_networks(networks, basis):
    """Copy networks to rows in another basis, or leave them.

    Fewer coordinates have the larger values; a gain makes steps along them as large as
    they would be along the features.
    """
    if basis is None:
        return networks
    gain = max(1.0, (basis.shape[1] / basis.shape[0]) ** 0.5)
    return [
        network.project_inputs(torch.from_numpy(basis).to(network.device), gain)
        for network in networks
    ]


def discarded_variance(rows):
    """Share of the variance that rows of unit total variance lack in a basis."""
    part = rows if isinstance(rows, torch.Tensor) else rows[rows.chunks[0]]
    squares = torch.cat([block.square().sum(1) for block in part.split(_BLOCK_ROWS)])
    return max(0.0, 1 - squares.mean(dtype=torch.float64).item())


def kernel_scale(codes, partners):
    """Scale of the kernel for a training to start with, from codes of neighbors."""
    distance = np.sqrt(np.square(codes - partners).sum(axis=1).mean())
    with np.errstate(divide="ignore"):
        return float(np.clip(_FIRST_SHARPNESS / distance, *_SCALE_RANGE))


def check_similarity(similarity, rows):
    """Raise if a user's similarity does not return a matrix of pairs."""
    values = similarity(rows)
    if not isinstance(values, torch.Tensor):
        raise TypeError(
            f"similarity={similarity!r} returned a {type(values).__name__}; it must"
            " return a torch.Tensor, so that it can be differentiated"
        )
    if values.shape != (len(rows), len(rows)):
        raise ValueError(
            f"similarity={similarity!r} returned shape {tuple(values.shape)} for"
            f" {len(rows)} rows; it must return one value for each pair of rows"
        )
    for where, at in (("the data", rows), ("rows of zeros", torch.zeros_like(rows))):
        at = at.clone().requires_grad_()
        values = similarity(at)
        if values.requires_grad:
            values.sum().backward()
        if at.grad is None or not (
            values.isfinite().all() and at.grad.isfinite().all()
        ):
            raise ValueError(
                f"similarity={similarity!r} must be finite and have a finite gradient"
                f" everywhere, but at {where} it has not"
            )


def check_out(out, shape, dtype):
    """Raise if codes of a type cannot be written to an array."""
    kind = getattr(out, "dtype", None)
    if not (isinstance(out, np.ndarray) and np.can_cast(dtype, kind, "same_kind")):
        raise TypeError(
            f"out is of {kind or type(out).__name__}; it must be an ndarray to which"
            f" {np.dtype(dtype)} can be written"
        )
    if out.shape != shape:
        raise ValueError(f"out has shape {out.shape}, but the codes have {shape}")


def apply_rigid_map(network, rigid_map):
    """Copy a network with a rigid map of its codes folded in."""
    device = network.device
    network = deepcopy(network).cpu()  # not every device has the fold's float64
    network.fold(*map(torch.from_numpy, rigid_map))
    return network.to(device)


@contextmanager
def restore_on_error(estimator):
    """Undo what was set on an estimator if the block fails or is interrupted."""
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise


class StableAutoencoder(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator
):
    r"""Autoencoder whose embedding is the same from training to training.

    An autoencoder is trained to reconstruct its input from a narrow code. Trained
    again, with another seed or a few rows more, it finds another code, and distances
    of the data are lost in all of them. This one minimizes, over rows :math:`x`
    centered and divided by the square root of their total variance,

    .. math:: L = \operatorname{mean}_i |x_i - \hat x_i|^2
        + w \, \tfrac12 \operatorname{mean}_{i<j} (|z_i - z_j| - |x_i - x_j|)^2

    so that distances between codes :math:`z` follow those of the data, starts from
    PCA whatever the seed, and lays the finished map on the PCA scores of its training
    data with one rigid map. Both terms are fractions: of variance that is not
    explained, and of squared distances that are lost.

    Parameters
    ----------
    n_components : int, default=2
        Number of components of the embedding.

    hidden_layer_sizes : int or array-like of int or "auto", default="auto"
        Widths of the encoder's hidden layers; the decoder has them in reverse. With
        ``()`` the network is linear. "auto" is ``(128, 32)``, and ``(128, 128, 128)``
        where `neighbor_weight` is not 0.

    activation : {"identity", "logistic", "relu", "tanh"}, default="relu"
        Activation of the hidden layers.

    similarity : str or callable, default="distance"
        Pairwise similarity that codes should share with the data: "distance",
        "inner_product" (of centered rows; its linear optimum is PCA), "cosine", "rbf"
        (Gaussian, as wide as the data), or a callable from a tensor of shape
        (n_rows, n_features) to one of shape (n_rows, n_rows).

    similarity_weight : float, default=1.0
        Weight :math:`w` of the similarity loss. With 0 only reconstruction counts.

    neighbor_weight : float, default=0.0
        Weight of a third term, by which rows that are neighbors in the data become
        neighbors in the embedding. With 0 it is not computed. Try 1 to 3 for maps to
        look at, see Notes.

    n_neighbors : int, default=15
        Number of neighbors of a row; of fewer other rows all are.

    neighbors : "auto" or transformer, default="auto"
        How neighbors are found. "auto" compares all rows up to 20,000, and searches
        more by pynndescent (extra ``neighbors``). A transformer is cloned and its
        `fit_transform` turns rows into a sparse graph, of which every stored entry is a
        neighbor; :class:`sklearn.neighbors.KNeighborsTransformer` is one. It sees
        scaled rows, or their scores on the leading 100 principal axes if they have more
        features, and has its own number of neighbors. A graph that is there already
        can be returned from a :class:`sklearn.preprocessing.FunctionTransformer`.

    init : {"pca", "random"}, default="pca"
        Start of the training. With "pca" a linear path beside the network carries
        the principal axes, and the network itself starts at zero; hidden layers are
        drawn alike for every seed. With "random" there is no such path and all is
        drawn from the seed: together with ``similarity_weight=0`` the plain
        autoencoder.

    layerwise_pretraining : bool, default=False
        Whether to train the hidden layers one after the other before all together: each
        is the code of an autoencoder whose rows are the last one's codes and whose
        decoder is linear, for `max_iter` epochs. With ``init="pca"`` this is done once
        for all seeds, and the layers around the linear path still start at zero. Rows
        that are held out later take part; of data that are not held the first 64 MB.

    n_init : int, default=1
        Number of trainings, from as many seeds that are drawn from `random_state`.
        They are trained together, as one stack of networks, and the one whose
        distances are nearest to the mean over all becomes the model, see
        `transform_runs`. With ``init="pca"`` they start alike and differ in the order
        of their rows. The first has the seed and the batches of ``n_init=1``.

    batch_size : int or "auto", default="auto"
        Largest number of rows in a batch. "auto" is 128, and from 10,000 rows 256, or
        512 where `neighbor_weight` is not 0.

    learning_rate_init : float, default=3e-3
        Peak of the learning rate. It rises over the first three tenths of the steps
        and falls to zero along a cosine.

    max_iter : int or "auto", default="auto"
        Number of epochs. "auto" is the least that gives 600 steps, and 20 or more.

    alpha : float or "auto", default="auto"
        Shrinkage toward PCA: decoupled weight decay on all but the linear path. The
        fewer rows there are, the more is needed for a map that serves unseen rows.
        "auto" is ``(1000 / n_samples) ** 1.2``, and more where the scores of PCA do
        not predict its residuals, so that there is little to gain on it; 100 at most,
        and 0 with ``init="random"``.

    early_stopping : bool, default=False
        Whether to hold out rows, stop when the loss on them no longer improves, and
        return the best epoch's network.

    validation_fraction : float, default=0.1
        Share of the rows to hold out for early stopping.

    n_iter_no_change : int, default=10
        Number of epochs without improvement after which early stopping acts, counted
        from the peak of the learning rate on.

    tol : float, default=1e-4
        Least decrease of the held-out loss that early stopping counts.

    warm_start : bool, default=False
        Whether `fit` goes on from the last fit's network. Its center, scale and frame
        are then kept as well.

    checkpoint : str, path or None, default=None
        File to which the training is written after each epoch. After a crash `fit` with
        the same parameters and data goes on where that left it, to the same result; in
        the end the file is removed. It needs an integer as `random_state`. What
        happens before the epochs (neighbors, pretraining) is done again, and callbacks
        begin anew. `partial_fit` takes none.

    callbacks : list or tuple of skorch callbacks or None, default=None
        Called during the training. Batches hold scaled rows, those of wide data by
        coordinates (see Notes); the history has losses of epochs, not of batches.
        With ``n_init > 1`` these are means over runs, and the net's module holds the
        layers of all runs, stacked.

    device : str, default="auto"
        Torch device to train and transform on. "auto" takes CUDA or MPS where there
        is one.

    accelerator : accelerate.Accelerator or None, default=None
        Trains in all the processes of a launcher at once, on one machine or several:
        each calls `fit` with the same data and has its share of every batch, and all
        end with the same model. Decides on the device of the training, which should
        be left at "auto", and on its precision. Copies and pickles have none. Needs
        the extra ``distributed``.

    random_state : int, RandomState instance or None, default=None
        Seed of the order of the rows, of those held out for early stopping and, with
        ``init="random"``, of the network.
        The same integer gives the same map to the last bit on one machine.

    verbose : int, default=0
        With 1 progress bars show the search for neighbors and the terms of the loss.

    Attributes
    ----------
    network_ : Autoencoder
        The trained network, between scaled rows and scaled codes.

    networks_ : list of Autoencoder
        The networks of all runs, all laid in one frame.

    best_index_ : int
        Index in `networks_` of the run nearest to the consensus, which is `network_`.
        It is chosen by the first training; where training goes on it is kept.

    mean_ : ndarray of shape (n_features,)
        Mean of the training data.

    scale_ : float
        Square root of the total variance of the training data, the one number by
        which they are divided and codes multiplied, so that distances in the
        embedding have the units of the data.

    loss_curve_ : list of float
        Loss of each epoch.

    history_ : dict of str to list of float
        Each term of the loss of each epoch: "loss", "reconstruction_loss",
        "similarity_loss" and "neighbor_loss", with early stopping also their values on
        the rows held out, prefixed with ``validation_``.

    reconstruction_loss_ : float
        Share of the training data's variance that is not explained.

    similarity_loss_ : float
        Similarity loss of the training data, over pairs within batches; 0 where its
        weight is.

    neighbor_loss_ : float
        Neighbor loss of the training data, within batches; 0 where its weight is.

    n_iter_ : int
        Number of epochs of the last training.

    n_samples_seen_ : int
        Number of rows of the last `fit` and of each `partial_fit` since.

    n_features_in_ : int
        Number of features of the training data.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where all are strings.

    See Also
    --------
    sklearn.decomposition.PCA : The linear map that this one starts from.
    manifold_variance_score : How alike several trainings of an estimator are.

    Notes
    -----
    Computations are in float32, and so are codes. The fitted object holds no training
    data.

    Rows of more than 128 features whose leading principal axes, at most 256 and half
    as many as there are features, hold nine tenths of the variance are trained on by
    as many coordinates, by eight for each component or more; sparse rows of more than
    1,000 are not. The rotation is folded
    into the network, so nothing else changes: what the other axes hold counts as not
    explained, and its mean is added to squared distances. That is so with
    ``init="pca"`` and ``similarity="distance"``, and not where training goes on.

    Sparse rows, or their coordinates, are made dense a batch at a time; so is a sample
    of them, by which the frame is found. Data of more than half a gigabyte in float32,
    such as a file mapped into memory, are read in chunks, in a new order in each epoch.
    They stay in the order they come in, which then decides on the batches; principal
    axes and the frame are those of a sample, which is drawn by the rows' content.

    With `neighbor_weight` :math:`v` each row of a batch brings a partner, drawn anew in
    each epoch from its neighbors, and has to be told from the others of the
    :math:`m = 2b` by the nearness of its code. That adds

    .. math:: \frac{v}{\log(m - 1)} \operatorname{mean}_i \Bigl[\log \sum_{l \ne i}
        q_{il} - \log q_{ij} \Bigr], \qquad q_{il} = \frac{1}{1 + c^2 |z_i - z_l|^2}

    for the partner :math:`j` of :math:`i`, 1 for a map that knows nothing, with a scale
    :math:`c` that is learned. A step then has twice the rows.

    References
    ----------
    *Autoencoder for Stable Embedding*, master's thesis, Ajou University.

    S. Damrich, J. N. Böhm, F. A. Hamprecht and D. Kobak, "From t-SNE to UMAP with
    contrastive learning", ICLR 2023, for the term of neighbors.

    G. E. Hinton and R. R. Salakhutdinov, "Reducing the dimensionality of data with
    neural networks", Science 313, 2006.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from stable_embedding import StableAutoencoder
    >>> X, _ = load_iris(return_X_y=True)
    >>> embedding = StableAutoencoder(random_state=0).fit(X)
    >>> embedding.transform(X).shape
    (150, 2)
    >>> embedding.score(X) > 0.97
    True
    """

    _parameter_constraints = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "hidden_layer_sizes": [
            StrOptions({"auto"}),
            "array-like",
            Interval(Integral, 1, None, closed="left"),
        ],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "similarity": [StrOptions(set(SIMILARITIES)), callable],
        "similarity_weight": [Interval(Real, 0, None, closed="left")],
        "neighbor_weight": [Interval(Real, 0, None, closed="left")],
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
        "neighbors": [StrOptions({"auto"}), HasMethods(["fit_transform"])],
        "init": [StrOptions({"pca", "random"})],
        "layerwise_pretraining": ["boolean"],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [
            StrOptions({"auto"}),
            Interval(Integral, 2, None, closed="left"),
        ],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "max_iter": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "alpha": [StrOptions({"auto"}), Interval(Real, 0, None, closed="left")],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "warm_start": ["boolean"],
        "checkpoint": [str, PathLike, None],
        "callbacks": [list, tuple, None],
        "device": [str],
        "accelerator": [HasMethods(["prepare", "backward", "reduce"]), None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    # What a sibling may have otherwise: its network, whether that must see all features
    # of wide rows, and the type of codes.
    _network_class: type[Autoencoder] = Autoencoder
    _needs_features = False
    _codes_dtype: type = np.float32

    # It is no metadata to route, though it looks like it.
    __metadata_request__transform = {"out": UNUSED}

    def __init__(
        self,
        n_components=2,
        *,
        hidden_layer_sizes="auto",
        activation="relu",
        similarity="distance",
        similarity_weight=1.0,
        neighbor_weight=0.0,
        n_neighbors=15,
        neighbors="auto",
        init="pca",
        layerwise_pretraining=False,
        n_init=1,
        batch_size="auto",
        learning_rate_init=3e-3,
        max_iter="auto",
        alpha="auto",
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        tol=1e-4,
        warm_start=False,
        checkpoint=None,
        callbacks=None,
        device="auto",
        accelerator=None,
        random_state=None,
        verbose=0,
    ):
        self.n_components = n_components
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.similarity = similarity
        self.similarity_weight = similarity_weight
        self.neighbor_weight = neighbor_weight
        self.n_neighbors = n_neighbors
        self.neighbors = neighbors
        self.init = init
        self.layerwise_pretraining = layerwise_pretraining
        self.n_init = n_init
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.alpha = alpha
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.warm_start = warm_start
        self.checkpoint = checkpoint
        self.callbacks = callbacks
        self.device = device
        self.accelerator = accelerator
        self.random_state = random_state
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Learn the embedding of X.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data, two rows or more.

        y : array-like of shape (n_samples,) or None
            Class of each row, where a sibling asks for it; else ignored.

        Returns
        -------
        self : StableAutoencoder
            The fitted estimator. If the call fails it is as it was before.

        Raises
        ------
        ValueError
            If a parameter or X is not as described, or the loss stops being finite.
        """
        return self._fit(X, y, resume=self.warm_start and self._is_fitted(), n_seen=0)

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None):
        """Train on one more chunk of data.

        The center, the scale, the start and the frame are those of the first chunk.
        Each chunk is trained on for `max_iter` epochs, where "auto" is 600 steps or
        more. Of all the rows seen a chunk is a part; the square root of that part is
        how far the weights move from the last ones to those that were trained on it,
        so that earlier chunks are not forgotten. The map is then laid on where it put
        the rows of the chunk before.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            A chunk of the training data, two rows or more.

        y : array-like of shape (n_samples,) or None
            Class of each row, where a sibling asks for it; else ignored.

        Returns
        -------
        self : StableAutoencoder
            The fitted estimator. If the call fails it is as it was before.

        Raises
        ------
        ValueError
            If a parameter or X is not as described, or the loss stops being finite.
        """
        if self.checkpoint is not None:
            raise ValueError(
                f"checkpoint={self.checkpoint!r} must be None for partial_fit: save the"
                " estimator after each chunk instead"
            )
        resume = self._is_fitted()
        return self._fit(X, y, resume, n_seen=self.n_samples_seen_ if resume else 0)

    def transform(self, X, out=None):
        """Embed X.

        Parameters
        ----------
        X : {array-like, sparse matrix, dask array} of shape (n_samples, n_features)
            Rows to embed, seen in training or not. Each is embedded by itself.

        out : ndarray of floats of shape (n_samples, n_components), default=None
            Where to write the codes, for instance a file mapped into memory; a new
            array by default.

        Returns
        -------
        ndarray of shape (n_samples, n_components), dtype float32
            Codes, in the units of the data; `out` where it is given. Of a dask array
            they are one as well, whose blocks are embedded when they are asked for.

        Raises
        ------
        TypeError, ValueError
            If X or `out` is not as described.
        """
        check_is_fitted(self)
        if is_dask_array(X):
            _check_n_features(self, X, reset=False)
            # A later fit shall not change what is asked for.
            snapshot = type(self).__new__(type(self))
            vars(snapshot).update(vars(self))
            return map_chunks(
                snapshot._codes, X, self._n_features_out, self._codes_dtype, out
            )
        return self._codes(X, out)

    def transform_runs(self, X):
        """Embed X by every run of ``n_init``, all in one frame.

        How far they lie apart is how far the map would move, were it trained again
        from another seed.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows to embed, seen in training or not.

        Returns
        -------
        ndarray of shape (n_init, n_samples, n_components), dtype float32
            Codes, in the units of the data. Those of `transform` stand at
            `best_index_`.
        """
        check_is_fitted(self)
        X = self._validate_all_but_values(X)
        return np.stack([self._embed(network, X) for network in self.networks_])

    def inverse_transform(self, X):
        """Reconstruct rows from their codes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            Codes, as `transform` returns them.

        Returns
        -------
        ndarray of shape (n_samples, n_features), dtype float64
            Reconstruction. In float32 a large mean would round it.
        """
        check_is_fitted(self)
        return self._decode(self._network_codes(X, "X"))

    def score(self, X, y=None):
        r"""Return the share of the variance of X that its reconstruction explains.

        .. math:: R^2 = 1 - \sum_i |x_i - \hat x_i|^2 \Big/ \sum_i |x_i - \bar x|^2

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows to reconstruct.

        y : None
            Ignored.

        Returns
        -------
        float
            1.0 at best; 0.0 is as good as the mean of X.
        """
        check_is_fitted(self)
        X = self._validate_all_but_values(X)
        errors = self._squared_errors(X)
        return explained_fraction(
            errors.sum(), total_squared_deviation(X, feature_means(X))
        )

    def score_samples(self, X):
        """Return minus the squared reconstruction error of each row: low is anomalous.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows to reconstruct.

        Returns
        -------
        ndarray of shape (n_samples,)
            In squared units of the data, 0.0 at best.
        """
        check_is_fitted(self)
        return -self._squared_errors(self._validate_all_but_values(X))

    def align(self, X, reference):
        """Lay the map of X on a reference with one rigid map, within the weights.

        After retraining, lay the new map on the old one: what was trained on old
        codes then goes on working. (The map of a sibling whose axes have a meaning
        permutes them.) No distance in the map and no reconstruction
        changes. Each run of ``n_init`` is laid there by a rigid map of its own.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows whose codes are laid on the reference.

        reference : array-like of shape (n_samples, n_components)
            Where these rows should lie, for instance the predecessor's codes of them.

        Returns
        -------
        self : StableAutoencoder
            The same estimator, in another frame.
        """
        check_is_fitted(self)
        X = self._validate_all_but_values(X)
        codes = [self._encode(network, X) for network in self.networks_]
        frame = self._network_codes(reference, "reference")
        if len(frame) != len(codes[0]):
            raise ValueError(
                f"reference has {len(frame)} rows, but X has {len(codes[0])}; it must"
                " be where the rows of X should lie"
            )
        frames = [frame.astype(np.float64)] * len(codes)
        self._align_runs(self.networks_, codes, frames, self.best_index_)
        return self

    def _align_runs(self, networks, codes, frames, best_index):
        """Lay the networks of all runs in their frames, and take one as the model."""
        maps = map(self._map_onto, codes, frames)
        self.networks_ = list(map(apply_rigid_map, networks, maps))
        self.best_index_ = best_index
        self.network_ = self.networks_[best_index]

    def _is_fitted(self):
        return hasattr(self, "network_")

    def _fit(self, X, y, resume, n_seen):
        """Train anew, or go on from the last training's network; all or nothing."""
        with restore_on_error(self):
            self._check_checkpoint()
            X = self._validate_rows(X, reset=not resume, ensure_min_samples=2)
            self.n_samples_seen_ = n_seen + X.shape[0]
            order, keys = order_and_hashes(X)
            if not resume:
                self.mean_, self.scale_ = mean_and_scale(X, order)
            labels = self._labels(y, X, order)
            rows = ScaledSamples(X, self.mean_, self.scale_, order)
            sample = representative_samples(rows, keys, self.n_components)
            axes, basis, compared, alpha, seeds = broadcast_from_main(
                self._choices(rows, sample, narrow=not resume), self.accelerator
            )
            if resume:
                networks, frames = self._last(sample)
            else:
                networks = [self._start(axes, seed) for seed in seeds]
                frames = [sample @ axes.T] * self.n_init
            networks = project_networks(networks, basis)
            source = training_inputs(rows, sample, basis)
            if self.layerwise_pretraining and not resume:
                self._pretrain(networks, source, keys, seeds)
            graph = self._neighbor_graph(rows.on(compared), chunk_slices(source))
            scale = self._kernel_scale(networks, source, keys, graph)
            dropped = 0.0 if basis is None else discarded_variance(source)
            loss = self._loss(sample, dropped, scale)
            disturb = self._input_transform(sample)
            pace = (len(rows) / self.n_samples_seen_) ** 0.5
            trainings = self._train(
                networks, source, keys, graph, labels, loss, disturb, alpha, pace, seeds
            )
            networks = project_networks(networks, None if basis is None else basis.T)
            codes = [apply_in_chunks(one, "encode", sample) for one in networks]
            best_index = self.best_index_ if resume else nearest_to_consensus(codes)
            self._align_runs(networks, codes, frames, best_index)
            training = trainings[best_index]
            self.history_ = training.history
            self.loss_curve_ = training.history["loss"]
            self.n_iter_ = len(self.loss_curve_)
            for name in loss.names[1:]:
                setattr(self, f"{name}_", training.final[name])
            self._finalize_fit(sample)
            if self.checkpoint is not None:
                Path(self.checkpoint).unlink(missing_ok=True)
        return self

    def _start(self, axes, seed, **more):
        """Build the network of one run."""
        return self._network_class(
            **self._architecture(),
            axes=torch.from_numpy(axes) if self.init == "pca" else None,
            seed=seed,
            **more,
        )

    def _pretrain(self, networks, rows, keys, seeds):
        """Train the hidden layers of networks in place, one after the other."""
        rows, keys = samples_in_memory(rows, keys)
        if self.init == "pca":  # they start alike, and shall go on so
            pretrain(networks[0], rows, keys, self._train_layer, seed=0)
            networks[1:] = [deepcopy(networks[0]) for _ in networks[1:]]
            return
        for network, seed in zip(networks, seeds):
            pretrain(network, rows, keys, self._train_layer, seed)

    def _train_layer(self, layer, rows, keys, loss, seed):
        """Train a layer as an autoencoder of its own."""
        from ..training.trainer import train

        batch_size, max_iter = self._pace(len(rows))
        train(
            [layer],
            rows,
            keys,
            loss,
            alpha=0.0,
            batch_size=batch_size,
            max_iter=max_iter,
            learning_rate=self.learning_rate_init,
            seeds=[seed],
            device=self._device(),
            accelerator=self.accelerator,
            verbose=bool(self.verbose),
        )

    def _last(self, rows):
        """Copy the last training's networks, and the codes on which to lay the next."""
        wanted = self._architecture() | {"init": self.init, "n_init": self.n_init}
        fitted = {name: getattr(self.network_, name, None) for name in wanted}
        fitted["n_init"] = len(self.networks_)
        changed = [name for name in wanted if wanted[name] != fitted[name]]
        if changed:
            raise ValueError(
                f"training cannot go on with { {n: wanted[n] for n in changed} }: the"
                f" fitted network has { {n: fitted[n] for n in changed} }; use fit with"
                " warm_start=False"
            )
        networks = deepcopy(self.networks_)
        return networks, [apply_in_chunks(one, "encode", rows) for one in networks]

    def _architecture(self):
        sizes = self.hidden_layer_sizes
        if isinstance(sizes, str):
            sizes = auto_layer_sizes(self.neighbor_weight)
        return {
            "n_features": self.n_features_in_,
            "n_components": int(self.n_components),
            "hidden_layer_sizes": layer_sizes(sizes),
            "activation": self.activation,
        }

    def _choices(self, rows, sample, narrow):
        """Choose what a training starts from, by the data and at random.

        Returns the principal axes, a narrow basis or None, axes to compare rows on or
        None, the weight decay and a seed of each run.
        """
        # A user's similarity would be given coordinates where it expects features.
        narrow &= self.init == "pca" and self.similarity == "distance"
        narrow &= is_wide(rows.X) and not self._needs_features
        compare = self.neighbor_weight and rows.width > COMPARED_AXES
        n_axes = max(
            int(self.n_components),
            MAX_COORDINATES if narrow else 0,
            COMPARED_AXES if compare else 0,
        )
        in_part = issparse(rows.X) and len(sample) < len(rows)
        axes, shares = principal_axes(rows.X if in_part else sample, n_axes)
        basis = narrow_basis(axes, shares, self.n_components) if narrow else None
        compared = axes[:COMPARED_AXES] if compare else None
        axes = flip_signs(axes[: self.n_components], sample)
        seeds = draw_seeds(self.random_state, self.n_init)
        return axes, basis, compared, self._alpha(sample, axes), seeds

    def _alpha(self, sample, axes):
        """Choose the weight decay."""
        if self.alpha != "auto":
            return self.alpha
        if self.init == "random":
            return 0.0
        return auto_alpha(sample, axes, self.n_samples_seen_)

    def _neighbor_graph(self, rows, chunks):
        """Find the neighbors of rows where they count."""
        if not self.neighbor_weight:
            return None
        if self.neighbors == "auto":
            verbose = bool(self.verbose)
            graph = neighbor_graph(rows, self.n_neighbors, chunks, verbose)
        else:
            graph = graph_from_transformer(self.neighbors, rows, chunks)
        return broadcast_from_main(graph, self.accelerator)

    def _kernel_scale(self, networks, rows, keys, graph):
        """Find the kernel's first scale for each network, from neighbors' codes."""
        if graph is None:
            return None
        index = fixed_subsample(len(rows), _ESTIMATION_ROWS)
        partners = draw_positives(graph, index, keys[index], np.random.default_rng(0))
        pair = [rows[torch.from_numpy(part)].numpy() for part in (index, partners)]
        scales = [
            kernel_scale(*(apply_in_chunks(one, "encode", part) for part in pair))
            for one in networks
        ]
        return torch.tensor(scales).squeeze(0)

    def _loss(self, sample, dropped, scale):
        """Build the loss, with the normalizer of the similarity from a sample."""
        similarity = resolve_similarity(self.similarity)
        weight, collapsed_loss = float(self.similarity_weight), 1.0
        if weight:
            index = fixed_subsample(len(sample), _ESTIMATION_ROWS)
            sample = torch.from_numpy(sample[index])
            if callable(self.similarity):
                check_similarity(similarity, sample)
            collapsed_loss = collapsed_similarity_loss(sample, similarity)
        return StableLoss(
            similarity,
            weight,
            collapsed_loss,
            dropped,
            float(self.neighbor_weight),
            scale,
            **self._loss_terms(dropped),
        )

    def _map_onto(self, codes, reference):
        """Find the map by which codes are laid in their frame."""
        return rigid_map_onto(codes, reference)

    def _loss_terms(self, dropped):
        """Return what a sibling's loss has besides, or has otherwise."""
        return {}

    def _input_transform(self, sample):
        """Return what a sibling does to batches before it is trained on them."""
        return

    def _labels(self, y, X, order):
        """Return what a sibling is told of the rows, in the order given."""
        return

    def _finalize_fit(self, sample):
        """Find what a sibling needs besides, once the network is trained."""

    def _train(
        self,
        networks,
        rows,
        keys,
        graph,
        labels,
        loss,
        disturb,
        alpha,
        pace,
        seeds,
    ):
        """Train networks in place with the parameters of this estimator."""
        from ..training.trainer import (  # skorch is slow to import
            check_callbacks,
            train,
        )

        check_callbacks(self.callbacks or ())
        split, n_rows = None, len(rows)
        if self.early_stopping:
            split = self._split(keys, seeds, chunk_slices(rows))
            n_rows = sum(part.shape[1] for part in split[0])
        batch_size, max_iter = self._pace(n_rows)
        return train(
            networks,
            rows,
            keys,
            loss,
            alpha=alpha,
            batch_size=batch_size,
            max_iter=max_iter,
            learning_rate=self.learning_rate_init,
            seeds=seeds,
            device=self._device(),
            neighbors=graph,
            noise=disturb,
            labels=labels,
            split=split,
            n_iter_no_change=self.n_iter_no_change,
            tol=self.tol,
            pace=pace,
            accelerator=self.accelerator,
            checkpoint=self._checkpoint(),
            callbacks=self.callbacks or (),
            verbose=bool(self.verbose),
        )

    def _check_checkpoint(self):
        if self.checkpoint is None:
            return
        if self.accelerator is not None:
            raise ValueError(
                f"checkpoint={self.checkpoint!r} must be None where an accelerator is"
                " given, which has checkpoints of its own"
            )
        if not isinstance(self.random_state, Integral):
            raise ValueError(
                f"checkpoint={self.checkpoint!r} needs an integer as random_state (it"
                f" is {self.random_state!r}), so that a training can be done again"
            )

    def _checkpoint(self):
        """Return where to write a training, and what tells it from others."""
        if self.checkpoint is None:
            return None
        elsewhere = {"accelerator", "callbacks", "checkpoint", "device", "verbose"}
        parameters = self.get_params(deep=False)
        told = {name: parameters[name] for name in parameters.keys() - elsewhere}
        return self.checkpoint, f"{type(self).__name__} {sorted(told.items())}"

    def _pace(self, n_rows):
        """Choose the size of batches and the number of epochs."""
        batch_size, max_iter = self.batch_size, self.max_iter
        if batch_size == "auto":
            batch_size = auto_batch_size(n_rows, self.neighbor_weight)
        if max_iter == "auto":
            max_iter = auto_max_iter(count_batches(n_rows, batch_size))
        return batch_size, max_iter

    def _device(self):
        if self.accelerator is None:
            return resolve_device(self.device)
        if self.device != "auto":
            raise ValueError(
                f"device={self.device!r} must be 'auto' where an accelerator is given,"
                " since it decides on the device"
            )
        return self.accelerator.device

    def _split(self, keys, seeds, chunks):
        """Deal rows to train each run on and, held out, to stop it early by."""
        fraction = self.validation_fraction
        of_runs = [validation_split(keys, fraction, seed, chunks) for seed in seeds]
        of_chunks = [list(map(np.stack, zip(*splits))) for splits in zip(*of_runs)]
        for training, held_out in of_chunks:
            n_training, n_held_out = training.shape[1], held_out.shape[1]
            if min(n_training, n_held_out) < 2:
                raise ValueError(
                    f"validation_fraction={fraction} of {n_training + n_held_out} rows"
                    f" holds out {n_held_out}; early stopping needs two rows or more on"
                    " either side"
                )
        return tuple(map(list, zip(*of_chunks)))

    def _validate_rows(self, X, *, reset=False, ensure_min_samples=1):
        """Validate rows to train on."""
        X = self._validate_all_but_values(X, reset, ensure_min_samples)
        for block in (
            [X.data] if issparse(X) else (block for _, block in iterate_chunks(X))
        ):
            self._check_values(block)
        return X

    def _validate_all_but_values(self, X, reset=False, ensure_min_samples=1):
        """Validate rows; dense ones but for their values, to be checked in blocks.

        A check of all at once would read all of a file into memory.
        """
        return validate_data(
            self,
            X,
            accept_sparse="csr",
            dtype=None if exceeds_memory(X) else _DTYPES,
            reset=reset,
            ensure_all_finite=issparse(X),
            ensure_min_samples=ensure_min_samples,
        )

    def _check_values(self, block):
        # Its first pass is a sum, in which infinities of both signs are invalid.
        with np.errstate(invalid="ignore"):
            assert_all_finite(block, estimator_name=type(self).__name__, input_name="X")

    def _codes(self, X, out=None):
        """Validate rows and embed them by the model."""
        X = self._validate_all_but_values(X)
        if out is not None:
            check_out(out, (X.shape[0], self._n_features_out), self._codes_dtype)
        return self._embed(self.network_, X, out)

    def _embed(self, network, X, out=None):
        return apply_in_chunks(
            network, "encode", X, self._scale_rows, self._finish_codes, out
        )

    def _encode(self, network, X):
        return apply_in_chunks(network, "encode", X, self._scale_rows)

    def _scale_rows(self, block):
        self._check_values(block)
        return scale_in_own_precision(block, self.mean_, self.scale_)

    def _finish_codes(self, codes):
        return codes * self.scale_

    def _network_codes(self, codes, name):
        """Turn codes, as `transform` returns them, into those of the network."""
        return self._check_codes(codes, name) / self.scale_

    def _check_codes(self, codes, name):
        codes = check_array(codes, dtype=_DTYPES, input_name=name)
        if codes.shape[1] != self._n_features_out:
            raise ValueError(
                f"{name} has shape {codes.shape}, but codes of {type(self).__name__}"
                f" have {self._n_features_out} columns"
            )
        return codes

    def _decode(self, codes):
        rows = apply_in_chunks(self.network_, "decode", codes)
        return rows * self.scale_ + self.mean_

    def _squared_errors(self, X):
        """Reconstruct in float64, whose range the square of a scale needs."""
        network = self.network_.as_float64()
        errors = apply_in_chunks(network, "squared_errors", X, self._scale_exactly)
        return errors * self.scale_**2

    def _scale_exactly(self, block):
        self._check_values(block)
        return scale_samples(block, self.mean_, self.scale_)

    @property
    def _n_features_out(self):
        return self.network_.n_components

    def __getstate__(self):
        state = dict(super().__getstate__())
        state["accelerator"] = None  # it belongs to the processes of its launcher
        if self._is_fitted():
            # As arrays, which load where there is no accelerator, or another torch.
            state["networks_"] = [network.state() for network in self.networks_]
            del state["network_"]
        return state

    def __setstate__(self, state):
        state = dict(state)
        if "networks_" in state:
            restored = self._network_class.restored
            networks = [restored(**described) for described in state["networks_"]]
            state["networks_"] = networks
            state["network_"] = networks[state["best_index_"]]
        super().__setstate__(state)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        tags.input_tags.sparse = True
        return tags
