"""Modules of a user's own, made ready for a training."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from .._ambient import CPU_FLOAT32, exclusive_random_stream

# Number of samples on which a module is tried.
_PROBE_SAMPLES = 4

_WITH_WEIGHTS = (
    nn.Linear,
    nn.Conv1d,
    nn.Conv2d,
    nn.Conv3d,
    nn.ConvTranspose1d,
    nn.ConvTranspose2d,
    nn.ConvTranspose3d,
)

Module = TypeVar("Module", bound=nn.Module)

_SEED = 0

# How far outputs may differ between batches, relative to the largest.
_ROUNDING = 1e-4


class ReZero(nn.Module):
    """A module times a learned gain, which starts at zero.

    Parameters
    ----------
    module : nn.Module
        Any module.

    References
    ----------
    T. Bachlechner, B. P. Majumder, H. Mao, G. Cottrell and J. McAuley, "ReZero is all
    you need: fast convergence at large depth", UAI 2021.
    """

    def __init__(self, module: nn.Module):
        super().__init__()
        self.module = module
        self.gain = nn.Parameter(torch.zeros((), **CPU_FLOAT32))

    def forward(self, inputs: Tensor) -> Tensor:
        """Map inputs of shape (n_samples, n_inputs)."""
        return self.gain * self.module(inputs)

    def add_to_graph(self, graph: Any, value: str) -> str:
        """Add the nodes that compute the output to an ONNX graph."""
        from .onnx_layers import add_module

        value = add_module(graph, value, self.module)
        return graph.node("Mul", value, self.gain.numpy(force=True))


def copy_of_module(
    module: nn.Module, name: str, n_components: int, n_inputs: int, n_outputs: int
) -> nn.Module:
    """Copy a user's module, to the CPU and in float32, and see that it can be used.

    Trainings and codes are computed in float32, scores in float64.

    Parameters
    ----------
    module : nn.Module
        It is not changed. If it has a method ``with_n_components``, the copy is what
        that returns for the number of components.

    name : str
        Parameter that holds it.

    n_components : int
        Number of components of the embedding.

    n_inputs, n_outputs : int
        Widths of what it takes and returns.

    Returns
    -------
    nn.Module

    Raises
    ------
    TypeError, ValueError
        If it does not map samples of these widths, each by itself.
    """
    sized = getattr(module, "with_n_components", None)
    shown = f"{name}={module!r}"
    with exclusive_random_stream(_SEED):  # layers that are lazy are drawn here
        copied = deep_copy(module, shown) if sized is None else sized(n_components)
        _check_contents(copied, shown)
        copied = copied.to(**CPU_FLOAT32)
        for buffer in copied.buffers():  # expanded ones cannot be written to
            buffer.data = buffer.clone()
        inputs = probe(n_inputs)
        try:
            with torch.no_grad():
                outputs = copied.eval()(inputs)
                together, alone = copied(inputs), copied(inputs[:1])
        except Exception as error:  # whatever its code raises
            raise ValueError(
                f"{shown} cannot map samples of shape {tuple(inputs.shape)};"
                f" it raises {type(error).__name__}: {error}"
            ) from error
    if not isinstance(outputs, Tensor):
        raise TypeError(
            f"{shown} returned a {type(outputs).__name__}; it must return a"
            " torch.Tensor"
        )
    for batch, returned in ((inputs, outputs), (inputs[:1], alone)):
        expected = len(batch), n_outputs
        if returned.shape != expected:
            raise ValueError(
                f"{shown} returned shape {tuple(returned.shape)} for samples"
                f" of shape {tuple(batch.shape)}; it must return {expected}"
            )
    if outputs.dtype != torch.float32 or not outputs.isfinite().all():
        raise ValueError(
            f"{shown} returned values of {outputs.dtype}, of which"
            f" {int((~outputs.isfinite()).sum())} are not finite; it must return finite"
            " values of torch.float32"
        )
    # Other batches are rounded otherwise, relative to the largest value.
    near = _ROUNDING * float(outputs.abs().max())
    if not torch.equal(together, outputs):
        raise ValueError(
            f"{shown} returned other values for the same samples; it must"
            " not draw random numbers in evaluation mode, nor change its input"
        )
    if not torch.allclose(outputs[:1], alone, rtol=0, atol=near):
        raise ValueError(
            f"{shown} returned another value for a sample in another batch;"
            " in evaluation mode, it must map each sample independently of its batch"
        )
    _check_precision(copied, name, inputs)
    return copied


def _check_contents(module: nn.Module, shown: str) -> None:
    """Raise if a module holds layers or tensors that cannot be trained."""
    if any(isinstance(one, torch.jit.ScriptModule) for one in module.modules()):
        raise TypeError(
            f"{shown} holds a torch.jit.ScriptModule, whose copies cannot be trained;"
            " give the module that it was compiled from"
        )
    own = [*module.parameters(), *module.buffers()]
    if any(one.layout != torch.strided for one in own):
        raise ValueError(
            f"{shown} holds sparse weights or buffers, which cannot be interpolated;"
            " make them dense"
        )
    if any(one.dtype.is_complex for one in own):
        raise ValueError(
            f"{shown} holds complex weights or buffers; it must hold real ones, such as"
            " real and imaginary parts along an axis"
        )


def deep_copy(module: Module, shown: str) -> Module:
    """Copy a module, or say how to make one that can be copied."""
    try:
        return deepcopy(module)
    except Exception as error:  # whatever holds it together
        raise ValueError(
            f"{shown} cannot be copied; copy.deepcopy raises"
            f" {type(error).__name__}: {error}. If a layer keeps a tensor that torch"
            " computed from weights, detach it; undo torch.nn.utils.prune by remove;"
            " in place of torch.nn.utils.weight_norm and spectral_norm, use those of"
            " torch.nn.utils.parametrizations"
        ) from error


@torch.no_grad()
def _check_precision(module: nn.Module, name: str, inputs: Tensor) -> None:
    """Raise unless a module can compute in float64, as scores are."""
    try:
        dtype = deepcopy(module).double()(inputs.double()).dtype
    except Exception as error:  # whatever its code raises
        found = f"raises {type(error).__name__}: {error}"
    else:
        if dtype == torch.float64:
            return
        found = f"returns values of {dtype}"
    raise ValueError(
        f"{name}={module!r} cannot compute in torch.float64, as scores do; for samples"
        f" of this type it {found}; it must compute in the dtype of its input and"
        " hold constants as buffers"
    )


def check_module_stack(module: nn.Module, trained: nn.Module, name: str) -> None:
    """Raise if a module keeps what copies of it, trained as one stack, cannot keep.

    Parameters
    ----------
    module : nn.Module

    trained : nn.Module
        A copy that has mapped samples in training mode since.

    name : str
        Parameter that holds it.

    Raises
    ------
    ValueError
        If its buffers changed.
    """
    for layer, after in zip(module.modules(), trained.modules()):
        before = dict(layer.named_buffers(recurse=False))
        for key, buffer in after.named_buffers(recurse=False):
            if key not in before or not _are_equal(before[key], buffer):
                raise ValueError(
                    f"{name} holds a {type(layer).__name__}, whose buffer {key!r}"
                    " changes in training, and several runs cannot be trained as one"
                    " stack with it: set n_init=1, or use a layer without statistics"
                    " of batches, such as nn.LayerNorm or nn.GroupNorm"
                )


def _are_equal(first: Tensor, second: Tensor) -> bool:
    """Tell whether tensors are equal, of which some values may be nan."""
    one, other = (values.to_dense().numpy(force=True) for values in (first, second))
    return np.array_equal(one, other, equal_nan=True)


def probe(n_inputs: int) -> Tensor:
    """Return some samples of unit total variance, the same each time."""
    rng = np.random.default_rng(_SEED)
    samples = rng.normal(scale=n_inputs**-0.5, size=(_PROBE_SAMPLES, n_inputs))
    return torch.tensor(samples, **CPU_FLOAT32)


@torch.no_grad()
def starting_at_zero(module: nn.Module, n_inputs: int) -> nn.Module:
    """Let a module return zeros until it is trained.

    Its last layer with weights is set to zero if the layer is trained, the output is
    linear in its weights, and the module then has a slope to learn by. A module that
    returns zeros as it is, such as one with a gain that starts at zero, is left.
    Otherwise a learned gain comes after the module: there may be no slope where the
    last weights are zero, as before a ReLU. A module that cannot be trained on few
    samples is not tried, and has this gain too.

    Parameters
    ----------
    module : nn.Module
        Changed in place.

    n_inputs : int
        Width of what it takes.

    Returns
    -------
    nn.Module
    """
    if _may_start_at_zero(module, n_inputs):
        _zero_last_weights(module)
        return module
    # Two factors that both start at zero would never change.
    starts_to_learn = _starts_to_learn(deepcopy(module), n_inputs)
    return module if starts_to_learn else ReZero(module)


def _may_start_at_zero(module: nn.Module, n_inputs: int) -> bool:
    """Tell whether a module can be trained once its last weights are zero."""
    if not all(one.requires_grad for one in _last_weights(module)):
        return False
    if not _is_linear_in_last_weights(module, n_inputs):
        return False
    zeroed = deepcopy(module)
    _zero_last_weights(zeroed)
    return _starts_to_learn(zeroed, n_inputs)


def _last_weights(module: nn.Module) -> list[nn.Parameter]:
    """Return the weights of the last layer that has some."""
    layers = [one for one in module.modules() if isinstance(one, _WITH_WEIGHTS)]
    return list(layers[-1].parameters()) if layers else []


def _zero_last_weights(module: nn.Module) -> None:
    for weight in _last_weights(module):
        weight.zero_()


def _is_linear_in_last_weights(module: nn.Module, n_inputs: int) -> bool:
    """Tell whether outputs of a training are -2 times as large for -2 times them."""
    outputs = []
    for factor in (1, -2):
        copied = deepcopy(module)
        for weight in _last_weights(copied):
            weight.mul_(factor)
        outputs.append(_training_outputs(copied, n_inputs))
    first, second = outputs
    if first is None or second is None:
        return False
    near = _ROUNDING * float(first.abs().max())
    return torch.allclose(second, -2 * first, rtol=0, atol=near)


@torch.enable_grad()
def _starts_to_learn(module: nn.Module, n_inputs: int) -> bool:
    """Tell whether outputs of a training are zero, but have a slope in some weight.

    The module's buffers may change.
    """
    outputs = _training_outputs(module, n_inputs)
    weights = [one for one in module.parameters() if one.requires_grad]
    if outputs is None or outputs.any() or not outputs.requires_grad or not weights:
        return False
    # Not the sum of the outputs, which may be constant, as after a softmax.
    directions = probe(outputs.shape[1])
    try:
        slopes = torch.autograd.grad(outputs, weights, directions, allow_unused=True)
    except Exception:  # whatever the module's code raises
        return False
    return any(slope is not None and bool(slope.any()) for slope in slopes)


def _training_outputs(module: nn.Module, n_inputs: int) -> Tensor | None:
    """Return what a module returns in a training, or None if it cannot be tried."""
    samples = probe(n_inputs)
    try:
        with exclusive_random_stream(_SEED):
            outputs = module.train()(samples)
    except Exception:  # whatever the module's code raises
        return None
    usable = isinstance(outputs, Tensor) and outputs.is_floating_point()
    return outputs if usable and outputs.shape[:-1] == samples.shape[:-1] else None


def draw_weights(module: nn.Module, name: str, seed: int) -> None:
    """Draw new weights for a module, from a seed and no global random stream.

    Frozen weights stay as they are.

    Raises
    ------
    ValueError
        If a layer has weights and no method `reset_parameters`, or one that leaves a
        weight of two or more dimensions as it is.
    """
    frozen = list(frozen_tensors(module))
    given = [tensor.clone() for tensor in frozen]
    drawn: set[int] = set()
    with exclusive_random_stream(seed):
        # What holds layers comes after them, since it may draw them in its own way.
        for layer in reversed(list(module.modules())):
            reset = getattr(layer, "reset_parameters", None)
            if isinstance(layer, nn.MultiheadAttention):
                reset = layer._reset_parameters
            weights = {
                key: weight
                for key, weight in layer.named_parameters(recurse=False)
                if weight.requires_grad and id(weight) not in drawn
            }
            drawn.update(map(id, weights.values()))
            if reset is not None:
                _redraw(layer, name, reset, weights)
            elif weights:
                raise ValueError(
                    f"{name} holds a {type(layer).__name__}, which has weights and no"
                    " method reset_parameters, by which init='random' draws them; add"
                    " one, or use init='pca'"
                )
    with torch.no_grad():
        for tensor, value in zip(frozen, given):
            tensor.copy_(value)


@torch.no_grad()
def _redraw(
    layer: nn.Module,
    name: str,
    reset: Callable[[], Any],
    weights: dict[str, nn.Parameter],
) -> None:
    """Reset a layer, and raise if it leaves a matrix of its weights as it is.

    Vectors and scalars, such as gains, may be meant to start as they were given.
    """
    given = {key: weight.clone() for key, weight in weights.items()}
    for weight in weights.values():
        weight.fill_(torch.nan)
    with torch.enable_grad():
        reset()
    for key, weight in weights.items():
        left = weight.isnan()
        if weight.dim() > 1 and left.any():
            raise ValueError(
                f"{name} holds a {type(layer).__name__}, whose method reset_parameters,"
                f" by which init='random' draws weights, does not draw {key!r}; let it"
                " do so, or use init='pca'"
            )
        weight.copy_(torch.where(left, given[key], weight))


def frozen_tensors(module: nn.Module) -> Iterator[Tensor]:
    """Yield frozen weights, and the buffers of layers whose weights are all frozen."""
    for layer in module.modules():
        weights = list(layer.parameters(recurse=False))
        frozen = [weight for weight in weights if not weight.requires_grad]
        yield from frozen
        if frozen and len(frozen) == len(weights):
            yield from layer.buffers(recurse=False)


def detach_attributes(network: nn.Module) -> None:
    """Detach what modules keep of their last batch: torch copies no part of a graph.

    Lists and dictionaries are changed in place, since layers may share them.
    """
    seen: set[int] = set()
    for module in network.modules():
        _detached(vars(module), seen)


def _detached(value: Any, seen: set[int]) -> Any:
    """Detach a tensor, or those in a container; `seen` are the ids of those done."""
    if isinstance(value, Tensor):
        return value if value.is_leaf else value.detach()
    if type(value) is tuple:
        detached = tuple(_detached(one, seen) for one in value)
        unchanged = all(one is other for one, other in zip(value, detached))
        return value if unchanged else detached
    if type(value) in (list, dict) and id(value) not in seen:
        seen.add(id(value))
        items = value.items() if type(value) is dict else enumerate(value)
        for key, one in items:
            value[key] = _detached(one, seen)
    return value


@torch.no_grad()
def widest_output(module: nn.Module, n_inputs: int) -> int:
    """Return the largest number of values that a layer returns for a sample."""
    widths = [n_inputs]

    def note(layer, inputs, outputs):
        if isinstance(outputs, Tensor) and outputs.dim() and len(outputs):
            widths.append(outputs[0].numel())

    hooks = [layer.register_forward_hook(note) for layer in module.modules()]
    try:
        module.eval()(probe(n_inputs))
    finally:
        for hook in hooks:
            hook.remove()
    return max(widths)
