"""Samples in, scaled and ordered; what a training needs to know of them out."""
