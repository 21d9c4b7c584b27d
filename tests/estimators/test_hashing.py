import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.spatial.distance import cdist
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

from stable_embedding import SemanticHashing, to_onnx
from stable_embedding.quality import explained_variance
from tests.precision import assert_near

# A bit whose probability is within rounding of one half may fall on either side. So few
# are so near that this part of them may do so; a mistake changes an eighth or more.
ROUNDED = 2e-3


def recall(bits, unseen_bits, neighbors):
    """Share of true neighbors among as many samples next in Hamming distance."""
    n = neighbors.shape[1]
    found = NearestNeighbors(n_neighbors=n, metric="hamming").fit(bits)
    nearest = found.kneighbors(unseen_bits, return_distance=False)
    return np.mean([len(np.intersect1d(*pair)) / n for pair in zip(nearest, neighbors)])


@pytest.fixture(scope="module")
def model(digits):
    parameters = {"n_init": 1, "max_iter": 20, "random_state": 0}
    return SemanticHashing(16, **parameters).fit(digits[0][:1_200])


def test_codes_are_bits(model, digits):
    bits = model.transform(digits[0])
    assert bits.dtype == np.uint8
    assert bits.shape == (1_797, 16)
    assert set(np.unique(bits)) == {0, 1}


@pytest.mark.numeric
def test_probabilities_are_nearly_binary(model, digits):
    probabilities = model.bit_probabilities(digits[0])
    assert 0 <= probabilities.min() < probabilities.max() <= 1
    assert ((probabilities > 0.1) & (probabilities < 0.9)).mean() < 0.2
    clear = np.abs(probabilities - 0.5) > 1e-6  # rounding decides on the others
    bits = model.transform(digits[0])
    np.testing.assert_array_equal((probabilities > 0.5)[clear], bits[clear])


def test_neighbors_are_found_by_bits(model, digits):
    train, unseen = digits[0][:1_200], digits[0][1_200:]
    neighbors = NearestNeighbors(n_neighbors=50).fit(train)
    neighbors = neighbors.kneighbors(unseen, return_distance=False)
    ours = recall(model.transform(train), model.transform(unseen), neighbors)
    pca = PCA(16).fit(train)
    signs = [(pca.transform(part) > 0).astype(np.uint8) for part in (train, unseen)]
    assert ours > recall(*signs, neighbors)


@pytest.mark.numeric
def test_packed_bits_are_the_same(model, digits):
    X = digits[0]
    bits = model.transform(X)
    samples = model.inverse_transform(bits)
    packed = clone(model).set_params(packed=True).fit(X[:1_200])
    codes = packed.transform(X)
    assert codes.shape == (1_797, 2)
    np.testing.assert_array_equal(np.unpackbits(codes, axis=1), bits)
    np.testing.assert_allclose(packed.inverse_transform(codes), samples)
    assert len(packed.get_feature_names_out()) == 2


def test_bits_reconstruct(model, digits):
    train, unseen = digits[0][:1_200], digits[0][1_200:]
    samples = model.inverse_transform(model.transform(unseen))
    blind = np.square(unseen - train.mean(axis=0)).sum()
    assert np.square(unseen - samples).sum() < 0.6 * blind
    assert model.score(unseen) == pytest.approx(explained_variance(unseen, samples))


@pytest.mark.numeric
@pytest.mark.parametrize("packed", [False, True])
def test_a_map_is_laid_on_another_by_its_bits(packed, digits):
    X = digits[0][:900]
    model = SemanticHashing(8, packed=packed, n_init=2, max_iter=20, random_state=0)
    codes = model.fit(X).transform(X)
    samples = model.inverse_transform(codes)
    bits = np.unpackbits(codes, axis=1) if packed else codes
    elsewhere = bits[:, [3, 0, 1, 2, 7, 6, 5, 4]]
    elsewhere[:, 2] = 1 - elsewhere[:, 2]
    if packed:
        elsewhere = np.packbits(elsewhere, axis=1)
    model.align(X, elsewhere)
    assert np.mean(model.transform(X) != elsewhere) < ROUNDED
    assert_near(model.inverse_transform(elsewhere), samples)


@pytest.mark.numeric
@pytest.mark.parametrize("packed", [False, True])
def test_packing_that_is_set_later_changes_nothing(packed, digits):
    X = (digits[0][:300] / 16).astype(np.float32)
    model = SemanticHashing(12, packed=packed, max_iter=3, random_state=0).fit(X)

    def outputs():
        codes = model.transform(X)
        yield codes
        yield model.inverse_transform(codes)
        yield model.get_feature_names_out()

    before = [*outputs()]
    model.set_params(packed=not packed)
    assert model.packed_ is packed
    for found, expected in zip(outputs(), before, strict=True):
        np.testing.assert_array_equal(found, expected)
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("skl2onnx")
    session = onnxruntime.InferenceSession(to_onnx(model, X=X).SerializeToString())
    assert np.mean(session.run(None, {"X": X})[0] != before[0]) < ROUNDED
    assert model.fit(X).packed_ is not packed


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("value", [1e300, 0.5, -1, -1e300, 256, np.nan, np.inf])
def test_codes_that_are_no_bits_are_refused_without_a_warning(packed, value, digits):
    model = SemanticHashing(8, packed=packed, max_iter=1, random_state=0)
    model.fit(digits[0][:50])
    with pytest.raises(ValueError, match="whole numbers|NaN|infinity"):
        model.inverse_transform(np.full((1, 1 if packed else 8), value))


