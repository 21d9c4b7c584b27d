"""Progress is shown where it was asked for, and silence is kept elsewhere."""

import io
import re
import sys

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.decomposition import PCA

from stable_embedding import (
    ReconstructionOutlierDetector,
    StableAutoencoder,
    manifold_variance_score,
    stability_report,
)
from stable_embedding._progress import progress_bar, progress_over
from stable_embedding.data import limits
from stable_embedding.plotting import ManifoldVarianceDisplay

pytest.importorskip("matplotlib")

DATA = np.random.default_rng(0).normal(size=(60, 4))


def slow_metric(x, y):
    return float(np.abs(x - y).sum() ** 0.5)


def fit(verbose, **parameters):
    parameters = {"n_init": 1, "max_iter": 2, "random_state": 0} | parameters
    return StableAutoencoder(verbose=verbose, **parameters).fit(DATA)


def fit_to_distances(verbose):
    model = StableAutoencoder(n_init=1, max_iter=2, verbose=verbose)
    return model.fit(DATA, distances=lambda i, j: cdist(DATA[i], DATA[j]))


def pretrain(verbose):
    return fit(verbose, layerwise_pretraining=True, hidden_layer_sizes=(8, 4))


CALLS = {
    "fit": (fit, {"training"}),
    "neighbors": (lambda v: fit(v, neighbor_weight=1.0), {"neighbors", "training"}),
    "neighbors of a metric": (
        lambda v: fit(v, neighbor_weight=1.0, metric="canberra"),
        {"distances", "placement", "neighbors", "training"},
    ),
    "geodesic": (
        lambda v: fit(v, metric="geodesic"),
        {"neighbors", "paths", "placement", "training"},
    ),
    "callable metric": (
        lambda v: fit(v, metric=slow_metric),
        {"distances", "placement", "training"},
    ),
    "distances": (fit_to_distances, {"distances", "placement", "training"}),
    "pretraining": (
        pretrain,
        {"pretraining 1 of 2", "pretraining 2 of 2", "training"},
    ),
    "detector": (
        lambda v: ReconstructionOutlierDetector(
            StableAutoencoder(n_init=1, max_iter=2, verbose=v)
        ).fit(DATA),
        {"training"},
    ),
    "score": (
        lambda v: manifold_variance_score(PCA(2), DATA, verbose=v),
        {"runs"},
    ),
    "display": (
        lambda v: ManifoldVarianceDisplay.from_estimator(PCA(2), DATA, verbose=v),
        {"runs"},
    ),
    "report": (
        lambda v: stability_report(
            {"PCA": PCA(2)}, DATA, n_runs=1, perturbations=["seed"], verbose=v
        ),
        {"report"},
    ),
}

calls = pytest.mark.parametrize("call", CALLS)


def bars_of(text):
    """Names of the bars in what was written, and the last state of each."""
    found = re.findall(r"(?:^|[\r\n])([a-z][a-z0-9 ]*): +(\d+)%", text)
    return {name: int(percent) for name, percent in found}


@calls
def test_nothing_is_shown_unless_it_is_asked_for(call, capsys):
    CALLS[call][0](False)
    assert capsys.readouterr() == ("", "")


@calls
def test_bars_reach_their_end_and_leave_the_next_line_free(call, capsys):
    function, expected = CALLS[call]
    function(True)
    output, errors = capsys.readouterr()
    assert output == ""
    assert bars_of(errors) == dict.fromkeys(expected, 100)
    assert errors.endswith("\n")


@calls
def test_a_process_without_standard_error_computes_all_the_same(call, monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    CALLS[call][0](True)


def test_reports_and_scores_are_silent_by_default(capsys):
    stability_report({"PCA": PCA(2)}, DATA, n_runs=1, perturbations=["seed"])
    manifold_variance_score(PCA(2), DATA)
    StableAutoencoder(n_init=1, max_iter=2).fit(DATA)
    assert capsys.readouterr() == ("", "")


def test_a_bar_is_the_same_map(monkeypatch):
    # Paths are found in parts, whatever is shown.
    shown = fit(True, metric="geodesic").transform(DATA)
    monkeypatch.setattr(limits, "PATH_SOURCES", 7)
    np.testing.assert_array_equal(fit(False, metric="geodesic").transform(DATA), shown)


def test_the_line_below_is_free_after_an_error(capsys, monkeypatch):
    asked = []

    def fails_late(first, second):
        asked.extend([first] * (len(second) == len(DATA)))
        if len(asked) > 2:
            raise RuntimeError("no distance")
        return cdist(DATA[first], DATA[second])

    monkeypatch.setattr(limits, "PAIRS_AT_ONCE", 10 * len(DATA))
    model = StableAutoencoder(n_init=1, max_iter=2, verbose=1)
    with pytest.raises(RuntimeError, match="no distance"):
        model.fit(DATA, distances=fails_late)
    errors = capsys.readouterr().err
    assert bars_of(errors).keys() == {"distances"}
    assert bars_of(errors)["distances"] < 100
    assert errors.endswith("\n")


def test_a_broken_training_leaves_the_line_below_free(capsys):
    message = r"became (nan|inf) .* or the weight of one of the terms {'similarity': 1"
    with pytest.raises(ValueError, match=message):
        fit(True, learning_rate_init=1e30, max_iter=30)
    errors = capsys.readouterr().err
    assert bars_of(errors).keys() == {"training"}
    assert errors.endswith("\n")


def test_a_bar_over_slices_counts_samples():
    stream = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stderr", stream)
        parts = [slice(0, 3), slice(3, 4)]
        assert list(progress_over(parts, 4, "parts", verbose=True)) == parts
        assert list(progress_over(parts, 4, "parts", verbose=False)) == parts
    assert "4/4" in stream.getvalue()
    assert stream.getvalue().count("\n") == 1


def test_a_bar_without_a_stream_counts_on(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    assert list(progress_bar(range(3))) == [0, 1, 2]
