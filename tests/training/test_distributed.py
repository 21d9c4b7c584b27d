from types import SimpleNamespace

from stable_embedding.training.distributed import shard_of


def test_a_process_alone_agrees_with_itself(make_plan):
    value = object()
    assert make_plan().broadcast(value) is value
    assert make_plan().shard == (0, 1)


def test_a_shard_is_that_of_the_process():
    assert shard_of(SimpleNamespace(process_index=1, num_processes=3)) == (1, 3)
