"""Estimators and data in; tables and pictures of what they do out."""

from .movement import MovementReport, movement_report
from .stability import StabilityReport, stability_report

__all__ = [
    "MovementReport",
    "StabilityReport",
    "movement_report",
    "stability_report",
]
