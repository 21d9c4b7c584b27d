import copy

import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from stable_embedding.networks import ConvolutionalEncoder
from stable_embedding.networks.given_modules import (
    ReZero,
    check_module_stack,
    copy_of_module,
    detach_attributes,
    draw_weights,
    probe,
    starting_at_zero,
    widest_output,
)


class Fails(nn.Module):
    def forward(self, samples):
        raise KeyError("no such layer")


class ReturnsATuple(nn.Linear):
    def forward(self, samples):
        return super().forward(samples), samples


class Centers(nn.Linear):
    """Subtracts the mean of a batch, so that a sample's code depends on the others."""

    def forward(self, samples):
        codes = 30 * super().forward(samples)
        return codes - codes.mean(0)


class Overflows(nn.Linear):
    def forward(self, samples):
        return super().forward(samples) / 0


class Squeezes(nn.Linear):
    def forward(self, samples):
        return super().forward(samples).squeeze()


class HoldsAConstant(nn.Linear):
    """Multiplies by a tensor that is no buffer, and so stays float32."""

    def __init__(self, *args):
        super().__init__(*args)
        self.rotation = torch.eye(5, dtype=torch.float32)

    def forward(self, samples):
        return super().forward(samples @ self.rotation)


class Rounds(nn.Linear):
    def forward(self, samples):
        return super().forward(samples).to(torch.float32)


class Sized(nn.Module):
    def with_n_components(self, n_components):
        return nn.Linear(5, n_components)


def test_a_copy_is_returned_in_float32_and_to_evaluate():
    module = nn.Sequential(nn.Linear(5, 3, dtype=torch.float64), nn.Dropout(0.5))
    before = copy.deepcopy(module.state_dict())
    copied = copy_of_module(module, "encoder", 3, 5, 3)
    assert copied is not module
    assert copied[0].weight.dtype == torch.float32
    assert module.training
    for name, weight in module.state_dict().items():
        assert torch.equal(weight, before[name])


@pytest.mark.parametrize("module", [nn.LazyLinear(3), Sized()])
def test_what_has_no_size_gets_one(module):
    random_state = torch.get_rng_state()
    copied = copy_of_module(module, "encoder", 3, 5, 3)
    again = copy_of_module(module, "encoder", 3, 5, 3)
    assert copied.weight.shape == (3, 5)
    assert torch.equal(copied.weight, again.weight)  # drawn from the same seed
    assert torch.equal(torch.get_rng_state(), random_state)


@pytest.mark.parametrize(
    ("module", "error", "message"),
    [
        (nn.Linear(5, 2), ValueError, r"decoder=Linear.*shape \(4, 2\).*\(4, 3\)"),
        (nn.Linear(6, 3), ValueError, r"cannot map samples of shape \(4, 5\)"),
        (Fails(), ValueError, "raises KeyError: 'no such layer'"),
        (ReturnsATuple(5, 3), TypeError, "returned a tuple"),
        (Centers(5, 3), ValueError, "each sample independently"),
        (Overflows(5, 3), ValueError, "12 are not finite"),
        (Squeezes(5, 3), ValueError, r"shape \(3,\) for samples of shape \(1, 5\)"),
        (nn.Linear(5, 3, dtype=torch.complex64), ValueError, "holds complex weights"),
        (
            HoldsAConstant(5, 3),
            ValueError,
            r"decoder=HoldsACon.* torch.float64, .* raises RuntimeError: .*; it must"
            " compute in the dtype of its input and hold constants as buffers",
        ),
        (
            Rounds(5, 3),
            ValueError,
            "decoder=Rounds.* it returns values of torch.float32",
        ),
    ],
)
def test_what_is_no_such_map_is_named(module, error, message):
    with pytest.raises(error, match=message):
        copy_of_module(module, "decoder", 3, 5, 3)


def test_what_is_not_dense_is_named():
    module = nn.Linear(5, 3)
    module.register_buffer("constant", torch.eye(5).to_sparse())
    with pytest.raises(ValueError, match=r"decoder=Linear.* sparse .*make them dense"):
        copy_of_module(module, "decoder", 3, 5, 3)


