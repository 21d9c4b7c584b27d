import numpy as np
import pandas as pd
import pytest

from stable_embedding.plotting import MovementDisplay

pytest.importorskip("matplotlib")


def arrows(ax):
    """Return where each arrow starts, and its way."""
    quivers = [drawn for drawn in ax.collections if hasattr(drawn, "U")]
    starts = np.concatenate([drawn.XY for drawn in quivers])
    ways = np.concatenate([np.column_stack([drawn.U, drawn.V]) for drawn in quivers])
    return starts, ways


def test_arrows_lead_from_old_to_new(rng):
    old, new = rng.normal(size=(2, 30, 2))
    ax = MovementDisplay(old, new, groups=list("abc") * 10).plot().ax_
    starts, ways = arrows(ax)
    order, expected = np.lexsort(starts.T), np.lexsort(old.T)
    np.testing.assert_allclose(starts[order], old[expected])
    np.testing.assert_allclose((starts + ways)[order], new[expected])
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts == ["a", "b", "c"]
    (left, right), (low, high) = ax.get_xlim(), ax.get_ylim()
    assert left <= old[:, 0].min() <= old[:, 0].max() <= right
    assert low <= old[:, 1].min() <= old[:, 1].max() <= high


def test_many_groups_and_missing_ones_are_named_as_in_a_map(rng):
    groups = [*(f"g{i:02}" for i in range(12)), None, float("nan")]
    old, new = rng.normal(size=(2, len(groups), 2))
    ax = MovementDisplay(old, new, groups=groups).plot().ax_
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts == [*(f"g{i:02}" for i in range(10)), "other (2)", "missing"]
    starts, _ = arrows(ax)
    assert len(starts) == len(groups)


def test_few_arrows_are_those_of_the_samples_that_moved_most(rng):
    old = rng.normal(size=(30, 2))
    new = old + rng.permutation(30)[:, None]
    ax = MovementDisplay(old, new).plot(n_arrows=4).ax_
    _, ways = arrows(ax)
    assert sorted(ways[:, 0]) == pytest.approx([26, 27, 28, 29])
    assert ax.get_legend() is None
    assert sum(len(drawn.get_offsets()) for drawn in ax.collections) == 34


@pytest.mark.parametrize(
    ("old", "groups", "n_arrows", "message"),
    [
        (np.zeros((5, 3)), None, 1, r"shape \(5, 3\)"),
        (np.zeros((4, 2)), None, 1, "inconsistent numbers"),
        (np.zeros((5, 2)), ["a"], 1, "groups has 1 values, but there are 5"),
        (
            pd.DataFrame(np.zeros((5, 2)), columns=["b", "a"]),
            None,
            1,
            "where old has 'b'",
        ),
        (np.zeros((5, 2)), None, -1, "n_arrows=-1 must be a whole number, 0 or more"),
    ],
)
def test_what_cannot_be_drawn(old, groups, n_arrows, message):
    new = pd.DataFrame(np.zeros((5, 2)), columns=["a", "b"])
    display = MovementDisplay(old, new, groups)
    with pytest.raises(ValueError, match=message):
        display.plot(n_arrows=n_arrows)
