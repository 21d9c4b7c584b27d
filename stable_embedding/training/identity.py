"""Hash values so that the hash is the same in every process.

The `repr` and `hash` of a function or an object can change from process to process, and
a pickle has the name of a function, not its code. Here a function is hashed by its
code, and an object by its pickled state.
"""

import copyreg
import hashlib
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from ..networks.tensor_file import digest

_PLAIN = (type(None), bool, int, float, str, bytes)

_NUMBERS_OF_CODE = (
    "co_argcount",
    "co_posonlyargcount",
    "co_kwonlyargcount",
    "co_flags",
    "co_code",
    "co_exceptiontable",
)
_NAMES_OF_CODE = ("co_names", "co_varnames", "co_freevars", "co_cellvars")

_FOLDERS_OF_LIBRARIES = {"site-packages", "dist-packages"}


def stable_hash(value: Any) -> str:
    """Hash a value by what it computes, to the same text in every process.

    Functions, and classes with their methods, count by their code, default values and
    closures, and by what their code names of global variables, and of modules. What is
    of installed packages counts by its name alone.

    Parameters
    ----------
    value : object
        A parameter of an estimator.

    Returns
    -------
    str
        Hexadecimal digits.

    Raises
    ------
    Exception
        Whatever pickling an object raises that belongs to one process, such as a lock.

    Examples
    --------
    >>> from functools import partial
    >>> from stable_embedding.training.identity import stable_hash
    >>> def kernel(x, gamma):
    ...     return (-gamma * x.square()).exp()
    >>> same = stable_hash(partial(kernel, gamma=2.0))
    >>> same == stable_hash(partial(kernel, gamma=2.0))
    True
    >>> same == stable_hash(partial(kernel, gamma=3.0))
    False
    """
    return _Hasher().hash(value).hex()


