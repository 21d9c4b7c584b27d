import os

import pytest
import torch

from stable_embedding.networks.tensor_file import digest, read, write

TENSORS = {"a": torch.arange(6).reshape(2, 3), "b": torch.tensor(0.5)}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "file"


def test_what_is_written_is_read(path):
    write(path, "test", "some text", TENSORS)
    text, tensors = read(path, "test")
    assert text == "some text"
    assert tensors.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        torch.testing.assert_close(tensors[name], tensor)
    assert os.listdir(path.parent) == [path.name]


def test_nothing_but_text_may_be_in_a_file(path):
    write(path, "test", "", {})
    assert read(path, "test") == ("", {})


def test_a_file_of_another_kind_is_refused(path):
    write(path, "test", "some text", TENSORS)
    with pytest.raises(ValueError, match="holds no estimator"):
        read(path, "estimator")


def test_an_earlier_file_is_replaced(path):
    for text in ("first", "second"):
        write(path, "test", text, TENSORS)
    assert read(path, "test")[0] == "second"


@pytest.mark.parametrize(
    ("text", "tensors"),
    [
        ("Text", TENSORS),
        ("text", {"a": TENSORS["a"]}),
        ("text", TENSORS | {"a": TENSORS["a"].T}),
        ("text", TENSORS | {"a": TENSORS["a"].int()}),
        ("text", TENSORS | {"a": TENSORS["a"] + 1}),
        ("text", {"b": TENSORS["a"], "a": TENSORS["b"]}),
    ],
)
def test_a_digest_tells_all_apart(text, tensors):
    assert digest(text, tensors) != digest("text", TENSORS)
    assert digest("text", dict(reversed(TENSORS.items()))) == digest("text", TENSORS)
