from stable_embedding._processes import agreed


def test_alone_one_agrees_with_oneself():
    value = object()
    assert agreed(value, None) is value
