"""Maps that take the place of earlier ones, alone and within pipelines."""

from .alignment import align
from .successor import Retraining, retrain

__all__ = ["Retraining", "align", "retrain"]
