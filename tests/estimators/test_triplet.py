import numpy as np
import pytest
from sklearn.base import clone

from stable_embedding import TripletVariationalAutoencoder, VariationalAutoencoder
from stable_embedding.quality import neighbor_accuracy


@pytest.mark.slow
def test_labels_bring_classes_together(digits):
    X, y = digits
    names = np.array(list("abcdefghij"))[y]
    plain = VariationalAutoencoder(2, n_init=2, random_state=0).fit(X[:1_200])
    model = TripletVariationalAutoencoder(2, n_init=2, random_state=0)
    model.fit(X[:1_200], names[:1_200])
    accuracies = [
        neighbor_accuracy(
            one.transform(X[:1_200]), y[:1_200], one.transform(X[1_200:]), y[1_200:]
        )
        for one in (plain, model)
    ]
    assert accuracies[1] > accuracies[0] + 0.03


@pytest.mark.numeric
def test_labels_follow_their_samples_in_another_order(digits):
    X, y = digits[0][:500], digits[1][:500]
    order = np.random.default_rng(0).permutation(len(X))
    model = TripletVariationalAutoencoder(2, max_iter=3, random_state=0)
    codes = clone(model).fit(X, y).transform(X)
    again = clone(model).fit(X[order], y[order]).transform(X)
    np.testing.assert_array_equal(again, codes)


def test_labels_are_asked_for(iris):
    X, y = iris
    with pytest.raises(ValueError, match="requires y to be passed"):
        TripletVariationalAutoencoder().fit(X)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        TripletVariationalAutoencoder().fit(X, y[:-1])
    with pytest.raises(ValueError, match="which is no class; classes"):
        TripletVariationalAutoencoder().fit(X, y + 0.5 * np.arange(150) / 7)


def test_samples_without_a_label_are_no_class(iris):
    X, y = iris
    model = TripletVariationalAutoencoder(n_init=1, max_iter=5, random_state=0)
    names = np.array(["a", "b", "c"], dtype=object)[y]
    names[::3], y = None, np.where(np.arange(len(y)) % 3 == 0, -1, y)
    codes = clone(model).fit(X, y).transform(X)
    np.testing.assert_array_equal(clone(model).fit(X, names).transform(X), codes)
    # Another label of the samples without one makes a class of them.
    classed = clone(model).fit(X, np.where(y < 0, 3, y)).transform(X)
    assert not np.array_equal(classed, codes)


def test_labels_of_nothing_leave_the_model_as_it_was(iris):
    X, y = iris
    model = TripletVariationalAutoencoder(n_init=1, max_iter=2).fit(X, y)
    codes = model.transform(X)
    with pytest.raises(ValueError, match="y labels no sample"):
        model.fit(X, np.full(len(X), -1))
    np.testing.assert_array_equal(model.transform(X), codes)


def test_labels_too_few_for_triplets_are_warned_of(rng):
    X, y = rng.normal(size=(200, 4)), np.arange(200) % 2
    model = TripletVariationalAutoencoder(n_init=1, max_iter=1)
    y[8:] = -1
    with pytest.warns(UserWarning, match=r"4 % of the samples: .* 64 samples, .* 2\.6"):
        model.fit(X, y)
    model.fit(X[:40], y[:40])
    model.fit(X[:2], y[:2])
    model.set_params(triplet_weight=0).fit(X, y)


@pytest.mark.parametrize(
    # A batch of 65 is two blocks of 32; few samples are one batch.
    ("batch_size", "n_samples", "block"),
    [(65, 200, 32), (67, 200, 33), (35, 200, 35), ("auto", 65, 32), (100, 67, 33)],
)
def test_labels_are_too_few_by_the_blocks_of_a_batch(batch_size, n_samples, block, rng):
    X, y = rng.normal(size=(n_samples, 4)), np.full(n_samples, -1)
    model = TripletVariationalAutoencoder(n_init=1, max_iter=1, batch_size=batch_size)
    least = np.ceil(3 / block * n_samples).astype(int)
    y[:least] = np.arange(least) % 2
    model.fit(X, y)
    y[least - 1] = -1
    with pytest.warns(UserWarning, match=f"are taken within {block} samples, of which"):
        model.fit(X, y)