class _Hasher:
    """Hashes one value, and all that it is made of."""

    def __init__(self) -> None:
        # With their values, since the id of a value that is gone may be another's.
        self.found: dict[int, tuple[Any, bytes]] = {}
        self.open: list[int] = []

    def hash(self, value: Any) -> bytes:
        """Hash a value; one that is within itself counts by the way back to it."""
        if isinstance(value, np.generic):
            value = value.item()
        if type(value) in _PLAIN:
            return _join(type(value).__name__, repr(value))
        key = id(value)
        if key in self.found:
            return self.found[key][1]
        if key in self.open:
            return _join("within itself", str(self.open[::-1].index(key)))
        self.open.append(key)
        try:
            hashed = _join(*self.parts(value))
        finally:
            self.open.pop()
        self.found[key] = value, hashed
        return hashed

    def hash_or_type(self, value: Any) -> bytes:
        """Hash a value that a function names; one that cannot be, by its type."""
        try:
            return self.hash(value)
        except Exception:  # pickling may raise anything
            return self.hash(type(value))

    def parts(self, value: Any) -> Iterator[str | bytes]:
        """Yield hashes of what a value is made of."""
        kind = type(value)
        yield kind.__name__
        if kind in (list, tuple):
            yield from map(self.hash, value)
        elif kind in (set, frozenset):
            yield from sorted(map(self.hash, value))
        elif kind is dict:
            yield from sorted(_join(*map(self.hash, item)) for item in value.items())
        elif isinstance(value, CodeType):
            yield from self.parts_of_code(value)
        elif isinstance(value, FunctionType):
            yield from self.parts_of_function(value)
        elif isinstance(value, type):
            yield from self.parts_of_class(value)
        elif isinstance(value, ModuleType):
            yield value.__name__
        elif isinstance(value, property):
            yield from map(self.hash, (value.fget, value.fset, value.fdel))
        elif isinstance(value, (classmethod, staticmethod)):
            yield self.hash(value.__func__)
        elif isinstance(value, np.ndarray) and not value.dtype.hasobject:
            yield from (str(value.dtype), str(value.shape), value.tobytes())
        elif isinstance(value, RemovableHandle):
            pass  # a number of a hook, by which torch would remove it
        elif nn.parameter.is_lazy(value):
            yield f"{value.dtype} {value.requires_grad}"
        elif isinstance(value, torch.Tensor):
            yield digest(str(value.requires_grad), {"": value.detach().cpu()})
        else:
            yield from self.parts_of_object(value)

    def parts_of_code(self, code: CodeType) -> Iterator[str | bytes]:
        """Yield what code does, without where it is written."""
        for name in _NUMBERS_OF_CODE + _NAMES_OF_CODE:
            yield self.hash(getattr(code, name))
        yield from map(self.hash, code.co_consts)

    def parts_of_function(self, function: FunctionType) -> Iterator[str | bytes]:
        """Yield the name of a library's function, or what another one does."""
        known, module = function.__globals__, function.__globals__.get("__name__")
        is_of_library = _is_of_library(module)
        if is_of_library and "<" not in function.__qualname__:
            yield f"{module}.{function.__qualname__}"
            return
        yield self.hash(function.__code__)
        yield self.hash(function.__defaults__)
        yield self.hash(function.__kwdefaults__)
        yield self.hash_or_type(vars(function))
        for cell in function.__closure__ or ():
            yield self.hash(cell.cell_contents) if _is_filled(cell) else "empty"
        if not is_of_library:
            names = _names_within(function.__code__)
            yield from self.parts_of_names(names, known, set())

    def parts_of_names(
        self, names: set[str], known: dict[str, Any], visited: set[int]
    ) -> Iterator[str | bytes]:
        """Yield the values of names, and of a user's modules what is named of them."""
        for name in sorted(names & known.keys()):
            yield name
            value = known[name]
            is_module = isinstance(value, ModuleType)
            if not is_module or _is_of_library(value.__name__):
                yield self.hash_or_type(value)
            elif id(value) not in visited:
                visited.add(id(value))
                yield from self.parts_of_names(names, vars(value), visited)

    def parts_of_class(self, kind: type) -> Iterator[str | bytes]:
        """Yield the name of a library's class, or what is defined in another one."""
        yield kind.__qualname__
        if _is_of_library(kind.__module__) and "<" not in kind.__qualname__:
            yield kind.__module__
            return
        yield from map(self.hash, kind.__bases__)
        for name, value in sorted(vars(kind).items()):
            is_method = isinstance(value, (FunctionType, classmethod, staticmethod))
            if is_method or not name.startswith("__"):
                yield name
                yield self.hash_or_type(value)

    def parts_of_object(self, value: Any) -> Iterator[str | bytes]:
        """Yield what an object would be pickled as."""
        reduce = copyreg.dispatch_table.get(type(value))
        reduced = value.__reduce_ex__(4) if reduce is None else reduce(value)
        if isinstance(reduced, str):
            yield f"{getattr(value, '__module__', None)}.{reduced}"
            yield self.hash(getattr(value, "__wrapped__", None))
            return
        build, arguments, *rest = reduced
        state, items, pairs = [*rest, None, None, None][:3]
        if isinstance(value, nn.Module) and isinstance(state, dict):
            state = _without_numbers_of_hooks(state)
        yield from map(self.hash, (build, arguments, state))
        yield from map(self.hash, chain(items or (), pairs or ()))


def _join(*parts: str | bytes) -> bytes:
    """Hash parts, each with its length: so no two lists of parts look alike."""
    sha = hashlib.sha256()
    for part in parts:
        content = part.encode() if isinstance(part, str) else part
        sha.update(f"{len(content)} ".encode())
        sha.update(content)
    return sha.digest()


def _without_numbers_of_hooks(state: dict[str, Any]) -> dict[str, Any]:
    """Return the state of a module with its hooks in order.

    Torch counts all hooks of a process, and their numbers are keys.
    """
    hooks = {name for name in vars(nn.Module()) if "_hooks" in name}
    return {
        name: list(value.values()) if name in hooks else value
        for name, value in state.items()
    }


def _is_filled(cell: Any) -> bool:
    """Tell whether the variable of a closure has been set."""
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True


def _names_within(code: CodeType) -> set[str]:
    """Return the names of global variables and attributes, in functions within too."""
    inner = [const for const in code.co_consts if isinstance(const, CodeType)]
    return set(code.co_names).union(*map(_names_within, inner))


def _is_of_library(module: str | None) -> bool:
    """Tell whether a module is this package's, Python's, or installed."""
    top = str(module).partition(".")[0]
    if top in sys.stdlib_module_names or top == __name__.partition(".")[0]:
        return True
    file = getattr(sys.modules.get(str(module)), "__file__", None)
    return file is not None and not _FOLDERS_OF_LIBRARIES.isdisjoint(Path(file).parts)
