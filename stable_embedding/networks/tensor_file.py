"""Write a text and tensors to one file, and check the file when it is read."""

import hashlib
import os
from pathlib import Path
from uuid import uuid4

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes


def write(path, kind, text, tensors):
    """Write a text and tensors to a file in the safetensors format.

    The file is replaced as a whole. If the process is killed, an earlier file of this
    name remains.

    Parameters
    ----------
    path : str or path

    kind : str
        What the file holds. The text is stored under this key of the header.

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

    Parameters
    ----------
    path : str or path

    kind : str
        What the file must hold.

    Returns
    -------
    text : str

    tensors : dict of str to Tensor
        In memory: the file may be replaced or deleted.

    Raises
    ------
    ValueError
        If the file is of another kind, or was cut or altered.

    OSError
        If the file cannot be read.
    """
    with Path(path).open("rb"):  # or Python's own error, which names the file
        pass
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            names = file.keys()
            # Copied: the tensors are views of the mapped file.
            tensors = {name: file.get_tensor(name).clone() for name in names}
    except SafetensorError as error:
        raise ValueError(
            f"{path} is not a safetensors file, or was cut; a file of joblib.dump is"
            " read by joblib.load"
        ) from error
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
