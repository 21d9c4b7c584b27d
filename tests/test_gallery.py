"""The gallery's examples run, and show what they say."""

import importlib.util
import re
import runpy
from pathlib import Path

import numpy as np
import pytest
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

from stable_embedding import StableAutoencoder
from stable_embedding.quality import distance_correlation
from stable_embedding.training import plan, schedule

plt = pytest.importorskip("matplotlib.pyplot")

pytestmark = pytest.mark.slow

GALLERY = Path(__file__).parents[1] / "docs" / "gallery"
EXAMPLES = sorted(GALLERY.glob("plot_*.py"))
MIN_STEPS = schedule._MIN_STEPS


@pytest.fixture(autouse=True)
def _short_trainings_and_no_figures(monkeypatch):
    monkeypatch.setattr(plan, "AUTO_N_INIT", 2)
    monkeypatch.setattr(schedule, "_MIN_STEPS", 150)
    yield
    plt.close("all")


@pytest.fixture
def all_steps(_short_trainings_and_no_figures, monkeypatch):
    """Train as long as an example does, where its claim needs that."""
    monkeypatch.setattr(schedule, "_MIN_STEPS", MIN_STEPS)


def name_of(example):
    """Name of an example, less the number by which it is sorted."""
    return re.sub(r"^plot_(\d+_)?", "", example.stem)


def found_by(name):
    """Names of an example that ran to its end."""
    [example] = [path for path in EXAMPLES if name_of(path) == name]
    return runpy.run_path(str(example))


def test_a_classifier_survives_retraining_and_with_a_plain_autoencoder_does_not(
    capsys, all_steps
):
    found = found_by("retrain")
    assert len(capsys.readouterr().out.splitlines()) == 3
    old, new = found["accuracy"]["StableAutoencoder"]
    assert new > old - 0.02
    old, new = found["accuracy"]["plain autoencoder"]
    assert new < old - 0.2
    assert found["result"].displacement < 0.01
    assert found["report"].summary["displacement"] < 0.01
    assert len(found["report"].rows) == 10


def test_three_trainings_of_one_give_three_maps_and_of_the_other_one():
    scores = found_by("quick_start")["scores"]
    assert scores["plain"] < 0.8
    assert scores["stable"] > 0.99


def test_others_move_further_or_keep_less():
    found = found_by("beside_others")
    moved = {
        (row["estimator"], row["perturbation"]): row["raw"]
        for row in found["report"].rows
    }
    for name in ("MDS", "t-SNE"):
        assert moved[name, "drop_tenth"] > moved["StableAutoencoder", "drop_tenth"]
    X, maps = found["X"], found["maps"]
    kept = {name: distance_correlation(X, codes) for name, codes in maps.items()}
    assert kept["t-SNE"] < kept["StableAutoencoder"]


def test_a_map_of_clusters_stays_with_seeds_and_without_a_sample(monkeypatch):
    # The others are drawn if they are there, which need not be so here.
    find_spec, others = importlib.util.find_spec, {"umap", "pacmap"}
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *given: None if name in others else find_spec(name, *given),
    )
    found = found_by("seeds")
    assert {len(codes) for codes in found["maps"]["t-SNE"]} == {600, 599}
    assert all(len(moved) == 3 for moved in found["moved"].values())
    assert max(found["moved"]["StableAutoencoder"]) < 0.05


def test_uncertain_samples_move_further_and_are_mistaken_more():
    found = found_by("uncertainty")
    assert found["ratio"] > 1
    assert found["accuracy"]["uncertain"] < found["accuracy"]["certain"] - 0.1


def test_texts_lie_near_those_on_their_topic():
    found = found_by("text")
    assert found["accuracy"] > found["largest"] + 0.2


def test_stability_rises_with_the_weight():
    results = found_by("weight_search")["search"].cv_results_
    stability = results["mean_test_stability"]
    assert stability[-1] > stability[0]
    explained = results["mean_test_explained variance"]
    assert explained[-1] < explained[0]


def test_what_is_anomalous_is_called_out_by_each_training():
    found = found_by("anomalies")
    assert found["area"] > 0.9
    assert found["agreement"] > 0.95


