import numpy as np
import pytest
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

from stable_embedding import SemanticHashing


def recall(bits, unseen_bits, neighbors):
    """Share of true neighbours among as many rows that are next in Hamming distance."""
    n = neighbors.shape[1]
    found = NearestNeighbors(n_neighbors=n, metric="hamming").fit(bits)
    nearest = found.kneighbors(unseen_bits, return_distance=False)
    return np.mean([len(np.intersect1d(*pair)) / n for pair in zip(nearest, neighbors)])


@pytest.fixture(scope="module")
def model(digits):
    return SemanticHashing(16, random_state=0).fit(digits[0][:1_200])


def test_codes_are_bits(model, digits):
    bits = model.transform(digits[0])
    assert bits.dtype == np.uint8
    assert bits.shape == (1_797, 16)
    assert set(np.unique(bits)) == {0, 1}


def test_activations_are_nearly_binary(model, digits):
    activations = model.activations(digits[0])
    assert ((activations > 0.1) & (activations < 0.9)).mean() < 0.2
    np.testing.assert_array_equal(activations > 0.5, model.transform(digits[0]))


def test_neighbours_are_found_by_bits(model, digits):
    train, unseen = digits[0][:1_200], digits[0][1_200:]
    neighbors = NearestNeighbors(n_neighbors=50).fit(train)
    neighbors = neighbors.kneighbors(unseen, return_distance=False)
    ours = recall(model.transform(train), model.transform(unseen), neighbors)
    pca = PCA(16).fit(train)
    signs = [(pca.transform(rows) > 0).astype(np.uint8) for rows in (train, unseen)]
    assert ours > recall(*signs, neighbors)


def test_packed_bits_are_the_same(model, digits):
    X = digits[0]
    bits = model.transform(X)
    rows = model.inverse_transform(bits)
    packed = clone(model).set_params(packed=True).fit(X[:1_200])
    codes = packed.transform(X)
    assert codes.shape == (1_797, 2)
    np.testing.assert_array_equal(np.unpackbits(codes, axis=1), bits)
    np.testing.assert_allclose(packed.inverse_transform(codes), rows)
    assert len(packed.get_feature_names_out()) == 2


def test_bits_reconstruct(model, digits):
    train, unseen = digits[0][:1_200], digits[0][1_200:]
    rows = model.inverse_transform(model.transform(unseen))
    blind = np.square(unseen - train.mean(axis=0)).sum()
    assert np.square(unseen - rows).sum() < 0.6 * blind


def test_the_number_of_bits_is_a_parameter_like_others():
    model = SemanticHashing(8)
    assert model.get_params()["n_bits"] == model.n_components == 8
    assert "n_components" not in model.get_params()
    assert clone(model).set_params(n_bits=5).n_components == 5


def test_the_number_of_columns_is_checked(model):
    with pytest.raises(ValueError, match="X has 3 columns, but SemanticHashing gives"):
        model.inverse_transform([[0, 1, 0]])
