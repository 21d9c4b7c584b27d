"""Pictures, in scikit-learn's convention of displays. They need matplotlib."""

from .displays import (
    COLORMAP,
    COLORS,
    MARKERS,
    EmbeddingDisplay,
    LossCurveDisplay,
    ManifoldVarianceDisplay,
    ParetoDisplay,
    ShepardDisplay,
    StabilityDisplay,
)

__all__ = [
    "COLORMAP",
    "COLORS",
    "MARKERS",
    "EmbeddingDisplay",
    "LossCurveDisplay",
    "ManifoldVarianceDisplay",
    "ParetoDisplay",
    "ShepardDisplay",
    "StabilityDisplay",
]
