"""Shield computations from global settings of torch and scikit-learn."""

import os
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any

import sklearn
import torch
from threadpoolctl import threadpool_limits

# Options of every tensor of numbers that the package creates.
CPU_FLOAT32: Any = {"dtype": torch.float32, "device": "cpu"}

_DEVICES = ("cpu", "cuda", "mps", "xpu")


class _AllBackends:
    """Matrix precision of all backends, the only setting before torch 2.9."""

    @property
    def fp32_precision(self) -> str:
        precision = torch.get_float32_matmul_precision()
        return "ieee" if precision == "highest" else precision

    @fp32_precision.setter
    def fp32_precision(self, precision: str) -> None:
        torch.set_float32_matmul_precision(
            "highest" if precision in ("none", "ieee") else precision
        )


_MATMUL_BACKENDS: list[Any] = (
    [torch.backends.cuda.matmul, torch.backends.mkldnn.matmul]
    if hasattr(torch.backends.mkldnn, "matmul")
    else [_AllBackends()]
)

# The process whose threads are set up: it imported this module, or was forked later.
_pid = os.getpid()


class _FullPrecision:
    """Context in which matrix products of float32 are computed in full float32.

    The setting is global to the process. The first thread to enter changes it and the
    last to leave restores it, so concurrent trainings do not undo each other's setting.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.n_within = 0
        self.changed: list[tuple[Any, str]] = []

    def __enter__(self) -> None:
        with self.lock:
            for backend in () if self.n_within else _MATMUL_BACKENDS:
                precision = backend.fp32_precision
                if precision not in ("none", "ieee"):
                    self.changed.append((backend, precision))
                    backend.fp32_precision = "ieee"
            self.n_within += 1

    def __exit__(self, *error: object) -> None:
        with self.lock:
            self.n_within -= 1
            while not self.n_within and self.changed:
                backend, precision = self.changed.pop()
                backend.fp32_precision = "none"
                if backend.fp32_precision != precision:  # it was not inherited
                    backend.fp32_precision = precision


class _RandomStreams:
    """States of torch's random streams, which threads restore together.

    The streams are global to the process. The first thread to enter saves their states
    and the last to leave restores them, so concurrent trainings do not restore each
    other's states.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.n_within = 0
        self.devices: set[torch.device] = set()
        self.saved = ExitStack()

    @contextmanager
    def restored(self, device: torch.device) -> Iterator[None]:
        with self.lock:
            if device not in self.devices:
                self.saved.enter_context(_forked_streams(device))
                self.devices.add(device)
            self.n_within += 1
        try:
            yield
        finally:
            with self.lock:
                self.n_within -= 1
                if not self.n_within:
                    self.devices.clear()
                    # In reverse: what was saved first is restored last.
                    self.saved.close()


def _forked_streams(device: torch.device) -> AbstractContextManager[None]:
    """Context that restores the streams of the CPU and of a device."""
    kind = device.type if device.type != "cpu" else "cuda"
    devices = [] if device.type == "cpu" else [device]
    return torch.random.fork_rng(devices=devices, device_type=kind)


_full_precision, _random_streams = _FullPrecision(), _RandomStreams()


def _use_one_thread_if_forked() -> None:
    """Limit torch and OpenMP to one thread in a forked process.

    OpenMP threads do not survive a fork, so a call that uses them would never return.
    """
    global _full_precision, _random_streams, _pid
    if os.getpid() != _pid:
        # The old ones count threads of the parent.
        _full_precision, _random_streams = _FullPrecision(), _RandomStreams()
        torch.set_num_threads(1)
        threadpool_limits(1, user_api="openmp")
        _pid = os.getpid()


@contextmanager
def own_settings() -> Iterator[None]:
    """Context with the default settings of torch and scikit-learn.

    Gradients are recorded, autocast is off, new tensors are on the CPU, matrix products
    have full precision, and transformers return arrays. A forked process computes in
    one thread. The default dtype of torch is global to the process and is not changed:
    code that creates a tensor must name its dtype.
    """
    with ExitStack() as settings:
        enter = settings.enter_context
        if torch.is_inference_mode_enabled():
            enter(torch.inference_mode(False))
        if not torch.is_grad_enabled():
            enter(torch.enable_grad())
        for device in _DEVICES:
            if torch.is_autocast_enabled(device):
                enter(torch.autocast(device, enabled=False))
        # Early versions of torch.get_default_device() know nothing of torch.device().
        if torch.empty(0).device.type != "cpu":
            enter(torch.device("cpu"))
        if sklearn.get_config()["transform_output"] != "default":
            enter(sklearn.config_context(transform_output="default"))
        _use_one_thread_if_forked()
        enter(_full_precision)
        yield


@contextmanager
def own_random_stream(seed: int, device: str | torch.device = "cpu") -> Iterator[None]:
    """Context in which torch draws random numbers from a seed; restores its state.

    Parameters
    ----------
    seed : int
        Seed of the generators of the CPU and of `device`.

    device : str or torch.device, default="cpu"
        Device whose generator is seeded besides that of the CPU. The generators of
        other devices are not touched.
    """
    device = torch.device(device)
    _use_one_thread_if_forked()
    # The inner context restores the state at entry, for nested calls; the outer one
    # restores that before all threads.
    with _random_streams.restored(device), _forked_streams(device):
        seed_streams(seed, device)
        yield


def seed_streams(seed: int, device: str | torch.device) -> None:
    """Seed torch's default generators of the CPU and of a device."""
    device = torch.device(device)
    torch.default_generator.manual_seed(seed)
    if device.type == "cpu":
        return
    streams = torch.get_device_module(device)
    has_index = str(device) != device.type
    # Without it, the current one is seeded.
    with streams.device(device) if has_index else nullcontext():
        streams.manual_seed(seed)
