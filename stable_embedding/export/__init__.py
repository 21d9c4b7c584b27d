"""Fitted estimators in, files without code and ONNX graphs out."""

from .onnx import register_converters, to_onnx
from .persistence import load, save

__all__ = ["load", "register_converters", "save", "to_onnx"]
