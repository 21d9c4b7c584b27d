import numpy as np
import pytest

from stable_embedding.data.subsample import fixed_subsample, smallest_hashes


@pytest.mark.parametrize(
    "draw",
    [lambda n: fixed_subsample(n, 20), lambda n: smallest_hashes(np.arange(n), 20)],
)
def test_few_samples_are_all_drawn(draw):
    np.testing.assert_array_equal(draw(20), np.arange(20))
    assert len(set(draw(21))) == 20


def test_samples_drawn_by_content_are_the_same_when_one_is_dropped(rng):
    hashes = rng.integers(2**63, size=500, dtype=np.uint64)
    drawn = hashes[smallest_hashes(hashes, 50)]
    assert len(drawn) == 50
    assert drawn.max() < np.delete(hashes, smallest_hashes(hashes, 50)).min()
    fewer = np.delete(hashes, 17)
    assert len(np.intersect1d(fewer[smallest_hashes(fewer, 50)], drawn)) >= 49