def test_what_cannot_be_copied_is_named():
    pruned = prune.l1_unstructured(nn.Linear(5, 3), "weight", 0.5)
    called = nn.utils.spectral_norm(nn.Linear(5, 3))
    called(probe(5))
    message = r"encoder=Linear.*cannot be copied; .* RuntimeError: .*parametrizations"
    for module in (pruned, called):
        with pytest.raises(ValueError, match=message):
            copy_of_module(module, "encoder", 3, 5, 3)


@pytest.mark.filterwarnings("ignore:.*torch.jit")
def test_what_is_compiled_to_torchscript_is_named():
    module = nn.Sequential(torch.jit.script(nn.Linear(5, 3)))
    with pytest.raises(TypeError, match="give the module that it was compiled from"):
        copy_of_module(module, "encoder", 3, 5, 3)


def test_the_last_layer_starts_at_zero():
    module = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3))
    first = module[0].weight.clone()
    assert starting_at_zero(module, 5) is module
    assert not module(probe(5)).any()
    assert not module[2].weight.signbit().any()
    assert torch.equal(module[0].weight, first)


class HeadFirst(nn.Module):
    """Registers its layers in another order than it uses them."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(4, 3, bias=False)
        self.body = nn.Linear(5, 4)

    def forward(self, samples):
        return self.head(torch.relu(self.body(samples)))


@pytest.mark.parametrize("end", [nn.Dropout(0.5), nn.Flatten(), nn.AvgPool1d(1)])
def test_it_does_before_layers_that_are_linear(end):
    module = nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.Linear(4, 3), end)
    assert starting_at_zero(module, 5) is module
    assert not module[1].running_mean.any()
    assert not module(probe(5)).any()


@pytest.mark.parametrize(
    "module",
    [
        nn.Sequential(nn.Linear(5, 3), nn.Sigmoid()),  # one half at zero
        nn.Sequential(nn.Linear(5, 3), nn.ReLU()),  # no slope at zero
        nn.Sequential(nn.Linear(5, 3), nn.LayerNorm(3)),  # a jump at zero
        nn.Sequential(nn.Linear(5, 3), nn.BatchNorm1d(3)),
        HeadFirst(),
        nn.Sequential(nn.Linear(5, 3), nn.LayerNorm(3, bias=True), nn.Softplus()),
        nn.Sequential(nn.LayerNorm(5), nn.Flatten()),  # no linear layer
    ],
)
def test_else_a_gain_starts_at_zero(module):
    before = copy.deepcopy(module.state_dict())
    gated = starting_at_zero(module, 5).eval()
    assert isinstance(gated, ReZero)
    assert not gated(probe(5)).any()
    for name, weight in module.state_dict().items():
        assert torch.equal(weight, before[name])
    # Of two opposite samples, a ReLU returns something for one.
    outputs = gated(1000 * torch.cat([probe(5), -probe(5)])).flatten()
    (outputs * torch.arange(len(outputs))).sum().backward()
    assert gated.gain.grad


class Gated(nn.Module):
    """A module times a gain that starts at zero."""

    def __init__(self, module):
        super().__init__()
        self.module = module
        self.gain = nn.Parameter(torch.zeros(3))

    def forward(self, samples):
        return self.gain * self.module(samples)


@pytest.mark.parametrize(
    "module",
    [
        nn.Linear(5, 3),
        nn.Linear(5, 3).requires_grad_(False),
        nn.Sequential(nn.Linear(5, 3), nn.LayerNorm(3)),
    ],
)
def test_a_module_that_starts_at_zero_is_left(module):
    module = Gated(module)
    before = copy.deepcopy(module.state_dict())
    assert starting_at_zero(module, 5) is module
    for name, weight in module.state_dict().items():
        assert torch.equal(weight, before[name])


def test_zeros_without_a_slope_do_not_count_as_a_start():
    module = nn.Sequential(nn.Linear(5, 3), nn.ReLU())
    with torch.no_grad():
        module[0].bias -= 100
    assert isinstance(starting_at_zero(module, 5), ReZero)


class LeavesOut(nn.Linear):
    """Can be trained on 8 samples or more."""

    def forward(self, samples):
        if self.training:
            samples.norm(dim=1).topk(8)
        return super().forward(samples)


class ReturnsMoreInTraining(nn.Linear):
    def forward(self, samples):
        outputs = super().forward(samples)
        return (outputs, samples) if self.training else outputs


class HasNoGradient(nn.Linear):
    def forward(self, samples):
        outputs = super().forward(samples)
        if outputs.requires_grad:
            outputs.register_hook(self.fail)
        return outputs

    def fail(self, gradient):
        raise KeyError("no gradient")


@pytest.mark.parametrize("kind", [LeavesOut, ReturnsMoreInTraining, HasNoGradient])
def test_a_module_that_cannot_be_tried_gets_a_gain(kind):
    module = kind(5, 3)
    weight = module.weight.clone()
    assert isinstance(starting_at_zero(module, 5), ReZero)
    assert torch.equal(module.weight, weight)


def test_a_layer_that_is_not_trained_is_left():
    module = nn.Sequential(nn.Linear(5, 4), nn.Linear(4, 3)).requires_grad_(False)
    last = module[1].weight.clone()
    assert isinstance(starting_at_zero(module, 5), ReZero)
    assert torch.equal(module[1].weight, last)


def test_what_holds_layers_draws_them_last():
    encoder = ConvolutionalEncoder((8, 8), 2)
    draw_weights(encoder, "encoder", 0)
    layers = [one for one in encoder.modules() if hasattr(one, "weight")]
    for layer in layers[:-1]:
        bound = (6 / layer.weight[0].numel()) ** 0.5  # He's
        assert 0.8 * bound < layer.weight.abs().max() <= bound


def test_weights_are_drawn_from_the_seed_alone():
    modules = [nn.Sequential(nn.Linear(5, 3), nn.LayerNorm(3)) for _ in range(3)]
    random_state = torch.get_rng_state()
    for module, seed in zip(modules, (1, 1, 2)):
        draw_weights(module, "encoder", seed)
    first, same, other = (module[0].weight for module in modules)
    assert torch.equal(first, same)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), random_state)


def test_attention_is_drawn_by_the_method_that_torch_gives_it():
    first, same, other = (nn.TransformerEncoderLayer(4, 2, 8) for _ in range(3))
    for module, seed in zip((first, same, other), (1, 1, 2)):
        draw_weights(module, "encoder", seed)
    weights = [one.self_attn.in_proj_weight for one in (first, same, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


class Scale(nn.Module):
    """A layer that cannot be drawn."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(5))


