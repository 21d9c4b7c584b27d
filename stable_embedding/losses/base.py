r"""Terms of the training loss, each a fraction of what there is to lose.

A term is 0 when everything is kept and 1 when everything is lost, on any data set, so
that a weight means the same everywhere. Arguments are batches of shape
(..., n_rows, n_features); leading axes stand for separate batches and are kept.
"""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from ..losses.similarity import SMALLEST_DISTANCE, Similarity, distance

# Rows of a batch whose pairs are compared; of larger batches those within such blocks.
_PAIRED_ROWS = 128

# Rows of a batch that, with as many partners, are candidates for each other.
_CANDIDATE_ROWS = 512


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
    if rows.shape[-2] <= _PAIRED_ROWS:
        return _DistanceLoss.apply(codes, rows, dropped)
    rows, codes = in_blocks(rows, _PAIRED_ROWS), in_blocks(codes, _PAIRED_ROWS)
    return _DistanceLoss.apply(codes, rows, dropped).mean(-1)


def in_blocks(rows: Tensor, size: int) -> Tensor:
    """Cut (..., n_rows, n_features) into even blocks of so many rows or fewer.

    Returns shape (..., n_blocks, n_block_rows, n_features). A few rows at the end may
    be left out.
    """
    n_rows = rows.shape[-2]
    n_blocks = -(-n_rows // size)
    n_block_rows = n_rows // n_blocks
    kept = rows[..., : n_blocks * n_block_rows, :]
    return kept.unflatten(-2, (n_blocks, n_block_rows))


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


def student_kernel(codes: Tensor) -> Tensor:
    """Student kernel ``1 / (1 + |z_i - z_l|^2)`` of pairs of codes, in one product."""
    squares = codes.square().sum(-1, keepdim=True)
    ones = torch.ones_like(squares)
    left = torch.cat([-2 * codes, 1 + squares, ones], dim=-1)
    right = torch.cat([codes, ones, squares], dim=-1)
    return (left @ right.mT).clamp_min_(1).reciprocal_()


class _NeighborLoss(torch.autograd.Function):
    r"""Cross-entropy of partners among candidates, with its gradient by hand.

    Of :math:`m` codes, with :math:`S_i = \sum_{l \ne i} q_{il}` and :math:`j` the
    partner of :math:`i`,

    .. math:: \frac{\partial L}{\partial |z_i - z_l|^2} = \frac{c^2}{m \log(m - 1)}
              \Bigl([l = j]\, q_{il} - \frac{q_{il}^2}{S_i}\Bigr)
    """

    @staticmethod
    def forward(ctx, codes, log_scale):
        n_codes = codes.shape[-2]
        scale = log_scale.exp()[..., None, None]
        kernel = student_kernel(codes * scale)
        kernel.diagonal(dim1=-2, dim2=-1).zero_()
        totals = kernel.sum(-1)
        above, below = n_codes // 2, -(n_codes // 2)
        of_partners = kernel.diagonal(above, -2, -1).clone()
        loss = totals.log().mean(-1) - of_partners.log().mean(-1)
        slopes = kernel.square_().div_(-totals.unsqueeze(-1))
        # Each slope times c^2 |z_i - z_l|^2 = 1 / q_il - 1, summed up.
        of_scale = -slopes.sum((-2, -1)) - 2 * of_partners.sum(-1)
        for offset in (above, below):
            slopes.diagonal(offset, -2, -1).add_(of_partners)
        fraction = 1 / math.log(n_codes - 1)
        ctx.save_for_backward(codes, slopes, scale, of_scale)
        ctx.factor = 2 * fraction / n_codes
        return loss * fraction

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        codes, slopes, scale, of_scale = ctx.saved_tensors
        gradient = gradient * ctx.factor
        # The row of ones sums the slopes. Products with few rows on the left are fast.
        rows = torch.cat([codes.mT, torch.ones_like(codes.mT[..., :1, :])], dim=-2)
        pulls = rows @ slopes + rows @ slopes.mT
        pull = pulls[..., -1:, :].mT * codes - pulls[..., :-1, :].mT
        return pull * scale.square() * gradient[..., None, None], of_scale * gradient


def neighbor_loss(codes: Tensor, log_scale: Tensor) -> Tensor:
    r"""How far codes are from telling which of them are neighbors.

    .. math:: L_\text{nbr} = \frac{1}{\log(m - 1)} \operatorname{mean}_i \Bigl[
              \log \sum_{l \ne i} q_{il} - \log q_{ij} \Bigr], \qquad
              q_{il} = \frac{1}{1 + c^2 |z_i - z_l|^2}

    over the :math:`m` codes of rows and of their partners, where :math:`j` is the
    partner of :math:`i`: the cross-entropy of a guess at it among all others, over that
    of a guess blindfold. So it is 1 for a collapsed map.

    Parameters
    ----------
    codes : Tensor of shape (..., 2 * n_rows, n_components)
        Codes of rows, and after them those of a neighbor of each. More than 512 rows
        are cut into blocks of as many or fewer; a few at the end may be left out.

    log_scale : Tensor of shape (...)
        Logarithm of the scale :math:`c` of the kernel.

    Returns
    -------
    Tensor of shape (...)

    References
    ----------
    L. van der Maaten, "Learning a parametric embedding by preserving local structure",
    AISTATS 2009, for the kernel in a network's codes.

    A. van den Oord, Y. Li and O. Vinyals, "Representation learning with contrastive
    predictive coding", arXiv 1807.03748, for the loss, InfoNCE.

    S. Damrich, J. N. Böhm, F. A. Hamprecht and D. Kobak, "From t-SNE to UMAP with
    contrastive learning", ICLR 2023, for both together.
    """
    n_rows = codes.shape[-2] // 2
    if n_rows <= _CANDIDATE_ROWS:
        return _NeighborLoss.apply(codes, log_scale)
    halves = codes[..., :n_rows, :], codes[..., n_rows:, :]
    codes = torch.cat([in_blocks(half, _CANDIDATE_ROWS) for half in halves], dim=-2)
    log_scale = log_scale.unsqueeze(-1).expand(codes.shape[:-2])
    return _NeighborLoss.apply(codes, log_scale).mean(-1)


def without_partners(batch: Any) -> Any:
    """Return the first half of the rows of a tensor, or of each in a tuple.

    Rows are the last axis but one, or of labels, one for each row, the last.
    """
    if isinstance(batch, Tensor):
        return batch[..., : batch.shape[-2] // 2, :]
    n_rows = batch[0].shape[-2] // 2
    of_rows = batch[0].dim()
    return tuple(
        part[..., :n_rows, :] if part.dim() == of_rows else part[..., :n_rows]
        for part in batch
    )


def rows_of(target: Any) -> Tensor:
    """Return the rows of what a network should return, with labels or without."""
    return target[0] if isinstance(target, tuple) else target


class Penalty(NamedTuple):
    """A further term of the loss.

    Attributes
    ----------
    weight : float
        Weight in the total; with 0 the term is not computed.

    term : callable
        From what a network returns and what it should return to a tensor of shape
        (...).
    """

    weight: float
    term: Callable[[tuple, Any], Tensor]


class StableLoss(nn.Module):
    """Reconstruction loss and weighted terms of similarity and neighbors.

    Networks return codes, their reconstruction and what else a penalty asks for; they
    should return the rows, or a pair of the rows and their labels.

    Parameters
    ----------
    similarity : callable
        From rows (..., n_rows, n_features) to a matrix (..., n_rows, n_rows).

    similarity_weight : float
        Weight of the similarity loss in the total; with 0 it is not computed.

    collapsed_loss : float
        Normalizer of the similarity loss, see :func:`similarity_loss`.

    dropped : float, default=0.0
        Share of the variance that rows have lost before the network, and that no
        reconstruction explains.

    neighbor_weight : float, default=0.0
        Weight of the neighbor loss in the total.

    scale : Tensor of shape (n_runs,) or (), or None, default=None
        Start of the scale of its kernel, which is learned. Batches then hold rows and
        after them a neighbor of each, which in evaluation count for this loss alone.
        With None it is not computed.

    reconstruction : callable, default=reconstruction_loss
        From rows and their reconstruction to the loss of that name.

    penalties : dict of str to Penalty, default={}
        Further terms by name.
    """

    def __init__(
        self,
        similarity: Similarity,
        similarity_weight: float,
        collapsed_loss: float,
        dropped: float = 0.0,
        neighbor_weight: float = 0.0,
        scale: Tensor | None = None,
        reconstruction: Callable[[Tensor, Tensor], Tensor] = reconstruction_loss,
        penalties: Mapping[str, Penalty] = MappingProxyType({}),
    ):
        super().__init__()
        self.names = (
            "loss",
            "reconstruction_loss",
            "similarity_loss",
            "neighbor_loss",
            *penalties,
        )
        self.similarity = similarity
        self.similarity_weight = similarity_weight
        self.collapsed_loss = collapsed_loss
        self.dropped = dropped
        self.neighbor_weight = neighbor_weight
        self.log_scale = None if scale is None else nn.Parameter(scale.log())
        self.reconstruction = reconstruction
        self.penalties = penalties
        self.weights = {
            "similarity_weight": similarity_weight,
            "neighbor_weight": neighbor_weight,
            **{
                name.replace("_loss", "_weight"): penalty.weight
                for name, penalty in penalties.items()
            },
        }

    def forward(self, output: tuple, target: Any) -> Tensor:
        """Return the total and its terms, in the order of `names`."""
        codes = output[0]
        nothing = codes.new_zeros(codes.shape[:-2])
        lost_pairs = lost_neighbors = nothing
        if self.log_scale is not None:
            lost_neighbors = neighbor_loss(codes, self.log_scale)
            if not self.training:
                output, target = without_partners(output), without_partners(target)
        codes, reconstruction = output[:2]
        rows = rows_of(target)
        total = lost_rows = self.reconstruction(rows, reconstruction) + self.dropped
        if self.similarity_weight:
            lost_pairs = similarity_loss(
                rows, codes, self.similarity, self.collapsed_loss, self.dropped
            )
            total = total + self.similarity_weight * lost_pairs
        if self.log_scale is not None:
            total = total + self.neighbor_weight * lost_neighbors
        further = []
        for weight, term in self.penalties.values():
            further.append(term(output, target) if weight else nothing)
            if weight:
                total = total + weight * further[-1]
        return torch.stack([total, lost_rows, lost_pairs, lost_neighbors, *further])