def test_bits_are_written_where_one_says(model, digits):
    X = digits[0]
    for dtype in (np.uint8, np.int64, np.float32):
        out = np.empty((len(X), 16), dtype=dtype)
        assert model.transform(X, out=out) is out
        np.testing.assert_array_equal(out, model.transform(X))
    with pytest.raises(TypeError, match="out is of bool"):
        model.transform(X, out=np.empty((len(X), 16), dtype=bool))


@pytest.mark.numeric
def test_of_a_lazy_array_the_bits_are_lazy(model, digits):
    array = pytest.importorskip("dask.array")
    codes = model.transform(array.from_array(digits[0], chunks=(500, 64)))
    assert codes.dtype == np.uint8
    # Chunks of another size may be multiplied by another kernel.
    assert np.mean(codes.compute() != model.transform(digits[0])) < ROUNDED


@pytest.mark.parametrize("weight", [-1, "1", None])
def test_a_bad_weight_is_named_and_an_earlier_fit_survives(weight, digits):
    X = digits[0][:50]
    model = SemanticHashing(8, n_init=1, max_iter=1, random_state=0).fit(X)
    bits = model.transform(X)
    with pytest.raises(ValueError, match="hamming_weight"):
        model.set_params(hamming_weight=weight).fit(X)
    np.testing.assert_array_equal(model.transform(X), bits)


def test_the_hamming_loss_falls_by_its_weight(digits):
    X = digits[0][:500]
    few = {"n_init": 1, "max_iter": 20, "random_state": 0}
    losses = [
        SemanticHashing(16, hamming_weight=weight, **few).fit(X).hamming_loss_
        for weight in (0.0, 0.01, 1.0)
    ]
    assert losses[0] == 0
    assert losses[2] < losses[1] < 1


def test_bits_start_from_the_signs_of_rotated_scores(digits):
    X = digits[0][:500]
    model = SemanticHashing(8, n_init=1, learning_rate_init=1e-9, max_iter=1)
    scores = PCA(8).fit_transform(X)
    # Up to the bits of scores near 0, these are half-spaces of principal scores.
    found = np.linalg.lstsq(scores, 2.0 * model.fit(X).transform(X) - 1, rcond=None)
    rotation = found[0] / np.linalg.norm(found[0], axis=0)
    assert np.mean((scores @ rotation > 0) == model.transform(X)) > 0.9
    assert model.transform(X).mean(axis=0).min() > 0.35


def test_bits_are_trained_also_where_pca_keeps_all(iris):
    X = iris[0]
    shared = {"n_init": 1, "max_iter": 100, "random_state": 0}
    held = SemanticHashing(4, alpha=100.0, **shared).fit(X)
    assert SemanticHashing(4, **shared).fit(X).hamming_loss_ < held.hamming_loss_


def test_neighbors_are_found_where_distances_are_given(digits):
    X = digits[0][:300]
    places = np.random.default_rng(0).normal(size=(300, 4))
    distances = cdist(places, places)
    model = SemanticHashing(8, n_init=1, max_iter=5, random_state=0)
    model.fit(X, distances=distances)
    assert 0 < model.hamming_loss_ < 2
    distances[:150, 150:] = distances[150:, :150] = 0
    known = csr_array(distances)  # pairs that are not stored do not count
    assert 0 < model.fit(X, distances=known).hamming_loss_ < 2


def test_the_number_of_bits_is_a_parameter_like_others():
    model = SemanticHashing(8)
    assert model.get_params()["n_bits"] == model.n_components == 8
    assert "n_components" not in model.get_params()
    assert clone(model).set_params(n_bits=5).n_components == 5


def test_the_number_of_columns_is_checked(model):
    with pytest.raises(
        ValueError, match="but codes of SemanticHashing have 16 columns"
    ):
        model.inverse_transform([[0, 1, 0]])
    with pytest.raises(ValueError, match="whole numbers from 0 to 1"):
        model.inverse_transform(np.full((1, 16), 7))
    packed = clone(model).set_params(packed=True, max_iter=1).fit(np.eye(64))
    with pytest.raises(ValueError, match="whole numbers from 0 to 255"):
        packed.inverse_transform([[300, 0]])


def test_bits_have_no_deviation(digits):
    model = SemanticHashing(6, n_init=2, max_iter=2).fit(digits[0][:100])
    with pytest.raises(ValueError, match="return_std must be False"):
        model.transform(digits[0][:5], return_std=True)


def test_a_constant_chunk_counts_for_nothing(digits):
    X = digits[0][:100]
    parameters = {"n_init": 1, "max_iter": 2, "random_state": 0}
    alone = SemanticHashing(6, **parameters).partial_fit(X)
    later = SemanticHashing(6, **parameters).partial_fit(np.ones((50, 64)))
    np.testing.assert_array_equal(
        later.partial_fit(X).bit_probabilities(X), alone.bit_probabilities(X)
    )


def test_logarithms_of_very_long_tails_give_bits_that_differ(rng):
    factors = rng.normal(size=(330, 3)) @ rng.normal(size=(3, 15))
    logarithms = 1.5 * (factors + 0.3 * rng.normal(size=(330, 15)))
    shares = []
    for X in (np.exp(logarithms), logarithms):
        codes = SemanticHashing(16, n_init=1, random_state=0).fit_transform(X)
        counts = np.unique(codes, axis=0, return_counts=True)[1]
        shares.append(counts.max() / len(X))
    assert shares[1] < 0.1 < 0.3 < shares[0]
