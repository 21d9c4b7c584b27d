"""Runnable scripts, one question each: ``python -m benchmarks.<name>``."""
