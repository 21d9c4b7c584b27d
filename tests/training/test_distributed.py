from types import SimpleNamespace

from stable_embedding.training.distributed import broadcast_from_main, shard_of


def test_alone_one_agrees_with_oneself():
    value = object()
    assert broadcast_from_main(value, None) is value


def test_a_shard_is_that_of_the_process():
    assert shard_of(None) == (0, 1)
    assert shard_of(SimpleNamespace(process_index=1, num_processes=3)) == (1, 3)
