"""Files of a text and tensors, written at once and read with distrust."""

import hashlib
import json
import os
from pathlib import Path
from uuid import uuid4

import torch
from safetensors.torch import load as from_bytes
from safetensors.torch import save as to_bytes


def write(path, kind, text, tensors):
    """Write a text and tensors to a file in the format of safetensors.

    The file appears whole, in the place of an earlier one: a process that is killed
    leaves that.

    Parameters
    ----------
    path : str or path

    kind : str
        What the file is, under which its text stands in the header.

    text : str

    tensors : dict of str to Tensor
        On the CPU.
    """
    path = Path(path).resolve()
    content = to_bytes(tensors, {kind: text, "sha256": digest(text, tensors)})
    beside = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def read(path, kind):
    """Read what :func:`write` has written.

    Returns
    -------
    text : str

    tensors : dict of str to Tensor

    Raises
    ------
    ValueError
        If the file is of another kind, was cut or altered.

    OSError
        If it cannot be read.
    """
    content = Path(path).read_bytes()
    try:
        tensors = from_bytes(content)
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    except Exception as error:
        raise ValueError(f"{path} is no file of safetensors, or was cut") from error
    metadata = header.get("__metadata__") or {}
    if kind not in metadata:
        raise ValueError(f"{path} holds no {kind}")
    if metadata.get("sha256") != digest(metadata[kind], tensors):
        raise ValueError(f"{path} was altered: its contents have another digest")
    return metadata[kind], tensors


def digest(text, tensors):
    """Hash a text and tensors by their names, types, shapes and values."""
    sha = hashlib.sha256(text.encode())
    for name, tensor in sorted(tensors.items()):
        sha.update(f"{name} {tensor.dtype} {tuple(tensor.shape)};".encode())
        sha.update(tensor.contiguous().view(-1).view(torch.uint8).numpy())
    return sha.hexdigest()
