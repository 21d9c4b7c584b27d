"""Displays of embeddings, in scikit-learn's convention.

They need matplotlib, except :class:`InteractiveDisplay`, which needs Bokeh.
"""

from .base import MARKERS
from .colors import COLORMAP, COLORS
from .drift import DriftDisplay
from .embedding import EmbeddingDisplay
from .feature_sensitivity import FeatureSensitivityDisplay
from .interactive import InteractiveDisplay
from .loss_curve import LossCurveDisplay
from .manifold_variance import ManifoldVarianceDisplay
from .movement import MovementDisplay
from .pareto import ParetoDisplay
from .shepard import ShepardDisplay
from .stability import StabilityDisplay

__all__ = [
    "COLORMAP",
    "COLORS",
    "MARKERS",
    "DriftDisplay",
    "EmbeddingDisplay",
    "FeatureSensitivityDisplay",
    "InteractiveDisplay",
    "LossCurveDisplay",
    "ManifoldVarianceDisplay",
    "MovementDisplay",
    "ParetoDisplay",
    "ShepardDisplay",
    "StabilityDisplay",
]
