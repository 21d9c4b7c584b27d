"""The trainings whose steps are compared are all run, and as long as each other."""

import pytest

from benchmarks import speed


@pytest.mark.parametrize("training", ["ours", "by_hand", "by_skorch"])
@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_each_training_takes_as_many_steps(training, weight, monkeypatch):
    counted = []
    forward = speed.TotalLoss.forward

    def counting(self, *arguments):
        counted.append(arguments)
        return forward(self, *arguments)

    monkeypatch.setattr(speed.TotalLoss, "forward", counting)
    case = speed.Case((6, (4,)), 8, n_batches=3)
    getattr(case, training)(weight, n_epochs=2)
    steps = 2 * 3
    # Ours measures the loss on the batches at the start and at the end, too.
    assert len(counted) == steps + (3 + 3 if training == "ours" else 0)
