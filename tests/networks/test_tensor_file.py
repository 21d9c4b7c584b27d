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


def test_tensors_do_not_change_with_the_file(path):
    values = torch.arange(100_000)
    write(path, "test", "", {"a": values})
    _, tensors = read(path, "test")
    with path.open("r+b") as file:  # in place, as no file of ours is written
        file.write(bytes(os.path.getsize(path)))
    torch.testing.assert_close(tensors["a"], values)


def test_a_file_may_hold_text_alone(path):
    write(path, "test", "", {})
    assert read(path, "test") == ("", {})


def test_a_file_of_another_kind_is_refused(path):
    write(path, "test", "some text", TENSORS)
    with pytest.raises(ValueError, match="holds no estimator"):
        read(path, "estimator")


@pytest.mark.parametrize("n_bytes", [0, 7, 8, 60, -9, -1])
def test_a_cut_file_is_refused(n_bytes, path):
    write(path, "test", "some text", TENSORS)
    path.write_bytes(path.read_bytes()[:n_bytes])
    with pytest.raises(ValueError, match="not a safetensors file, or was cut"):
        read(path, "test")


@pytest.mark.parametrize("changed", [b"I32", b"F64", b"I16", b"???", b"null"])
def test_a_file_with_another_type_of_values_is_refused(changed, path):
    write(path, "test", "some text", TENSORS)
    content = path.read_bytes()
    assert content.count(b"I64") == 1
    path.write_bytes(content.replace(b"I64", changed))
    with pytest.raises(ValueError, match="was cut|was altered"):
        read(path, "test")


def test_what_cannot_be_read_is_an_error_of_the_system(path):
    with pytest.raises(FileNotFoundError):
        read(path, "test")
    # Windows denies permission.
    with pytest.raises(OSError, match="directory|denied") as caught:
        read(path.parent, "test")
    assert caught.value.filename == str(path.parent)


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
def test_a_digest_depends_on_all_contents(text, tensors):
    assert digest(text, tensors) != digest("text", TENSORS)
    assert digest("text", dict(reversed(TENSORS.items()))) == digest("text", TENSORS)
