"""The estimator: an autoencoder whose embedding stays put."""

from numbers import Integral, Real
from os import PathLike

import torch
from torch import nn

from .._sklearn import HasMethods, Interval, StrOptions
from ..data.metrics import GEODESIC, METRICS
from ..losses.similarity import SIMILARITIES
from ..networks.mlp import ACTIVATIONS
from .base import BaseStableAutoencoder
from .registry import register


@register
class StableAutoencoder(BaseStableAutoencoder):
    r"""Autoencoder whose embedding is the same from training to training.

    It embeds samples so that distances between codes follow distances in the data. A
    training with another seed, or with a few samples more, gives the same embedding.
    Training starts from PCA and minimizes the sum of two fractions: the variance that
    is not explained, and the squared distances that are lost. Notes have the formulas.

    Parameters
    ----------
    n_components : int, default=2
        Number of components of the embedding.

    hidden_layer_sizes : int or array-like of int or "auto", default="auto"
        Widths of the encoder's hidden layers. The decoder has them in reverse. The
        network is linear with ``()``. "auto" is ``(128, 32)``, and ``(128, 128, 128)``
        if `neighbor_weight` is not 0.

    activation : {"identity", "logistic", "relu", "tanh"}, default="relu"
        Activation of the hidden layers.

    encoder : torch.nn.Module or None, default=None
        Your module in place of the encoder's hidden layers, for instance a
        :class:`stable_embedding.networks.ConvolutionalEncoder`. It maps a tensor of
        shape (n, n_features) to one of shape (n, n_components). Its input is centered
        and divided by `scale_`. Each run trains a copy; the module does not change.
        With ``init="pca"`` its output is added to that of a linear path, its last layer
        starts at zero, and its other weights start with the values that they have. If
        it has an attribute ``image_shape``, samples may be images of that shape.

    decoder : torch.nn.Module or None, default=None
        Your module in place of the decoder's hidden layers, from (n, n_components) to
        (n, n_features). Its input is codes, times the square root of `n_components`.
        It is copied apart from `encoder`: weights that both share become separate.

    metric : str or callable, default="euclidean"
        Distance of the input that Euclidean distances between codes follow. Neighbors
        are found by it too. It is a metric of
        :func:`sklearn.metrics.pairwise_distances`, other than "nan_euclidean" and
        "haversine", or a callable from two arrays of shape (n_features,) to a float. It
        is computed from unscaled samples. "geodesic" is the length of shortest paths in
        the graph of `n_neighbors`. See Notes.

    metric_params : dict or None, default=None
        Further arguments of the metric, such as ``{"p": 3}`` with "minkowski".

    similarity : str or callable, default="distance"
        Pairwise similarity that codes should share with the data:

        - "distance";
        - "inner_product", of centered samples; its linear optimum is PCA;
        - "cosine", of unscaled samples, which inner products of codes follow (Notes);
        - "rbf", a Gaussian of distances, as wide as the data;
        - a callable from a tensor of shape (n_samples, n_features) to one of shape
          (n_samples, n_samples). It gets samples and codes of a batch, on the device of
          the training; tensors that it holds must be moved there by its own code.

        Metrics other than "euclidean" need "distance"; the metric "cosine" also allows
        "cosine".

    similarity_weight : float, default=1.0
        Weight :math:`w` of the similarity loss. With 0 the loss has no such term.

    neighbor_weight : float, default=0.0
        Weight of a term that draws neighbors in the data together in the embedding. Try
        1 to 3 for maps to look at. With 0 the term is not computed. See Notes.

    n_neighbors : int, default=15
        Number of neighbors of a sample. With fewer other samples, all of them are its
        neighbors.

    neighbors : "auto" or transformer, default="auto"
        How neighbors are found. "auto" compares all samples up to 20,000, and uses
        pynndescent for more (extra ``neighbors``). A transformer, such as
        :class:`sklearn.neighbors.KNeighborsTransformer`, is cloned. Its `fit_transform`
        must return a sparse graph whose stored entries are all neighbors; it determines
        their number. Its input is scaled samples, or their scores on the leading 100
        principal axes if they have more features. To use a graph that you have, return
        it from a :class:`sklearn.preprocessing.FunctionTransformer`.

    label_weight : float, default=0.0
        Weight of a term that draws samples of the same label together. With 0 the
        labels `y` are ignored. Mark unknown classes by -1, None or nan, and unknown
        numbers by None or nan. See Notes.

    target_type : {"auto", "multiclass", "continuous"}, default="auto"
        Whether labels are classes or numbers. "auto" decides by
        :func:`sklearn.utils.multiclass.type_of_target`, which takes whole numbers for
        classes.

    extra_losses : sequence of LossTerm, default=()
        Your terms, which are added to the loss, see
        :class:`stable_embedding.losses.LossTerm`. Their values are in `history_`, and
        those after the last epoch in attributes ``<name>_loss_``. With neighbors, a
        batch holds anchors, and then a neighbor of each.

    init : {"pca", "random"}, default="pca"
        Start of the training. Keep "pca" for a stable embedding: a linear path beside
        the network holds the principal axes, the network's output starts at zero, and
        its hidden layers are the same for every seed. With "random" there is no linear
        path, and the seed determines all weights. Together with
        ``similarity_weight=0`` this is the plain autoencoder. With a larger weight a
        term guides random starts to one arrangement, see Notes.

    layerwise_pretraining : bool, default=False
        Whether to train the hidden layers one after the other before all of them
        together. Each layer is the code of an autoencoder with a linear decoder, which
        is trained for `max_iter` epochs on the output of the layer before. With
        ``init="pca"`` all seeds share one pretraining, and the network's output still
        starts at zero. Pretraining uses validation samples too. It uses the first 64 MB
        of data that are not in memory.

    n_init : int or "auto", default="auto"
        Number of runs, each with its own seed from `random_state`. They are trained
        together, as one stack of networks. The model is their consensus: it encodes by
        the mean of their codes and decodes by the mean of their decoders. When the seed
        or a few samples change, the squared displacement of the mean of `n_init` runs
        is about `n_init` times smaller than that of one run. "auto" is 8 with
        ``init="pca"``, where all runs have the same start and differ in the order of
        their samples. It is less for fewer than about 1,000 samples, since each batch
        then holds more of them, and 2 for 170 or fewer. Early stopping, a
        `neighbor_weight`, noise, your modules and your losses are random too and keep
        it at 8; so does `partial_fit`. It is 1 with ``init="random"``, where runs have
        nothing in common. The first run has the seed and the batches of ``n_init=1``.

    consensus_weight : float or "auto", default="auto"
        Weight of a term that keeps the runs together during training: the mean squared
        distance of a sample's code from its mean over runs and steps. It is used with
        ``init="pca"`` and at least two runs, in one process. With a large weight, all
        runs move as one. "auto" is 0.1 for up to 10,000 samples, and then grows in
        proportion to their number, up to 1. If `fit` gets a `reference`, this is the
        weight that pulls codes toward it, and "auto" is 3.

    batch_size : int or "auto", default="auto"
        Number of samples in a batch, at most that of all samples. Each epoch draws a
        new order and leaves out samples that do not fill a batch. "auto" grows from 128
        for 1,000 samples or fewer to 256 for 10,000 or more, or to 512 if
        `neighbor_weight` is not 0.

    learning_rate_init : float, default=5e-3
        Peak of the learning rate. It rises over the first three tenths of the steps
        and falls to zero along a cosine.

    max_iter : int or "auto", default="auto"
        Number of epochs. With "auto" the training has 600 steps for 1,000 samples or
        fewer, 2,349 for 60,000, and one for every 51 samples from about 170,000 on. The
        last epoch may then be shorter.

    alpha : float or "auto", default="auto"
        Shrinkage toward PCA: decoupled weight decay on all weights but those of the
        linear path. Small data need more of it, or the embedding fails on unseen
        samples. A value above 10 also keeps the linear path at PCA. "auto" is
        ``(1000 / n_samples) ** 1.2``. It is larger, 100 at most, if the residuals of
        PCA are small or its scores hardly predict them: a network then reconstructs
        little better than PCA. It is not larger with a `label_weight` or
        `extra_losses`, or if noise, a contraction, sparse codes, bits or probabilities
        ask for more than a reconstruction. With ``init="random"`` it is 0.

    early_stopping : bool, default=False
        Whether to set validation samples aside, stop when their loss no longer
        improves, and return the network of the best epoch.

    validation_fraction : float, default=0.1
        Fraction of the samples that early stopping sets aside for validation.

    n_iter_no_change : int, default=10
        Number of epochs without improvement after which early stopping ends the
        training. They are counted from the peak of the learning rate on.

    tol : float, default=1e-4
        Smallest decrease of the validation loss that is an improvement.

    warm_start : bool, default=False
        Whether `fit` resumes from the networks of the last fit. It then also keeps the
        mean, the scale and the frame.

    checkpoint : str, path or None, default=None
        Directory where the training writes a file after each epoch. After a crash,
        call `fit` with the same parameters and data: it resumes from that file, gives
        the same result, and removes the file at the end. Parameters that are functions
        or objects are the same if their code and their state are. `random_state` must
        be an integer. What comes before the epochs (neighbors, pretraining) is
        repeated, and callbacks start again. Trainings may share a directory, such as
        those of a search: each has its own file. Remove the directory when no training
        is left to resume. `partial_fit` does not support it.

    callbacks : list or tuple of skorch callbacks or None, default=None
        Called during the training. A callback ends the training if it raises
        KeyboardInterrupt at the end of an epoch. Batches hold scaled samples, or
        coordinates of wide ones (see Notes). The history has losses of epochs, not of
        batches, and ``BatchScoring`` cannot add scores of batches; scores that call
        ``net.predict`` cannot be computed. With ``n_init > 1`` losses are means over
        runs, and the net's module holds the stacked layers of all runs.

    device : str or torch.device, default="auto"
        Device to train and transform on. "auto" is CUDA or MPS if available.

    accelerator : accelerate.Accelerator or None, default=None
        Trains in all processes of a launcher at once, on one machine or several. Each
        process calls `fit` with the same data, takes its shard of every batch, and ends
        with the same model. The accelerator determines the precision and the device;
        leave `device` at "auto". Copies and pickles have no accelerator. Needs the
        extra ``distributed``.

    random_state : int, RandomState instance or None, default=None
        Seed of the order of the samples, of the choice of validation samples and, with
        ``init="random"``, of the network. On one machine, the same integer gives the
        same embedding to the last bit.

    verbose : int, default=0
        With 1, progress bars on standard error show the search for neighbors, shortest
        paths, the computation of distances, the pretraining of layers and the terms of
        the loss.

    Attributes
    ----------
    network_ : Consensus or Autoencoder
        The model, between scaled samples and scaled codes: the consensus of
        `networks_`, or the network itself if there is one.

    networks_ : list of Autoencoder
        The networks of all runs, aligned to one frame.

    mean_ : ndarray of shape (n_features,)
        Mean of the training data.

    scale_ : float
        Square root of the total variance of the training data. Data are divided by this
        one number, and codes are multiplied by it, so that distances in the embedding
        have the units of the data. 1 if the training data were constant.

    code_scale_ : float
        Factor of the network's codes. It is `scale_` with the Euclidean metric. With
        other distances it is the root of half their mean square, over pairs of at most
        a thousand samples, so that distances in the embedding have the same units.

    alpha_ : float
        Weight decay: `alpha`, or what "auto" found in the data.

    distance_source_ : str or None
        Where the distances that codes follow come from: a metric with its parameters,
        "similarity='cosine'", or "distances" that were passed. A training that resumes
        must have the same; a function counts by its name. None if version 0.2 or
        earlier trained the network.

    is_constant_ : bool
        Whether all samples of the training data were equal. The next `partial_fit` or
        warm start then starts from the beginning.

    is_order_invariant_ : bool
        Whether shuffled training data give the same embedding to the last bit. They do
        unless the data are a dense array of more than half a gigabyte in float32, which
        is read in its own order. Duplicates that differ in their `distances` or given
        neighbors alone stay in their own order, too.

    loss_curve_ : list of float
        Loss of each epoch, as a mean over runs.

    history_ : dict of str to list of float
        Each term of the loss of each epoch, as a mean over runs: "loss",
        "reconstruction_loss", "similarity_loss", "neighbor_loss", "consensus_loss" and
        those of `extra_losses`. Early stopping adds their values on the validation
        samples, prefixed with ``validation_``.

    losses_ : dict of str to float
        The same terms over the training data after the last epoch.

    reconstruction_loss_ : float
        Fraction of the training data's variance that a run does not explain. Their
        consensus explains a little more.

    similarity_loss_ : float
        Similarity loss of the training data, over pairs within batches; 0 if its weight
        is 0.

    neighbor_loss_ : float
        Neighbor loss of the training data, within batches; 0 if its weight is 0.

    consensus_loss_ : float
        Mean squared distance of the codes of runs from their running mean, in units of
        scaled samples; 0 if there is one run or its weight is 0.

    n_iter_ : int
        Number of epochs of the last training.

    sample_shape_ : tuple of int
        Shape of a sample of the training data: ``(n_features_in_,)``, or that of an
        image.

    n_samples_seen_ : int or float
        Number of samples of the last `fit` and of each `partial_fit` since, or the sum
        of their weights.

    n_features_in_ : int
        Number of features of the training data.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if all are strings.

    See Also
    --------
    sklearn.decomposition.PCA : The linear map that this one starts from.
    manifold_variance_score : How similar several trainings of an estimator are.
    retrain : Retrain on other samples, and keep the map where it was.

    Notes
    -----
    **Loss.** Samples :math:`x` are centered and divided by the square root of their
    total variance. With codes :math:`z` and reconstructions :math:`\hat x` the loss is

    .. math:: L = \operatorname{mean}_i |x_i - \hat x_i|^2
        + w \, \tfrac12 \operatorname{mean}_{i<j} (|z_i - z_j| - |x_i - x_j|)^2

    After the training, one rigid map (a shift, a rotation and reflections) aligns the
    codes with the PCA scores of the training data. It becomes part of the network.

    **Memory.** Computations and codes are in float32. The fitted object holds no
    training data. Sparse samples, or their coordinates, are made dense one batch at a
    time; the subset that decides on the frame is dense as a whole. Dense arrays of more
    than half a gigabyte in float32, such as a memory-mapped file, are read in chunks,
    in a new order in each epoch. Their batches depend on the order of the samples.
    Principal axes and the frame do not: they come from a subset that the samples'
    content selects.

    **Wide samples** have more than 128 features. If few leading principal axes hold
    nine tenths of the variance, the training works on coordinates along these axes: at
    most 256, at most half as many as there are features, and at least 32 and eight for
    each component, if the data have that rank. The rotation then becomes part of the
    network, so nothing else changes. The variance of the other axes is not explained,
    and its mean is added to squared distances. This needs ``init="pca"``,
    ``similarity="distance"`` or "cosine", and no `extra_losses`, and is not done where
    training resumes. Sparse samples need not reach nine tenths.

    **Other distances**, of another `metric` or of a
    :class:`stable_embedding.SampleDistances`, are turned into places by landmark
    classical scaling: coordinates whose Euclidean distances are like the given ones.
    Training starts from the rotation of PCA that is nearest to the places. A term
    "guide" of the loss draws codes to them in the first half of the steps. The trained
    embedding is aligned with them. If torch does not compute the metric, distances
    between up to 5,000 samples are held in memory; those between more samples are
    computed for each batch, which is slow for a callable. Geodesic distances between
    more than 5,000 samples are those between coordinates, which are found from shortest
    paths from 1,000 samples. Parts of the graph without a connection are joined where
    they are nearest, with a warning.

    **Random starts.** With ``init="random"`` and a `similarity_weight`, the inner
    products of centered samples guide the codes in the first two fifths of the steps,
    by a term "guide" of the loss,

    .. math:: g(t) \frac{\operatorname{mean}_{i<j} (z_i \cdot z_j - x_i \cdot x_j)^2}
        {\operatorname{mean}_{i<j} (x_i \cdot x_j)^2}, \qquad g(t) =
        \frac{400}{k^2} \min(1, w) \max\Bigl(0, 1 - \frac{5 t}{2 T}\Bigr)

    at step :math:`t` of :math:`T`, with :math:`k` components. Its only local minima are
    rotations of one embedding, while the loss of distances has many others. Sparse
    codes, bits and codes of probabilities have no guide, and neither have fits with a
    `reference`.

    **Cosines.** With ``similarity="cosine"`` lengths of samples do not count. Samples
    are divided by their lengths, :math:`u_i = x_i / |x_i|`, and 0 stays 0. Inner
    products of codes follow centered cosines,

    .. math:: L_\text{sim} = \frac1c \operatorname{mean}_{i<j} \Bigl(z_i^\top z_j
        - \frac{1}{s_u^2} (u_i - \bar u)^\top (u_j - \bar u) \Bigr)^2

    with the mean :math:`\bar u` and the total variance :math:`s_u^2` of :math:`u`, and
    the mean :math:`c` for a collapsed embedding. The optimum is kernel PCA with the
    kernel "cosine". It is unique up to rotation. A term "guide" draws codes to it in
    the first half of the steps. `code_scale_` is :math:`s_u`, estimated from pairs of
    at most a thousand samples, so inner products of the embedding are centered cosines.
    Neighbors are those of `metric`.

    **Neighbors.** With `neighbor_weight` :math:`v` the :math:`b` samples of a batch are
    anchors. Each epoch draws one neighbor of each as its positive. The nearness
    :math:`q` of codes should identify the positive :math:`j` of :math:`i` among the
    other :math:`m - 1` codes, where :math:`m = 2b`. The term is

    .. math:: \frac{v}{\log(m - 1)} \operatorname{mean}_i \Bigl[\log \sum_{l \ne i}
        q_{il} - \log q_{ij} \Bigr], \qquad q_{il} = \frac{1}{1 + c^2 |z_i - z_l|^2}

    The scale :math:`c` is learned. The mean is :math:`\log(m - 1)` for a collapsed
    embedding. A step has twice the samples.

    **Labels.** With `label_weight` :math:`u` the term is

    .. math:: \frac{u}{C} \operatorname{mean}_i \Bigl[\log \sum_{l \ne i} q_{il} - \log
        \sum_{l \ne i} a_{il} q_{il} \Bigr]

    over the samples of a batch with a known label. Here :math:`a_{il}` is 1 if both
    samples are in one class; for numbers, which are standardized, it is
    :math:`\exp(-(y_i - y_l)^2 / 0.18)`. The constant :math:`C` makes the term
    :math:`u` for a collapsed embedding. If some classes are unknown, the known ones
    spread to them along the graph of neighbors, and the weight of a sample is the
    certainty of its class.

    References
    ----------
    *Autoencoder for Stable Embedding*, master's thesis, Ajou University.

    S. Damrich, J. N. Böhm, F. A. Hamprecht and D. Kobak, "From t-SNE to UMAP with
    contrastive learning", ICLR 2023, for the neighbor term.

    G. E. Hinton and R. R. Salakhutdinov, "Reducing the dimensionality of data with
    neural networks", Science 313, 2006.

    V. de Silva and J. B. Tenenbaum, "Sparse multidimensional scaling using landmark
    points", technical report, Stanford University, 2004.

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
        "encoder": [nn.Module, None],
        "decoder": [nn.Module, None],
        "metric": [StrOptions({*METRICS, GEODESIC}), callable],
        "metric_params": [dict, None],
        "similarity": [StrOptions(set(SIMILARITIES)), callable],
        "similarity_weight": [Interval(Real, 0, None, closed="left")],
        "neighbor_weight": [Interval(Real, 0, None, closed="left")],
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
        "neighbors": [StrOptions({"auto"}), HasMethods(["fit_transform"])],
        "label_weight": [Interval(Real, 0, None, closed="left")],
        "target_type": [StrOptions({"auto", "multiclass", "continuous"})],
        "extra_losses": [list, tuple],
        "init": [StrOptions({"pca", "random"})],
        "layerwise_pretraining": ["boolean"],
        "n_init": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "consensus_weight": [
            Interval(Real, 0, None, closed="left"),
            StrOptions({"auto"}),
        ],
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
        "device": [str, torch.device],
        "accelerator": [HasMethods(["prepare", "backward", "reduce"]), None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        n_components=2,
        *,
        hidden_layer_sizes="auto",
        activation="relu",
        encoder=None,
        decoder=None,
        metric="euclidean",
        metric_params=None,
        similarity="distance",
        similarity_weight=1.0,
        neighbor_weight=0.0,
        n_neighbors=15,
        neighbors="auto",
        label_weight=0.0,
        target_type="auto",
        extra_losses=(),
        init="pca",
        layerwise_pretraining=False,
        n_init="auto",
        consensus_weight="auto",
        batch_size="auto",
        learning_rate_init=5e-3,
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
        self.encoder = encoder
        self.decoder = decoder
        self.metric = metric
        self.metric_params = metric_params
        self.similarity = similarity
        self.similarity_weight = similarity_weight
        self.neighbor_weight = neighbor_weight
        self.n_neighbors = n_neighbors
        self.neighbors = neighbors
        self.label_weight = label_weight
        self.target_type = target_type
        self.extra_losses = extra_losses
        self.init = init
        self.layerwise_pretraining = layerwise_pretraining
        self.n_init = n_init
        self.consensus_weight = consensus_weight
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
