"""Estimators and data in; tables and pictures of what they do out."""

from .drift import DriftReport, drift_report
from .drift_reference import DriftReference
from .movement import MovementReport, movement_report
from .stability import StabilityReport, stability_report

__all__ = [
    "DriftReference",
    "DriftReport",
    "MovementReport",
    "StabilityReport",
    "drift_report",
    "movement_report",
    "stability_report",
]
