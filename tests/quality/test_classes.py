import re

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import cdist

from stable_embedding.quality import (
    neighbor_accuracy,
    triplet_accuracy,
)


def test_neighbor_accuracy_is_the_fraction_of_classes_found(digits):
    X, y = digits
    codes, seen, unseen = X[:, 20:30], slice(0, 900), slice(900, None)
    found = neighbor_accuracy(
        codes[seen], y[seen], codes[unseen], y[unseen], n_neighbors=1
    )
    nearest = cdist(codes[unseen], codes[seen]).argmin(axis=1)
    assert found == pytest.approx((y[seen][nearest] == y[unseen]).mean(), abs=0.01)
    assert neighbor_accuracy(codes, y, codes, y, n_neighbors=1) > 0.99


def test_triplets_are_those_of_a_loop(rng):
    codes, y = rng.normal(size=(30, 2)), np.repeat(["a", "b", "c"], [3, 10, 17])
    codes[y == "c"] += 2
    of_anchors = []
    for a in range(30):
        near = [
            np.linalg.norm(codes[a] - codes[p])
            for p in range(30)
            if p != a and y[p] == y[a]
        ]
        far = [np.linalg.norm(codes[a] - codes[n]) for n in range(30) if y[n] != y[a]]
        of_anchors.append(np.mean(np.less.outer(near, far)))
    found = triplet_accuracy(codes, y)
    assert found == pytest.approx(np.mean(of_anchors), abs=0.01)
    assert found == triplet_accuracy(codes, y)


NO_LABELS = [-1, -1.0, None, np.nan, pd.NA, pd.NaT]


@pytest.mark.parametrize("unknown", NO_LABELS, ids=map(repr, NO_LABELS))
@pytest.mark.parametrize("convert", [list, pd.Series, np.array])
def test_triplets_are_of_samples_with_a_label(unknown, convert, rng):
    codes, classes = rng.normal(size=(40, 2)), [1, 2, 3, 1] * 10
    y = [unknown if i % 5 == 0 else one for i, one in enumerate(classes)]
    known = np.arange(40) % 5 > 0
    found = triplet_accuracy(codes, convert(y))
    assert found == triplet_accuracy(codes[known], np.array(classes)[known])
    with pytest.raises(ValueError, match="y needs two classes, and one .* a label"):
        triplet_accuracy(codes, convert([unknown] * 40))


@pytest.mark.parametrize("unknown", NO_LABELS, ids=map(repr, NO_LABELS))
def test_a_classifier_needs_samples_with_a_label(unknown, rng):
    codes, y = rng.normal(size=(40, 2)), [2, 1] * 20
    partly = [*y[:30], unknown, *y[31:]]
    message = f" holds {re.escape(repr(unknown))} at position 30; -1, None and nan"
    with pytest.raises(ValueError, match="y" + message):
        neighbor_accuracy(codes, partly, codes, y)
    with pytest.raises(ValueError, match="y_unseen" + message):
        neighbor_accuracy(codes, y, codes, partly)


def test_classes_of_several_types_are_refused(rng):
    codes, y, mixed = rng.normal(size=(4, 2)), [1, 1, 2, 2], [1, "a", 1, "a"]
    with pytest.raises(TypeError, match="y holds strings and labels of another type"):
        triplet_accuracy(codes, mixed)
    with pytest.raises(TypeError, match="y_unseen holds strings and labels of another"):
        neighbor_accuracy(codes, y, codes, mixed)


def test_triplets_need_two_classes():
    with pytest.raises(ValueError, match="two classes"):
        triplet_accuracy([[0.0], [1.0]], [0, 0])
    with pytest.raises(ValueError, match="two classes"):
        triplet_accuracy([[0.0], [1.0]], [0, 1])
    assert triplet_accuracy([[0.0], [1.0], [1.5]], [0, 0, 1]) == pytest.approx(
        0.5, abs=0.01
    )


def test_triplets_are_drawn():
    for n_triplets in (0, 1e4, "a"):
        message = f"n_triplets={n_triplets!r} must be a whole number, 1 or more"
        with pytest.raises(ValueError, match=message):
            triplet_accuracy([[0.0], [1.0], [2.0]], [0, 0, 1], n_triplets)


def test_classes_of_samples_in_another_order_are_refused(rng):
    ids = [f"c{i}" for i in range(30)]
    Z, y = pd.DataFrame(rng.normal(size=(30, 2)), ids), pd.Series([0, 1] * 15, ids)
    assert triplet_accuracy(Z, y) == triplet_accuracy(Z, y.tolist())
    with pytest.raises(ValueError, match="y has the id 'c29' where X_embedded has"):
        triplet_accuracy(Z, y[::-1])
    with pytest.raises(ValueError, match="y has the id 'c29' where X_embedded has"):
        neighbor_accuracy(Z, y[::-1], Z, y)
    with pytest.raises(ValueError, match="y_unseen has the id 'c29' where X_unseen"):
        neighbor_accuracy(Z, y, Z, y[::-1])