def test_a_frozen_layer_is_not_drawn():
    backbone = nn.Sequential(nn.Linear(5, 5), nn.BatchNorm1d(5), Scale())
    backbone[1](torch.randn(8, 5) + 3)
    module = nn.Sequential(backbone.requires_grad_(False), nn.Linear(5, 3))
    before = copy.deepcopy(module.state_dict())
    draw_weights(module, "encoder", 0)
    same = {
        name: torch.equal(w, before[name]) for name, w in module.state_dict().items()
    }
    assert same == {name: not name.startswith("1.") for name in same}


def test_a_layer_that_cannot_be_drawn_is_named():
    with pytest.raises(ValueError, match="encoder holds a Scale.*reset_parameters"):
        draw_weights(nn.Sequential(nn.Linear(5, 5), Scale()), "encoder", 0)


@pytest.mark.filterwarnings("ignore:.*weight_norm")
@pytest.mark.parametrize("kind", [nn.utils.spectral_norm, nn.utils.weight_norm])
def test_weights_that_are_not_drawn_are_named(kind):
    module = nn.Sequential(nn.Linear(5, 5), kind(nn.Linear(5, 3)))
    module(probe(5))  # which computes the weight from others
    with pytest.raises(ValueError, match=r"encoder holds a Linear, .* draw 'weight_"):
        draw_weights(module, "encoder", 0)


