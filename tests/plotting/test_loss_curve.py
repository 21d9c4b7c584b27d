import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError

from stable_embedding import StableAutoencoder
from stable_embedding.plotting import LossCurveDisplay

pytest.importorskip("matplotlib")


def test_a_history_is_needed(iris):
    with pytest.raises(TypeError, match=r"PCA.*has no history_"):
        LossCurveDisplay.from_estimator(PCA(2).fit(iris[0]))


@pytest.mark.parametrize("early_stopping", [False, True])
def test_the_history_is_drawn(early_stopping, iris):
    model = StableAutoencoder(
        max_iter=5, early_stopping=early_stopping, neighbor_weight=1
    )
    with pytest.raises(NotFittedError):
        LossCurveDisplay.from_estimator(model)
    display = LossCurveDisplay.from_estimator(model.fit(iris[0]))
    drawn = {line.get_label(): line for line in display.ax_.get_lines()}
    assert drawn.keys() == {name.replace("_", " ") for name in model.history_}
    for name, losses in model.history_.items():
        line = drawn[name.replace("_", " ")]
        np.testing.assert_array_equal(line.get_ydata(), losses)
        np.testing.assert_array_equal(line.get_xdata(), np.arange(1, len(losses) + 1))


def test_a_term_without_weight_is_not_drawn(iris):
    model = StableAutoencoder(n_init=1, max_iter=5, similarity_weight=0).fit(iris[0])
    display = LossCurveDisplay.from_estimator(model)
    assert [line.get_label() for line in display.ax_.get_lines()] == [
        "loss",
        "reconstruction loss",
    ]


def test_more_terms_than_colors_are_all_drawn():
    history = {f"term{i}_loss": [1.0, 0.5] for i in range(12)}
    assert len(LossCurveDisplay(history).plot().ax_.get_lines()) == 12


def test_losses_below_zero_are_within_the_axes():
    for history, is_negative in (
        ({"loss": [1.0, 0.5]}, False),
        ({"loss": [1.0, 0.5], "likelihood_loss": [0.5, -3.0]}, True),
        ({"loss": [1.0, 0.5], "validation_loss": [0.5, -3.0]}, True),
    ):
        lowest, _ = LossCurveDisplay(history).plot().ax_.get_ylim()
        assert lowest < -3 if is_negative else lowest == 0


def test_losses_of_zero_are_drawn_where_there_are_no_others():
    # Constant samples have no loss.
    history = {"loss": [0.0, 0.0], "similarity_loss": [0.0, 0.0], "other_loss": []}
    texts = LossCurveDisplay(history).plot().ax_.get_legend().get_texts()
    assert [text.get_text() for text in texts] == ["loss", "similarity loss"]