def test_noisy_rows_are_cleaned():
    errors = found_by("denoising")["errors"]
    assert min(errors, key=errors.get) == "DenoisingAutoencoder"
    assert errors["DenoisingAutoencoder"] < errors["noisy"] / 2


def test_variance_is_two_orders_lower():
    variances = found_by("variance_map")["variances"]
    assert 100 * variances["StableAutoencoder"] < variances["plain autoencoder"]


def test_a_service_says_what_the_pipeline_says():
    found = found_by("onnx")
    assert found["same"]
    assert found["difference"] < 1e-4


def test_a_table_comes_back_and_many_levels_do_not_drown_the_others(all_steps):
    found = found_by("tables")
    accuracy = found["accuracy"]
    assert accuracy["MixedDataEncoder"] > accuracy["one-hot, standardized"]
    assert found["kept"]["plan"] > 0.8
    assert list(found["again"].columns) == list(found["frame"].columns)


def test_a_feature_moves_the_map_as_its_derivative_says():
    assert found_by("features")["error"] < 0.1


def test_distances_along_a_sheet_unroll_it_and_others_do_not(all_steps):
    found = found_by("metric")
    assert found["agreement"]["geodesic"] > 0.99
    assert found["agreement"]["euclidean"] < 0.5
    assert found["models"]["geodesic"].score(found["X_new"]) > 0.9


def test_labels_part_classes_of_unseen_samples():
    without, _, with_all = found_by("labels")["accuracies"]
    assert with_all > without + 0.02


def test_parameters_change_a_map_in_their_direction(monkeypatch):
    monkeypatch.setattr(schedule, "_MIN_STEPS", 60)  # to take less time
    found = found_by("parameters")
    explained = {k: v for k, (v, _) in found["by_similarity_weight"].items()}
    assert explained[0] > explained[10] > explained[30]
    accuracies = [accuracy for _, accuracy in found["by_neighbor_weight"].values()]
    assert accuracies[3] > accuracies[0] + 0.05
    accuracies = {k: accuracy for k, (_, accuracy) in found["by_n_neighbors"].items()}
    assert accuracies[15] > accuracies[150] + 0.03
    explained = {k: v for k, (v, _) in found["by_alpha"].items()}
    assert explained["auto"] > explained[10] > explained[100]
    assert np.all(np.diff(list(found["by_n_components"].values())) > 0.1)
    moved = found["by_n_init"]
    assert moved[8] < moved[1]


def test_images_come_back_from_their_codes():
    found = found_by("images")
    assert found["knn"].score(found["codes"], found["y_test"]) > 0.7
    assert found["image"].shape == (8, 8)


def test_a_map_stays_for_a_year_and_calls_out_who_is_new(capsys):
    found = found_by("months")
    assert "alarms in months [7]" in capsys.readouterr().out
    assert max(found["moved"].values()) < 0.01
    assert found["report"].summary["displacement"] < 0.03


def test_a_changed_unit_is_drift_and_the_same_kind_is_not():
    found = found_by("drift")
    assert not found["same"].drifted
    frame = found["frame"]
    assert frame.loc[("feature", "ash"), "drifted"]
    assert frame["p_value"].idxmin() == ("feature", "ash")


def test_a_page_holds_the_maps_of_two_months():
    pytest.importorskip("bokeh")
    found = found_by("interactive")
    assert found["result"].displacement < 0.01
    page = found["display"].to_html()
    assert all(name in page for name in ("June", "July", "malignant", "T568"))


def test_every_example_is_run():
    run = re.findall(r'found_by\("(\w+)"\)', Path(__file__).read_text())
    assert set(map(name_of, EXAMPLES)) == set(run)


@pytest.mark.parametrize("seed", range(1, 3))
def test_it_survives_whatever_the_split_and_the_seed(seed, digits):
    X, y = digits
    X_old, X_new, y_old, y_new = train_test_split(
        X, y, test_size=0.5, stratify=y, random_state=seed
    )
    first = StableAutoencoder(2, random_state=seed).fit(X_old)
    old_codes = first.transform(X_old)
    classifier = KNeighborsClassifier().fit(old_codes, y_old)
    second = StableAutoencoder(2, random_state=100 + seed).fit(X)
    second.align(X_old, old_codes)
    before = classifier.score(first.transform(X_new), y_new)
    assert classifier.score(second.transform(X_new), y_new) > before - 0.02
