"""The pages show the parameters of each estimator in groups."""

import inspect
from collections import Counter

import pytest

from stable_embedding import StableAutoencoder
from stable_embedding.estimators.registry import ESTIMATORS
from tests.page_modules import page_module

groups = page_module("parameter_groups")

LINES = [
    "A summary.",
    "",
    ":Parameters:",
    "",
    "    **n_components** : int, default=2",
    "        Number of components.",
    "",
    "    **activation** : str",
    "        Of the layers. See **bold** words.",
    "",
    "    **metric** : str",
    "        A distance.",
    "",
    "",
    ".. rubric:: Notes",
]


def test_each_parameter_is_in_one_group_and_nothing_else_is():
    grouped = Counter(name for names in groups.GROUPS.values() for name in names)
    public = {
        name
        for estimator in ESTIMATORS.values()
        for name in inspect.signature(estimator).parameters
    }
    assert grouped == dict.fromkeys(public, 1)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_page_describes_a_parameter_or_links_to_its_description(name):
    estimator = ESTIMATORS[name]
    described = groups.parameters_in(inspect.getdoc(estimator))
    common = groups.common_parameters(estimator, StableAutoencoder)
    assert sorted(described + common) == sorted(inspect.signature(estimator).parameters)
    assert bool(common) == (
        issubclass(estimator, StableAutoencoder) and estimator is not StableAutoencoder
    )


def test_parameters_come_under_their_groups_and_other_lines_stay():
    lines = groups.grouped(LINES, labels=True, common=["tol", "verbose"])
    assert lines[:3] == LINES[:3]
    assert lines[-1] == LINES[-1]
    assert [line.strip() for line in lines if "rubric" in line or "**" in line[:7]] == [
        ".. rubric:: Embedding",
        "**n_components** : int, default=2",
        "**metric** : str",
        ".. rubric:: Network",
        "**activation** : str",
        ".. rubric:: Common parameters",
        ".. rubric:: Notes",
    ]
    assert "       :name: common-parameters-network" in lines
    assert "    - :ref:`Training <common-parameters-training>`: `tol`" in lines
    for line in LINES:
        assert lines.count(line) >= 1


def test_a_parameter_without_a_group_is_an_error():
    lines = [line.replace("metric", "unheard_of") for line in LINES]
    with pytest.raises(ValueError, match="unheard_of"):
        groups.grouped(lines)


def test_signatures_of_siblings_leave_out_common_parameters():
    def signature_of(name):
        thing = ESTIMATORS[name]
        return groups.shorten_signature(None, "class", name, thing, {}, "(...)", None)

    short, returned = signature_of("ContractiveAutoencoder")
    assert short == "(n_components=2, *, contraction_weight=0.1, ...)"
    assert returned is None
    assert signature_of("StableAutoencoder")[0] == "(n_components=2, ...)"
    assert signature_of("ReconstructionOutlierDetector") is None
