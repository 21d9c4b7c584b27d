"""The maps of the demonstration page are those of the trainings that it names."""

import json
import runpy
from pathlib import Path

import numpy as np
import pytest
from sklearn.decomposition import PCA

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "docs" / "demonstration.py"


@pytest.fixture(scope="module")
def demonstration():
    return runpy.run_path(str(SCRIPT))


@pytest.mark.parametrize(("left_out", "expected"), [(0, 0), (1, 1), (0.1, 90)])
def test_what_is_left_out_is_left_out_each_time(demonstration, left_out, expected):
    kept = demonstration["kept_samples"](901, left_out)
    assert np.count_nonzero(~kept) == expected
    np.testing.assert_array_equal(kept, demonstration["kept_samples"](901, left_out))


def test_less_samples_are_among_those_of_more(demonstration):
    few, one = (demonstration["kept_samples"](901, n) for n in (0.1, 1))
    assert not (few & ~one).any()


def test_maps_come_in_the_order_of_the_controls(demonstration):
    class Marker:
        """A transformer that tells how it was trained."""

        def __init__(self, seed):
            self.seed = seed

        def fit_transform(self, X):
            return np.column_stack([np.full(len(X), self.seed), X[:, 0]])

    X = np.arange(40.0).reshape(20, 2)
    maps = demonstration["train"](
        {"marker": Marker}, X, seeds=(5, 7), left_out={"none": 0, "some": 0.2}
    )["marker"]
    kept = demonstration["kept_samples"](20, 0.2)
    assert [one[0, 0] for one in maps] == [5, 5, 7, 7]
    for one in maps:
        np.testing.assert_array_equal(one[:, 1], X[kept, 0])


def test_the_page_gets_what_it_draws(demonstration):
    X, y = demonstration["load"]()
    methods = {"PCA": lambda seed: PCA(2, random_state=seed)}
    data = demonstration["page_data"](methods, X, y, seeds=(0, 1))
    json.dumps(data)
    (method,) = data["methods"]
    n_trainings = len(data["seeds"]) * len(data["leftOut"])
    assert len(method["maps"]) == len(method["moved"]) == n_trainings
    points = np.array(method["maps"])
    assert points.shape == (n_trainings, len(data["labels"]), 2)
    assert points.min() >= 0
    assert points.max() <= data["resolution"]
    assert len(data["colors"]) > max(data["labels"])
    raw = [one["raw"] for one in method["moved"]]
    assert raw[0] == 0
    # PCA knows no seed, and a tenth fewer samples turn its axes a little.
    assert raw[3] == pytest.approx(0, abs=1e-9)
    assert 0 < raw[2] < 5


def test_one_square_holds_all_maps(demonstration):
    rng = np.random.default_rng(0)
    maps = [rng.normal(size=(50, 2)) * [3, 1], rng.normal(size=(50, 2)) + 5]
    rounded = np.array(demonstration["whole_numbers"](maps), dtype=float)
    between = np.linalg.norm(maps[0][0] - maps[1][1])
    width = np.ptp(np.concatenate(maps), axis=0).max()
    expected = between / width * demonstration["_RESOLUTION"]
    found = np.linalg.norm(rounded[0][0] - rounded[1][1])
    assert found == pytest.approx(expected, abs=2)
