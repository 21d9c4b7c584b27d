import copy

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from stable_embedding.networks import ConvolutionalDecoder, ConvolutionalEncoder
from stable_embedding.networks.convolutional import (
    build_module,
    describe_module,
    is_shipped,
)
from stable_embedding.networks.given_modules import probe

KINDS = [ConvolutionalEncoder, ConvolutionalDecoder]
SHAPES = [(8, 8), (7, 5), (3, 9, 6), (1, 1), (1, 28, 28)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("n_maps", [(4,), (4, 6), (2, 3, 4)])
def test_images_go_to_codes_and_back(shape, n_maps):
    encoder = ConvolutionalEncoder(shape, 3, n_maps=n_maps, hidden_layer_sizes=(5,))
    decoder = ConvolutionalDecoder(shape, 3, n_maps=n_maps, hidden_layer_sizes=(5,))
    samples = probe(encoder.n_features)
    codes = encoder(samples)
    assert codes.shape == (4, 3)
    assert decoder(codes).shape == samples.shape
    assert encoder.n_features == torch.Size(shape).numel()


@pytest.mark.parametrize("kind", KINDS)
def test_modules_of_the_same_settings_are_alike(kind):
    random_state = torch.get_rng_state()
    first, second = kind((8, 8), 2), kind((8, 8)).with_n_components(2)
    for weight, other in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(weight, other)
    assert torch.equal(torch.get_rng_state(), random_state)


@pytest.mark.parametrize("kind", KINDS)
def test_they_are_drawn_without_the_stream_that_threads_share(kind, monkeypatch):
    expected = kind((8, 8), 2)
    kaiming_uniform_ = nn.init.kaiming_uniform_

    def draw_after_another_thread(*args, **kwargs):
        torch.rand(1)
        return kaiming_uniform_(*args, **kwargs)

    with torch.random.fork_rng():
        monkeypatch.setattr(nn.init, "kaiming_uniform_", draw_after_another_thread)
        found = kind((8, 8), 2)
    for weight, other in zip(found.parameters(), expected.parameters(), strict=True):
        assert torch.equal(weight, other)


@pytest.mark.parametrize("kind", KINDS)
def test_a_module_that_is_sized_keeps_its_weights(kind):
    module = kind((8, 8), 2)
    nn.init.ones_(next(module.parameters()))
    copied = module.with_n_components(2)
    for weight, other in zip(module.parameters(), copied.parameters(), strict=True):
        assert weight is not other
        assert torch.equal(weight, other)
    with pytest.raises(ValueError, match="n_components=2, but the estimator has 3"):
        module.with_n_components(3)


@pytest.mark.parametrize("kind", KINDS)
def test_one_that_cannot_be_copied_is_named(kind):
    module = kind((8, 8), 2)
    module.kept = next(module.parameters()) + 1
    with pytest.raises(ValueError, match=f"^{kind.__name__} cannot be copied; "):
        module.with_n_components(2)


@pytest.mark.parametrize("kind", KINDS)
def test_a_module_that_is_sized_keeps_frozen_weights_and_changed_layers(kind):
    module = kind((8, 8), 2)
    next(module.parameters()).requires_grad_(False)
    module.layers.insert(0, nn.Dropout())
    copied = module.with_n_components(2)
    assert copied is not module
    assert repr(copied) == repr(module)
    frozen = [not weight.requires_grad for weight in copied.parameters()]
    assert frozen == [True] + [False] * (len(frozen) - 1)


@pytest.mark.parametrize("kind", KINDS)
def test_changed_layers_are_described_by_no_settings(kind):
    module = kind((8, 8), 2)
    assert is_shipped(module)
    assert is_shipped(kind((8, 8)))
    module.layers.append(nn.GELU())
    assert not is_shipped(module)


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_number_of_components_it_has_no_layers(kind):
    with pytest.raises(ValueError, match="has no layers yet"):
        kind((8, 8))(torch.zeros(1, 64))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "settings",
    [
        {"image_shape": 8},
        {"image_shape": (8,)},
        {"image_shape": (8, 0)},
        {"image_shape": (1, 2, 3, 4)},
        {"image_shape": (8, 8), "n_maps": ()},
        {"image_shape": (8, 8), "n_maps": (4.0,)},
    ],
)
def test_settings_without_meaning_are_named(kind, settings):
    name = list(settings)[-1]
    with pytest.raises(ValueError, match=f"{name}=.*positive integers"):
        kind(**settings)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n_components", [None, 2])
def test_a_description_is_built_again(kind, n_components):
    module = kind((8, 8), n_components, n_maps=(3,), hidden_layer_sizes=(4,))
    for weight in module.parameters():
        nn.init.normal_(weight, generator=torch.Generator().manual_seed(0))
        weight.requires_grad_(weight.dim() == 1)
    built = build_module(copy.deepcopy(describe_module(module)))
    assert repr(built) == repr(module)
    for weight, other in zip(module.parameters(), built.parameters(), strict=True):
        assert torch.equal(weight, other)
        assert weight.requires_grad == other.requires_grad


def test_an_image_is_mapped_by_itself():
    encoder = ConvolutionalEncoder((8, 8), 2)
    samples = probe(64)
    # Rounding of float32: other products of matrices for other numbers of samples.
    assert_close(encoder(samples)[:1], encoder(samples[:1]), rtol=1e-4, atol=1e-4)
