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

    An autoencoder learns to reconstruct its input from a narrow code. Trained again,
    with another seed or a few samples more, it finds another code, and all of them lose
    the distances of the data. This one minimizes, over samples :math:`x` centered and
    divided by the square root of their total variance,

    .. math:: L = \operatorname{mean}_i |x_i - \hat x_i|^2
        + w \, \tfrac12 \operatorname{mean}_{i<j} (|z_i - z_j| - |x_i - x_j|)^2

    so that distances between codes :math:`z` follow those of the data. Training starts
    from PCA for every seed, and one rigid map lays the trained map on the PCA scores of
    the training data. Both terms are fractions: of the variance that is not explained,
    and of the squared distances that are lost.

    Parameters
    ----------
    n_components : int, default=2
        Number of components of the embedding.

    hidden_layer_sizes : int or array-like of int or "auto", default="auto"
        Widths of the encoder's hidden layers; the decoder has them in reverse. With
        ``()`` the network is linear. "auto" is ``(128, 32)``, and ``(128, 128, 128)``
        if `neighbor_weight` is not 0.

    activation : {"identity", "logistic", "relu", "tanh"}, default="relu"
        Activation of the hidden layers.

    encoder : torch.nn.Module or None, default=None
        A module of your own in place of the encoder's hidden layers, for instance a
        :class:`stable_embedding.networks.ConvolutionalEncoder`. It maps a tensor of
        shape (n, n_features), of samples that are centered and divided by `scale_`, to
        one of shape (n, n_components). It is copied for each run and stays as it is.
        With ``init="pca"`` it stands beside the linear path, its last layer starts at
        zero, and its other weights are those that you gave it with. If it has an
        attribute ``image_shape``, samples may be images of that shape.

    decoder : torch.nn.Module or None, default=None
        The same for the decoder, from (n, n_components) to (n, n_features). Codes are
        multiplied by the square root of `n_components` before it.

    metric : str or callable, default="euclidean"
        Distances of the input that Euclidean distances between codes follow, and by
        which neighbors are found: those of :func:`sklearn.metrics.pairwise_distances`
        that need no missing values and no angles, or a callable from two arrays of
        shape (n_features,) to a float. Samples are compared as they came. With
        "geodesic" distances are lengths of shortest paths in the graph of
        `n_neighbors`. See Notes.

    metric_params : dict or None, default=None
        Further arguments of the metric, such as ``{"p": 3}`` with "minkowski".

    similarity : str or callable, default="distance"
        Pairwise similarity that codes should share with the data: "distance",
        "inner_product" (of centered samples; its linear optimum is PCA), "cosine" (of
        samples as they came, which inner products of codes follow; see Notes), "rbf"
        (Gaussian, as wide as the data), or a callable from a tensor of shape
        (n_samples, n_features) to one of shape (n_samples, n_samples). Other metrics
        than the Euclidean one need "distance"; the metric "cosine" takes "cosine" too.

    similarity_weight : float, default=1.0
        Weight :math:`w` of the similarity loss. With 0 only reconstruction counts.

    neighbor_weight : float, default=0.0
        Weight of a third term, which draws neighbors in the data together in the
        embedding. With 0 it is not computed. Try 1 to 3 for maps to look at, see Notes.

    n_neighbors : int, default=15
        Number of neighbors of a sample. If there are fewer other samples, all are its
        neighbors.

    neighbors : "auto" or transformer, default="auto"
        How neighbors are found. "auto" compares all samples up to 20,000, and searches
        more by pynndescent (extra ``neighbors``). A transformer, such as
        :class:`sklearn.neighbors.KNeighborsTransformer`, is cloned; its `fit_transform`
        must turn samples into a sparse graph, of which every stored entry is a
        neighbor, and it has its own number of neighbors. It is given scaled samples, or
        their scores on the leading 100 principal axes if they have more features. To
        use a graph that you have, return it from a
        :class:`sklearn.preprocessing.FunctionTransformer`.

    label_weight : float, default=0.0
        Weight of a term that draws samples of the same label together, see Notes. With
        0 the labels `y` are ignored. Samples whose label is not known may be among
        them: give them -1, None or nan.

    target_type : {"auto", "multiclass", "continuous"}, default="auto"
        Whether labels are classes or numbers. "auto" asks
        :func:`sklearn.utils.multiclass.type_of_target`, for which whole numbers are
        classes.

    extra_losses : sequence of LossTerm, default=()
        Terms of your own that are added to the loss, see
        :class:`stable_embedding.losses.LossTerm`. Their values are in `history_`, and
        those after the last epoch in attributes ``<name>_loss_``. With neighbors,
        batches of the training hold anchors and after them a neighbor of each.

    init : {"pca", "random"}, default="pca"
        Start of the training. With "pca" a linear path beside the network carries
        the principal axes, and the network itself starts at zero; hidden layers are
        drawn alike for every seed. With "random" there is no such path and all is
        drawn from the seed: together with ``similarity_weight=0`` this is the plain
        autoencoder. With a larger weight a term guides random starts to one
        arrangement, see Notes.

    layerwise_pretraining : bool, default=False
        Whether to train the hidden layers one after the other before all together. Each
        is the code of an autoencoder that is trained on the codes of the layer before,
        with a linear decoder, for `max_iter` epochs. With ``init="pca"`` this is done
        once for all seeds, and the layers around the linear path still start at zero.
        Validation samples take part; if the data are not held in memory, only their
        first 64 MB do.

    n_init : int or "auto", default="auto"
        Number of trainings, from as many seeds drawn from `random_state`. They are
        trained together, as one stack of networks. The model is their consensus: it
        encodes by the mean of their codes and decodes by the mean of their decoders. A
        mean over `n_init` runs moves about `n_init` times less than one run when the
        seed or a few samples change. "auto" is 8 with ``init="pca"``, where runs start
        alike and differ in the order of their samples. With ``init="random"`` they have
        nothing in common, so "auto" is 1 there. The first run has the seed and the
        batches of ``n_init=1``.

    consensus_weight : float or "auto", default="auto"
        Weight of a term that lets the runs hold each other while they are trained: the
        mean squared distance of a sample's code from its mean over runs and steps. It
        counts with ``init="pca"`` and two runs or more, in one process. A large weight
        moves the runs as if they were one. "auto" is 0.1 for up to 10,000 samples, and
        grows in proportion to their number from there, up to 1. Where `fit` is given a
        `reference`, codes are pulled there with this weight, and "auto" is 3.

    batch_size : int or "auto", default="auto"
        Number of samples in a batch. A pass takes as many whole batches as there are,
        in a new order each time. "auto" grows from 128 for 1,000 samples or fewer to
        256 for 10,000 or more, or to 512 if `neighbor_weight` is not 0. It is never
        more than the number of samples.

    learning_rate_init : float, default=5e-3
        Peak of the learning rate. It rises over the first three tenths of the steps
        and falls to zero along a cosine.

    max_iter : int or "auto", default="auto"
        Number of epochs. With "auto" the training takes 600 steps for 1,000 samples or
        fewer, 2,349 for 60,000, and one for each 51 samples where there are very many;
        the last epoch may be cut short.

    alpha : float or "auto", default="auto"
        Shrinkage toward PCA: decoupled weight decay on all but the linear path, which a
        value above 10 holds where it starts. Small data need more of it, or the map
        does not serve unseen samples. "auto" is ``(1000 / n_samples) ** 1.2``,
        multiplied if the scores of PCA hardly predict its residuals, so that little can
        be gained over PCA, and there is no `label_weight`; it is at most 100, and 0
        with ``init="random"``.

    early_stopping : bool, default=False
        Whether to hold out validation samples, stop when their loss no longer improves,
        and return the network of the best epoch.

    validation_fraction : float, default=0.1
        Fraction of the samples that is held out for early stopping.

    n_iter_no_change : int, default=10
        Number of epochs without improvement after which early stopping acts, counted
        from the peak of the learning rate on.

    tol : float, default=1e-4
        Smallest decrease of the validation loss that counts as an improvement.

    warm_start : bool, default=False
        Whether `fit` resumes from the networks of the last fit. The mean, the scale and
        the frame are then kept as well.

    checkpoint : str, path or None, default=None
        Directory in which the training writes a file after each epoch. After a crash,
        `fit` with the same parameters and data resumes from that file and gives the
        same result; at the end it removes the file. Many trainings, such as those of a
        search, may share a directory: each has a file of its own. Remove the directory
        when no training is left to resume. Functions and objects among the parameters
        count by their code and their state. An integer is needed as `random_state`.
        What precedes the epochs (neighbors, pretraining) is repeated, and callbacks
        start again. `partial_fit` does not support it.

    callbacks : list or tuple of skorch callbacks or None, default=None
        Called during the training. A callback that raises KeyboardInterrupt at the end
        of an epoch ends the training there. Batches hold scaled samples, or coordinates
        of wide ones (see Notes); the history has losses of epochs, not of batches. With
        ``n_init > 1`` these are means over runs, and the net's module holds the layers
        of all runs, stacked.

    device : str or torch.device, default="auto"
        Device to train and transform on. "auto" takes CUDA or MPS if available.

    accelerator : accelerate.Accelerator or None, default=None
        Trains in all processes of a launcher at once, on one machine or several. Each
        calls `fit` with the same data and takes its shard of every batch, and all end
        with the same model. The accelerator decides on the device of the training,
        which must be left at "auto", and on its precision. Copies and pickles have
        none. Needs the extra ``distributed``.

    random_state : int, RandomState instance or None, default=None
        Seed of the order of the samples, of the validation samples and, with
        ``init="random"``, of the network. The same integer gives the same map to the
        last bit on one machine.

    verbose : int, default=0
        With 1 progress bars show the search for neighbors, shortest paths, distances
        that are held, the pretraining of layers and the terms of the loss, on standard
        error.

    Attributes
    ----------
    network_ : Consensus or Autoencoder
        The model, between scaled samples and scaled codes: the consensus of
        `networks_`, or the network itself if there is one.

    networks_ : list of Autoencoder
        The networks of all runs, all laid in one frame.

    mean_ : ndarray of shape (n_features,)
        Mean of the training data.

    scale_ : float
        Square root of the total variance of the training data. Data are divided by this
        one number and codes multiplied, so that distances in the embedding have the
        units of the data. 1 if the training data were constant.

    code_scale_ : float
        By what codes of the network are multiplied. It is `scale_` with the Euclidean
        metric. With other distances it is the root of half their mean square, over
        pairs of at most a thousand samples, so that distances in the embedding have
        their units.

    is_constant_ : bool
        Whether the samples of the training data were all alike. The next `partial_fit`
        or warm start then starts from the beginning.

    is_order_invariant_ : bool
        Whether shuffled training data give the same map to the last bit. Arrays of
        more than half a gigabyte in float32 are read as they lie: their order counts.

    loss_curve_ : list of float
        Loss of each epoch, as a mean over runs.

    history_ : dict of str to list of float
        Each term of the loss of each epoch, as a mean over runs: "loss",
        "reconstruction_loss", "similarity_loss", "neighbor_loss", "consensus_loss" and
        those of `extra_losses`; with early stopping also their values on the validation
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
        Sum of the weights of the samples of the last `fit` and of each `partial_fit`
        since. Without weights it is their number.

    n_features_in_ : int
        Number of features of the training data.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if all are strings.

    See Also
    --------
    sklearn.decomposition.PCA : The linear map that this one starts from.
    manifold_variance_score : How alike several trainings of an estimator are.
    retrain : Retrain on other samples, and keep the map where it was.

    Notes
    -----
    Computations are in float32, and so are codes. The fitted object holds no training
    data.

    Samples of more than 128 features are wide. If at most 256 leading principal axes,
    and at most half as many as there are features, hold nine tenths of their variance,
    the training works on as many coordinates, at least eight for each component. The
    rotation is then absorbed into the network, so nothing else changes: what the other
    axes hold counts as not explained, and its mean is added to squared distances. That
    needs ``init="pca"``, ``similarity="distance"`` or "cosine", and no `extra_losses`;
    it is not done where training resumes. Of sparse samples the leading 256 axes are
    enough even if they hold less.

    Sparse samples, or their coordinates, are made dense a batch at a time; a sample of
    them, by which the frame is found, is dense as a whole. Data of more than half a
    gigabyte in float32, such as a file mapped into memory, are read in chunks, in a new
    order in each epoch. They stay in the order they come in, which then decides on the
    batches; principal axes and the frame are those of a subset that is drawn by the
    samples' content.

    With another metric than the Euclidean one, or with distances of your own, samples
    have places by landmark classical scaling: coordinates whose Euclidean distances are
    like those of the input. Training starts from the rotation of PCA that is nearest to
    them, codes are drawn to them in the first half of the steps (a term "guide" of the
    loss), and the trained map is laid on them. Distances between up to 5,000 samples
    are held in memory if torch does not compute the metric; those of more samples are
    computed for each batch, which is slow for a callable of two samples. Geodesic
    distances between more than 5,000 samples are those of coordinates, found from
    shortest paths from 1,000 of them. Parts of the graph that no neighbor connects are
    joined where they are nearest, with a warning.

    With ``init="random"`` and a `similarity_weight`, the inner products of centered
    samples guide the codes in the first two fifths of the steps (a term "guide" of the
    loss). The term is

    .. math:: g(t) \frac{\operatorname{mean}_{i<j} (z_i \cdot z_j - x_i \cdot x_j)^2}
        {\operatorname{mean}_{i<j} (x_i \cdot x_j)^2}, \qquad g(t) =
        \frac{400}{k^2} \min(1, w) \max\Bigl(0, 1 - \frac{5 t}{2 T}\Bigr)

    at step :math:`t` of :math:`T`, with :math:`k` components. It has no local minima
    but rotations of one map, while the loss of distances has many, into which trainings
    would fall from one start or another. Sparse codes, bits and codes of probabilities
    are not guided, nor is a map that a `reference` decides on.

    With ``similarity="cosine"`` lengths of samples do not count. Samples are divided by
    their lengths, :math:`u_i = x_i / |x_i|`, and 0 stays 0. Inner products of codes
    follow centered cosines,

    .. math:: L_\text{sim} = \frac1c \operatorname{mean}_{i<j} \Bigl(z_i^\top z_j
        - \frac{1}{s_u^2} (u_i - \bar u)^\top (u_j - \bar u) \Bigr)^2

    with the mean :math:`\bar u` and the total variance :math:`s_u^2` of :math:`u`, and
    the mean :math:`c` for a collapsed map. The optimum is kernel PCA with the kernel
    "cosine". It is unique up to rotation, and codes are drawn to it in the first half
    of the steps. `code_scale_` is :math:`s_u`, so inner products of the embedding are
    centered cosines. Neighbors are those of `metric`.

    With `neighbor_weight` :math:`v` each sample of a batch, the anchor, brings a
    positive, drawn again in each epoch from its neighbors. The nearness of its code has
    to tell it from the other :math:`m = 2b` codes. That adds

    .. math:: \frac{v}{\log(m - 1)} \operatorname{mean}_i \Bigl[\log \sum_{l \ne i}
        q_{il} - \log q_{ij} \Bigr], \qquad q_{il} = \frac{1}{1 + c^2 |z_i - z_l|^2}

    for the positive :math:`j` of :math:`i`, 1 for a collapsed map, with a scale
    :math:`c` that is learned. A step then has twice the samples.

    With `label_weight` :math:`u` that adds

    .. math:: \frac{u}{C} \operatorname{mean}_i \Bigl[\log \sum_{l \ne i} q_{il} - \log
        \sum_{l \ne i} a_{il} q_{il} \Bigr]

    over the samples of a batch whose label is known, where :math:`a_{il}` is 1 if both
    are of one class, and :math:`\exp(-(y_i - y_l)^2 / 0.18)` for numbers, which are
    standardized. It is 1 for a collapsed map, which decides on :math:`C`. If some
    classes are not known, the others are spread to them along the graph of neighbors,
    and each sample counts as far as its class is certain.

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
