import re

import pandas as pd
import pytest

from stable_embedding.quality import (
    continuity,
    distance_correlation,
    explained_variance,
    lipschitz_estimate,
    neighbor_accuracy,
    normalized_stress,
    trustworthiness,
)


def test_what_is_no_metric_of_the_data_is_named(pair):
    X, Z = pair
    for metric in ("geodesic", "haversine", 3, None, ["cosine"]):
        message = re.escape(f"metric={metric!r} must be a callable")
        with pytest.raises(ValueError, match=message):
            trustworthiness(X, Z, metric=metric)
    with pytest.raises(ValueError, match="metric='jaccard' compares"):
        continuity(X, Z, metric="jaccard")
    with pytest.raises(ValueError, match="metric='precomputed'"):
        normalized_stress(X, Z, metric="precomputed")
    with pytest.raises(ValueError, match="n_samples / 2"):
        continuity(X, Z, metric="cosine", n_neighbors=30)


@pytest.mark.parametrize("score", [trustworthiness, continuity])
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("n_neighbors", [0, -3, 2.5, 20])
def test_a_neighborhood_has_a_whole_number_of_samples(score, metric, n_neighbors, rng):
    X = rng.normal(size=(40, 3))
    with pytest.raises(
        ValueError, match=rf"n_neighbors={n_neighbors} .*than n_samples / 2"
    ):
        score(X, X, n_neighbors=n_neighbors, metric=metric)


def test_new_samples_have_as_many_columns(rng):
    X, Z = rng.normal(size=(20, 5)), rng.normal(size=(20, 2))
    with pytest.raises(ValueError, match="X_new has 1 columns, but X has 5"):
        lipschitz_estimate(X, Z, X[:3, :1], Z[:3])
    with pytest.raises(ValueError, match="X_new_embedded has 1.*X_embedded has 2"):
        lipschitz_estimate(X, Z, X[:3], Z[:3, :1])
    with pytest.raises(ValueError, match="X_unseen_embedded has 1 .*X_embedded has 2"):
        neighbor_accuracy(Z, [0, 1] * 10, Z[:2, :1], [0, 1])


def test_columns_in_another_order_are_refused(rng):
    X = pd.DataFrame(rng.normal(size=(30, 3)), columns=["a", "b", "c"])
    Z, turned, y = X[["a", "b"]], X[["b", "a"]], [0, 1] * 15
    message = "has the column 'c' where X has 'a'"
    with pytest.raises(ValueError, match=f"X_reconstructed {message}"):
        explained_variance(X, X[["c", "b", "a"]])
    with pytest.raises(ValueError, match=f"X_new {message}"):
        lipschitz_estimate(X, Z, X[["c", "b", "a"]][:3], Z[:3])
    message = "has the column 'b' where X_embedded has 'a'"
    with pytest.raises(ValueError, match=f"X_new_embedded {message}"):
        lipschitz_estimate(X, Z, X[:3], turned[:3])
    with pytest.raises(ValueError, match=f"X_unseen_embedded {message}"):
        neighbor_accuracy(Z, y, turned, y)


def test_codes_of_samples_in_another_order_are_refused(rng):
    X = pd.DataFrame(rng.normal(size=(30, 4)), index=[f"c{i}" for i in range(30)])
    Z = X[[0, 1]]
    # Without ids of their own, positions decide.
    assert trustworthiness(X, Z) == trustworthiness(X, Z.reset_index(drop=True))
    for measure in (trustworthiness, continuity, distance_correlation):
        with pytest.raises(ValueError, match="X_embedded has the id 'c29' where X has"):
            measure(X, Z[::-1])
    with pytest.raises(ValueError, match="X_reconstructed has the id 'c29' where X"):
        explained_variance(X, X[::-1])
