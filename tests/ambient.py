"""Settings of torch and scikit-learn that a user may have changed."""

from contextlib import contextmanager

import sklearn
import torch


@contextmanager
def setting(set_value, value, normal):
    set_value(value)
    try:
        yield
    finally:
        set_value(normal)


def set_generic_precision(value):
    torch.backends.fp32_precision = value


CONTEXTS = {
    "default_dtype": lambda: setting(
        torch.set_default_dtype, torch.float64, torch.float32
    ),
    "default_device": lambda: setting(torch.set_default_device, "meta", None),
    "device": lambda: torch.device("meta"),
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
    "matmul_precision": lambda: setting(
        torch.set_float32_matmul_precision, "medium", "highest"
    ),
    "generic_precision": lambda: setting(set_generic_precision, "bf16", "none"),
    "deterministic": lambda: setting(torch.use_deterministic_algorithms, True, False),
    "anomalies": lambda: torch.autograd.set_detect_anomaly(True),
    "pandas": lambda: sklearn.config_context(transform_output="pandas"),
    "polars": lambda: sklearn.config_context(transform_output="polars"),
    "metadata_routing": lambda: sklearn.config_context(enable_metadata_routing=True),
    "working_memory": lambda: sklearn.config_context(working_memory=1),
    "assume_finite": lambda: sklearn.config_context(assume_finite=True),
    "denormal": lambda: setting(torch.set_flush_denormal, True, False),
}
