"""Estimators and data in; tables and pictures of what they do out."""

from .stability import StabilityReport, stability_report

__all__ = ["StabilityReport", "stability_report"]
