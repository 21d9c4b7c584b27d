"""The contract of a network: an encoder and a decoder of any modules."""

from collections.abc import Iterator, Sequence
from copy import deepcopy
from itertools import chain
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from ..losses.base import Outputs
from .stacking import ModuleStack


class BaseAutoencoder(nn.Module):
    """Encoder and decoder with one bottleneck, between scaled samples and codes.

    Trainings and estimators use a network only through its methods. These delegate to
    the two parts, for instance a :class:`~stable_embedding.networks.LinearPathMLP`, or
    a :class:`~stable_embedding.networks.ModulePart` around any module.

    Parameters
    ----------
    n_features : int
        Width of the input and of the reconstruction.

    n_components : int
        Width of the bottleneck.

    encoder : nn.Module
        Part from (..., n_features) to (..., n_components).

    decoder : nn.Module
        Part from (..., n_components) to (..., n_features).
    """

    def __init__(self, n_features: int, n_components: int, encoder: Any, decoder: Any):
        super().__init__()
        self.n_features = n_features
        self.n_components = n_components
        self.encoder = encoder
        self.decoder = decoder

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """Precision of the weights."""
        return next(filter(torch.is_floating_point, self.parameters())).dtype

    @property
    def init(self) -> str:
        """How it was started: "pca" with a linear path, else "random"."""
        path = getattr(self.encoder, "linear_path", None)
        return "random" if path is None else "pca"

    @property
    def widest_layer(self) -> int:
        """Width of the widest layer, which bounds the memory of a sample."""
        widths = (weight.shape[0] for weight in self.parameters() if weight.dim())
        return max(self.n_features, self.n_components, *widths)

    @property
    def image_shape(self) -> tuple[int, ...] | None:
        """Shape of the images that the encoder is for, if it declares one."""
        return None

    @property
    def decodes_to_data_space(self) -> bool:
        """Whether the decoder's output are samples, not parameters of a distribution.

        If not, the decoder has no layer in common with the encoder's input.
        """
        return True

    def encode(self, samples: Tensor) -> Tensor:
        """Return the codes of samples."""
        return self.encoder(samples)

    def decode(self, codes: Tensor) -> Tensor:
        """Return the samples of codes."""
        return self.decoder(codes)

    def reconstruct(self, samples: Tensor) -> Tensor:
        """Return samples as they come back from their codes."""
        return self.decode(self.discretize(self.encode(samples)))

    def discretize(self, codes: Tensor) -> Tensor:
        """Return codes as the decoder is given them, where they are cut to bits."""
        return codes

    def average_codes(self, codes: Tensor) -> Tensor:
        """Return the mean of codes over their first axis, as a code of this kind."""
        return codes.mean(0)

    def squared_errors(self, samples: Tensor) -> Tensor:
        """Return the squared reconstruction error of each sample."""
        return (self.reconstruct(samples) - samples).square().sum(-1)

    def forward(self, samples: Tensor) -> Any:
        """Return what the loss works on.

        Returns
        -------
        Outputs
            Or a named tuple with more fields.
        """
        codes = self.encode(samples)
        return Outputs(codes, self.decode(codes))

    def regularized_parameters(self) -> Iterator[nn.Parameter]:
        """Return the parameters that weight decay shrinks."""
        return chain(
            self.encoder.regularized_parameters(), self.decoder.regularized_parameters()
        )

    def project_inputs(self, basis: Tensor, gain: float = 1.0) -> Self:
        r"""Copy the network for coordinates of samples in a basis, :math:`x' = Bx`.

        The copy encodes :math:`x'` as this network encodes :math:`B^\top x'`, and its
        reconstruction is this network's, multiplied by :math:`B`. Projecting to an
        orthonormal basis and back does not change the network within its span.

        Parameters
        ----------
        basis : Tensor of shape (n_coordinates, n_features)
            The matrix :math:`B`. It or its transpose has orthonormal columns.

        gain : float, default=1.0
            Factor of the input of the encoder's perceptron in the copy. The output of
            the decoder's perceptron is multiplied by its square root. The weights are
            divided by the same factors, so the gain changes only the optimizer's steps.

        Returns
        -------
        BaseAutoencoder
            With `n_coordinates` in place of `n_features`.
        """
        network = deepcopy(self)
        network.n_features = len(basis)
        network.encoder.project_inputs(basis, gain)
        network.decoder.project_outputs(basis, gain**0.5)
        return network

    def absorb_rigid_map(self, rotation: Tensor, shift: Tensor) -> None:
        r"""Apply a rigid map to the codes, :math:`z' = zQ + t`, within the weights.

        The decoder absorbs the inverse map, so reconstructions do not change.

        Parameters
        ----------
        rotation : Tensor of shape (n_components, n_components)
            The orthogonal :math:`Q`.

        shift : Tensor of shape (n_components,)
            The shift :math:`t`, in the units of the codes.
        """
        self.encoder.map_outputs(rotation, shift)
        self.decoder.unmap_inputs(rotation, shift)

    @staticmethod
    def stack(networks: Sequence["BaseAutoencoder"]) -> Any:
        """Return one module that trains copies of several networks side by side.

        Parameters
        ----------
        networks : sequence of BaseAutoencoder
            Alike but for their weights.

        Returns
        -------
        nn.Module
            It maps (n_runs, n_samples, n_features), those of a run by its network.
        """
        return ModuleStack(networks)

    def state(self) -> dict[str, Any]:
        """Return what the network is restored from by :meth:`restored`."""
        return {"network": deepcopy(self).cpu()}

    @classmethod
    def restored(cls, **state: Any) -> Any:
        """Build a network from its state."""
        return state["network"].eval()

    def as_float64(self) -> Self:
        """Copy the network in double precision, to the CPU: not all devices have it."""
        return deepcopy(self).cpu().double()

    def add_encoder(self, graph: Any, value: str) -> str:
        """Add the nodes of `encode` to an ONNX graph, and return their output."""
        return self.encoder.add_to_graph(graph, value)

    def add_code_average(self, graph: Any, codes: Sequence[str]) -> str:
        """Add the nodes of `average_codes` to an ONNX graph."""
        return graph.mean(codes)

    def add_decoder(self, graph: Any, value: str) -> str:
        """Add the nodes of `decode` to an ONNX graph, and return their output."""
        return self.decoder.add_to_graph(graph, value)

    def add_discretization(self, graph: Any, value: str) -> str:
        """Add the nodes of `discretize` to an ONNX graph, and return their output."""
        return value

    def add_squared_errors(self, graph: Any, value: str) -> str:
        """Add the nodes of `squared_errors` to an ONNX graph, and return a column."""
        codes = self.add_discretization(graph, self.add_encoder(graph, value))
        error = graph.node("Sub", self.add_decoder(graph, codes), value)
        return graph.sum(graph.node("Mul", error, error), axis=1)


def arrays_of(module: nn.Module) -> dict[str, np.ndarray]:
    """Return the weights of a module as arrays, by name."""
    state = module.state_dict()
    return {name: weight.numpy(force=True) for name, weight in state.items()}


def tensors_of(arrays: dict[str, np.ndarray]) -> dict[str, Tensor]:
    """Return copies of arrays as tensors; a reader may hold the arrays read-only."""
    return {name: torch.tensor(array) for name, array in arrays.items()}


def names_of_frozen(module: nn.Module) -> dict[str, list[str]]:
    """Return the names of parameters that are not trained, as an entry of a state."""
    weights = module.named_parameters()
    frozen = [name for name, weight in weights if not weight.requires_grad]
    return {"frozen": frozen} if frozen else {}


def freeze(module: nn.Module, state: dict[str, Any]) -> None:
    """Do not train the parameters that :func:`names_of_frozen` put into a state."""
    for name in state.get("frozen", ()):
        module.get_parameter(name).requires_grad_(False)
