import numpy as np
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.random_projection import GaussianRandomProjection

from stable_embedding.training.seeds import draw_seeds, with_seed


def test_seeds_are_those_drawn_one_after_another():
    together = draw_seeds(3, 4)
    random_state = np.random.RandomState(3)
    assert [draw_seeds(random_state, 1)[0] for _ in range(4)] == together
    assert all(type(seed) is int for seed in together)
    assert len(set(together)) == 4


def test_every_random_state_is_replaced_in_a_clone():
    estimator = make_pipeline(
        PCA(random_state=np.random.RandomState(0)), GaussianRandomProjection(2)
    )
    seeded = with_seed(estimator, 7)
    assert [step.random_state for step in seeded] == [7, 7]
    assert estimator[1].random_state is None
