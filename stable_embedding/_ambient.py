"""Shield computations from global settings of torch and scikit-learn."""

import os
import threading
from collections.abc import Callable, Iterator
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


class _SharedContext:
    """Context of a setting that is global to the process, which threads share.

    The first thread to enter changes the setting and the last to leave restores it, so
    concurrent trainings do not undo each other's setting.

    Parameters
    ----------
    context : callable
        Returns the context of one thread, for given arguments.
    """

    def __init__(self, context: Callable[..., AbstractContextManager[None]]) -> None:
        self.context = context
        self.renew()

    def renew(self) -> None:
        """Forget the threads of the process that this one was forked from."""
        self.lock = threading.Lock()
        self.n_within = 0
        self.entered: set[tuple[Any, ...]] = set()
        self.contexts = ExitStack()

    @contextmanager
    def __call__(self, *arguments: Any) -> Iterator[None]:
        with self.lock:
            if arguments not in self.entered:
                self.contexts.enter_context(self.context(*arguments))
                self.entered.add(arguments)
            self.n_within += 1
        try:
            yield
        finally:
            with self.lock:
                self.n_within -= 1
                if not self.n_within:
                    self.entered.clear()
                    self.contexts.close()  # the last that was entered first


@contextmanager
def _in_full_precision() -> Iterator[None]:
    """Context in which matrix products of float32 are computed in full float32."""
    changed = []
    for backend in _MATMUL_BACKENDS:
        precision = backend.fp32_precision
        if precision not in ("none", "ieee"):
            changed.append((backend, precision))
            backend.fp32_precision = "ieee"
    try:
        yield
    finally:
        for backend, precision in reversed(changed):
            backend.fp32_precision = "none"
            if backend.fp32_precision != precision:  # it was not inherited
                backend.fp32_precision = precision


def _forked_streams(device: torch.device) -> AbstractContextManager[None]:
    """Context that restores the streams of the CPU and of a device."""
    kind = device.type if device.type != "cpu" else "cuda"
    devices = [] if device.type == "cpu" else [device]
    return torch.random.fork_rng(devices=devices, device_type=kind)


_full_precision = _SharedContext(_in_full_precision)
_random_streams = _SharedContext(_forked_streams)

# Held by who sets torch's streams of random numbers, which threads share.
_setting_streams = threading.RLock()


def _use_one_thread_if_forked() -> None:
    """Limit torch and OpenMP to one thread in a forked process.

    OpenMP threads do not survive a fork, so a call that uses them would never return.
    """
    global _pid, _setting_streams
    if os.getpid() != _pid:
        _setting_streams = threading.RLock()
        _full_precision.renew()
        _random_streams.renew()
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
        enter(_full_precision())
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
    with _random_streams(device), ExitStack() as inner:
        with _setting_streams:
            inner.enter_context(_forked_streams(device))
            seed_streams(seed, device)
        try:
            yield
        finally:
            with _setting_streams:
                inner.close()


@contextmanager
def exclusive_random_stream(
    seed: int, device: str | torch.device = "cpu"
) -> Iterator[None]:
    """Context like `own_random_stream`; other threads wait to set a stream.

    It is for short computations, such as the draw of weights. A training of another
    thread waits at its next epoch, so what is computed must not wait for it.
    """
    _use_one_thread_if_forked()
    with _setting_streams, own_random_stream(seed, device):
        yield


def seed_streams(seed: int, device: str | torch.device) -> None:
    """Seed torch's default generators of the CPU and of a device."""
    _use_one_thread_if_forked()
    device = torch.device(device)
    with _setting_streams:
        torch.default_generator.manual_seed(seed)
        if device.type == "cpu":
            return
        streams = torch.get_device_module(device)
        has_index = str(device) != device.type
        # Without it, the current one is seeded.
        with streams.device(device) if has_index else nullcontext():
            streams.manual_seed(seed)
