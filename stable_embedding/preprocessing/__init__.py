"""Tables in, numbers out, such that each column counts the same."""

from .mixed_data import MixedDataEncoder

__all__ = ["MixedDataEncoder"]