class Scaled(nn.Module):
    """Scales a layer by gains that start at a constant, and is tied to its weight."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(5, 5)
        self.weight = self.layer.weight
        self.gains = nn.Parameter(torch.full((5,), 0.1))
        self.temperature = nn.Parameter(torch.tensor(2.0))

    def reset_parameters(self):
        pass


def test_gains_that_are_not_drawn_stay_and_tied_weights_are_drawn_once():
    first, other = Scaled(), Scaled()
    draw_weights(first, "encoder", 1)
    draw_weights(other, "encoder", 2)
    for module in (first, other):
        assert module.weight is module.layer.weight
        assert module.weight.isfinite().all()
        assert (module.gains == 0.1).all()
        assert module.temperature == 2
    assert not torch.equal(first.weight, other.weight)


def trained_once(module):
    module = copy.deepcopy(module).train()
    module(probe(5))
    return module


def test_statistics_of_batches_are_no_matter_of_stacks():
    module = nn.Sequential(nn.Linear(5, 3), nn.BatchNorm1d(3))
    with pytest.raises(ValueError, match=r"encoder holds a BatchNorm1d.*set n_init=1"):
        check_module_stack(module, trained_once(module), "encoder")


class RunningScale(nn.Module):
    """Divides by a scale that it learns from batches, unknown at first or not."""

    def __init__(self, scale):
        super().__init__()
        self.register_buffer("scale", scale)

    def forward(self, samples):
        if self.training:
            new = samples.abs().mean()
            old = new if self.scale is None else self.scale
            self.scale = 0.9 * old + 0.1 * new
        return samples if self.scale is None else samples / self.scale


@pytest.mark.parametrize("scale", [torch.ones(()), None])
def test_buffers_that_a_training_changes_are_no_matter_of_stacks(scale):
    module = nn.Sequential(nn.Linear(5, 3), RunningScale(scale))
    message = r"decoder holds a RunningScale, whose buffer 'scale' .*set n_init=1"
    with pytest.raises(ValueError, match=message):
        check_module_stack(module, trained_once(module), "decoder")


def test_statistics_that_stay_are_stacked():
    class Frozen(nn.BatchNorm1d):
        def train(self, mode=True):
            return super().train(False)

    module = nn.Sequential(Frozen(5), nn.Linear(5, 3))
    check_module_stack(module, trained_once(module), "encoder")


@pytest.mark.parametrize("value", [1.0, 1, True, 1j, float("nan")])
def test_buffers_that_stay_are_stacked(value):
    module = nn.Sequential(nn.Linear(5, 3), nn.LayerNorm(3), nn.Dropout(0.5))
    module.register_buffer("constant", torch.tensor(value))
    check_module_stack(module, trained_once(module), "encoder")


def test_what_is_kept_of_a_batch_is_detached():
    module = nn.Sequential(nn.Linear(5, 3))
    outputs = module(probe(5))
    module[0].kept, module.all_kept = outputs, [{"outputs": (outputs, "text")}]
    before = dict(module.named_parameters())
    detach_attributes(module)
    copied = copy.deepcopy(module)
    assert torch.equal(copied[0].kept, outputs)
    assert torch.equal(copied.all_kept[0]["outputs"][0], outputs)
    for name, weight in module.named_parameters():
        assert weight is before[name]
        assert weight.requires_grad


def test_containers_that_hold_themselves_are_detached():
    module = nn.Linear(5, 3)
    outputs = module(probe(5))
    module.kept = [outputs]
    module.kept.append((module.kept, {"outputs": outputs}))
    kept = module.kept
    detach_attributes(module)
    assert module.kept is kept
    assert kept[1][0] is kept
    assert not kept[0].requires_grad
    assert not kept[1][1]["outputs"].requires_grad


def test_the_widest_output_is_found():
    module = nn.Sequential(
        nn.Unflatten(-1, (1, 4, 4)), nn.Conv2d(1, 6, 3, 2, 1), nn.Flatten()
    )
    assert widest_output(module, 16) == 6 * 2 * 2
    assert widest_output(nn.Linear(16, 3), 16) == 16


def test_a_layer_may_return_a_scalar():
    class Penalized(nn.Linear):
        def __init__(self):
            super().__init__(5, 3)
            self.loss = nn.MSELoss()

        def forward(self, samples):
            codes = super().forward(samples)
            return codes + 0 * self.loss(codes, codes.round())

    assert widest_output(Penalized(), 5) == 5
