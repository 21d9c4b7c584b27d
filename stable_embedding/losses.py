r"""Terms of the training loss, each a fraction of what there is to lose.

A term is 0 when everything is kept and 1 when everything is lost, on any data set, so
that a weight means the same everywhere. Arguments are batches of shape
(..., n_rows, n_features); leading axes stand for separate batches and are kept.
"""

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from .similarities import SMALLEST_DISTANCE, Similarity, distance

# Rows of a batch whose pairs are compared; of larger batches those within such blocks.
_PAIRED_ROWS = 128


def reconstruction_loss(rows: Tensor, reconstruction: Tensor) -> Tensor:
    r"""Mean squared reconstruction error, :math:`\frac1b \sum_i |x_i - \hat x_i|^2`.

    Of rows scaled to unit total variance this is the share of variance that is not
    explained, :math:`1 - R^2`.
    """
    return (reconstruction - rows).square().sum(-1).mean(-1)


def mean_squared_difference(first: Tensor, second: Tensor) -> Tensor:
    """Mean over pairs i < j of the squared difference of two symmetric matrices."""
    n_rows = first.shape[-1]
    difference = first - second
    on_diagonal = difference.diagonal(dim1=-2, dim2=-1).square().sum(-1)
    total = difference.square().sum((-2, -1)) - on_diagonal
    # A single row has no pair; its loss is 0, where a mean of nothing would be NaN.
    return total / max(n_rows * (n_rows - 1), 1)


class _DistanceLoss(torch.autograd.Function):
    r"""Mean squared difference of distances, with its gradient derived by hand.

    .. math:: \partial L / \partial z_i = \frac{4}{b (b - 1)}
              \sum_j (1 - d^x_{ij} / d^z_{ij}) (z_i - z_j)

    That is one matrix of weights and a product with it, where the graph of a square
    root would keep and pass through several matrices.
    """

    @staticmethod
    def forward(ctx, codes, rows, dropped):
        n_rows = rows.shape[-2]
        found = distance(codes)
        weights = distance(rows, 2 * dropped).div_(found).neg_().add_(1)
        weights.diagonal(dim1=-2, dim2=-1).zero_()
        loss = (weights * found).square_().sum((-2, -1))
        # Codes that coincide have no direction to part in.
        weights.masked_fill_(found <= SMALLEST_DISTANCE, 0)
        ctx.save_for_backward(codes, weights)
        ctx.n_pairs = max(n_rows * (n_rows - 1), 1)
        return loss / ctx.n_pairs

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        codes, weights = ctx.saved_tensors
        pull = weights.sum(-1, keepdim=True) * codes - weights @ codes
        return pull * (4 / ctx.n_pairs * gradient)[..., None, None], None, None


def distance_loss(rows: Tensor, codes: Tensor, dropped: float = 0.0) -> Tensor:
    """Mean squared difference of distances, over pairs within blocks of rows.

    Twice the share of variance that the rows have dropped is what it adds to a squared
    distance in the mean, and in many dimensions nearly to each.

    A batch of more than 128 rows is cut into blocks of as many or fewer, so that the
    number of pairs grows with that of rows and not with its square. A few rows at its
    end may be left out.
    """
    n_rows = rows.shape[-2]
    if n_rows <= _PAIRED_ROWS:
        return _DistanceLoss.apply(codes, rows, dropped)
    n_blocks = -(-n_rows // _PAIRED_ROWS)
    kept = n_rows // n_blocks * n_blocks
    blocks = (n_blocks, n_rows // n_blocks)
    rows, codes = (part[..., :kept, :].unflatten(-2, blocks) for part in (rows, codes))
    return _DistanceLoss.apply(codes, rows, dropped).mean(-1)


def similarity_loss(
    rows: Tensor,
    codes: Tensor,
    similarity: Similarity,
    collapsed_loss: float,
    dropped: float = 0.0,
) -> Tensor:
    r"""Squared difference between the similarities of the input and of the codes.

    .. math:: L_\text{sim} = \frac{1}{c}\,\operatorname{mean}_{i<j}
              \bigl(S(z)_{ij} - S(x)_{ij}\bigr)^2

    with :math:`c` the same mean for a collapsed map, ``collapsed_loss``. It is a
    constant of the training set, never of the batch: the scale of the codes is part
    of their stability. What rows have dropped is made up for in distances alone.
    """
    if similarity is distance:
        return distance_loss(rows, codes, dropped) / collapsed_loss
    return mean_squared_difference(similarity(codes), similarity(rows)) / collapsed_loss


def collapsed_similarity_loss(rows: Tensor, similarity: Similarity) -> float:
    """Mean squared difference left when every code is the origin.

    Rows have unit total variance, so for distances this is 2 (up to n / (n - 1)) and
    need not be computed. Where nothing can be lost, as with constant rows, it is 1.
    """
    if similarity is distance:
        return 2.0
    origin = torch.zeros_like(rows)
    return mean_squared_difference(similarity(origin), similarity(rows)).item() or 1.0


class StableLoss:
    """Reconstruction loss and weighted similarity loss, as a criterion.

    Parameters
    ----------
    similarity : callable
        From rows (..., n_rows, n_features) to a matrix (..., n_rows, n_rows).

    similarity_weight : float
        Weight of the similarity loss in the total; with 0 it is not computed.

    collapsed_loss : float
        Normaliser of the similarity loss, see :func:`similarity_loss`.

    dropped : float, default=0.0
        Share of the variance that rows have lost before the network, and that no
        reconstruction explains.
    """

    names = ("loss", "reconstruction_loss", "similarity_loss")

    def __init__(
        self,
        similarity: Similarity,
        similarity_weight: float,
        collapsed_loss: float,
        dropped: float = 0.0,
    ):
        self.similarity = similarity
        self.similarity_weight = similarity_weight
        self.collapsed_loss = collapsed_loss
        self.dropped = dropped

    def __call__(self, output: tuple[Tensor, Tensor], rows: Tensor) -> Tensor:
        """Return the total and its terms, in the order of `names`."""
        codes, reconstruction = output
        lost_rows = reconstruction_loss(rows, reconstruction) + self.dropped
        if not self.similarity_weight:
            return torch.stack([lost_rows, lost_rows, torch.zeros_like(lost_rows)])
        lost_pairs = similarity_loss(
            rows, codes, self.similarity, self.collapsed_loss, self.dropped
        )
        total = lost_rows + self.similarity_weight * lost_pairs
        return torch.stack([total, lost_rows, lost_pairs])

    def state_dict(self) -> dict:
        """Return no weights: it has none, which skorch's checkpoints ask for."""
        return {}

    def load_state_dict(self, state_dict: dict) -> None:
        """Take no weights."""
