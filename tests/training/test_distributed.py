from stable_embedding.training.distributed import broadcast_from_main


def test_alone_one_agrees_with_oneself():
    value = object()
    assert broadcast_from_main(value, None) is value
