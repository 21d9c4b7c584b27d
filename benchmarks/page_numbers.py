"""Numbers of the results that pages tell within sentences.

`NUMBERS` names what :mod:`benchmarks.fill` can put between two marks of a sentence.
Each entry is a function without arguments that returns a text.
"""

from functools import partial

from .formats import fixed, whole
from .results import read, where


def _gains(measure):
    """Percent gained on the plain autoencoder in each cell, the thesis's measure."""
    records = where("thesis", method="StableAutoencoder", measure=measure)
    return [float(record["percent"]) for record in records]


def _span(values, write=whole):
    low, high = write(min(values)), write(max(values))
    return low if low == high else f"{low} to {high}"


def _stability_span(field, cases):
    records = [r for r in read("stability") if r["case"] in cases]
    return _span([100 * float(r[field]) for r in records], fixed)


_DEFAULT_MAPS = (
    "digits",
    "digits, another split",
    "MNIST 10,000",
    "MNIST 10,000, others",
    "MNIST 60,000",
    "adult",
)


def _won(measure, least=0.0):
    return [gain for gain in _gains(measure) if gain > least]


def _next_month():
    records = where(
        "retraining", change="next month", neighbor_weight="0", method="pull"
    )
    return [100 * float(record["known"]) for record in records]


def _gained_on_pca():
    """Points of accuracy gained on PCA where two components must hold curves."""
    records = where("pipeline", components="2")
    return [
        100 * float(record["gain_on_PCA"])
        for record in records
        if record["data"] in ("digits", "mnist")
    ]


_TIMED = (
    "StableAutoencoder",
    "StableAutoencoder, n_init=1",
    "UMAP, with a seed",
    "UMAP",
    "PaCMAP",
)


def _seconds_at_60000(*methods):
    records = {r["method"]: r["seconds"] for r in where("scaling", rows="60000")}
    return ", ".join(whole(records[method]) for method in methods)


NUMBERS = {
    "seed-span": partial(_stability_span, "seed", _DEFAULT_MAPS),
    "dropped-span": partial(_stability_span, "dropped_or_month", _DEFAULT_MAPS),
    "next-month-span": lambda: _span(_next_month(), fixed),
    "variability-span": lambda: _span(_gains("variability")),
    "deviation-span": lambda: _span(_won("deviation")),
    "deviation-cells": lambda: str(len(_won("deviation"))),
    "reconstruction-cells": lambda: str(len(_won("reconstruction"))),
    "reconstruction-span": lambda: _span(_won("reconstruction")),
    "accuracy-best": lambda: whole(max(_gains("classification"))),
    "accuracy-worst": lambda: f"{-min(_gains('classification')):.1f}",
    "pipeline-span": lambda: _span(_gained_on_pca()),
    "seconds-60000": partial(_seconds_at_60000, *_TIMED),
    "seconds-default": partial(_seconds_at_60000, "StableAutoencoder"),
}
