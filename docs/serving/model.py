"""A map and its alarm, as ONNX graphs. Needs NumPy and onnxruntime alone."""

import json
import math
import sys
from pathlib import Path

import numpy as np
import onnxruntime

# How far another processor or version may be off, as a fraction of the largest value.
TOLERANCE = 1e-4
# Encoded columns have a variance of about 1, so errors below this are rounding.
ROUNDING = 1e-12


class Model:
    """Codes and reconstruction errors of rows.

    Parameters
    ----------
    folder : path
        Where `train.py` has written.

    Raises
    ------
    RuntimeError
        If the examples of the folder get other codes or errors than in training.
    """

    def __init__(self, folder):
        folder = Path(folder)
        description = json.loads((folder / "model.json").read_text())
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # a row is too little to share
        self.map, self.alarm = (
            onnxruntime.InferenceSession(folder / name, options)
            for name in ("map.onnx", "alarm.onnx")
        )
        self.columns = {one.name: one.type for one in self.map.get_inputs()}
        self.version = description["version"]
        self.offset = description["offset"]
        self.check_examples(description)

    def check_examples(self, description):
        """Raise if examples are not embedded as they were in training."""
        found = self.embed(description["examples"])
        for name, key in (("codes", "codes"), ("error", "errors")):
            expected = np.array(description[key])
            off = np.abs(np.array([one[name] for one in found]) - expected).max()
            if not off <= max(TOLERANCE * np.abs(expected).max(), ROUNDING):
                raise RuntimeError(
                    f"{name} of the examples of model {self.version} are off by"
                    f" {off:.2g}: install the versions of requirements.txt"
                )

    def embed(self, rows):
        """Embed rows.

        Parameters
        ----------
        rows : list of dict
            A value for each column; None for a missing one. Other keys are ignored.

        Returns
        -------
        list of dict
            "codes", "error" and "is_outlier" of each row.

        Raises
        ------
        ValueError
            If a row lacks a column, or has a value of another type or one that is too
            large.
        """
        values = [self.values_of(row) for row in rows]
        inputs = {
            name: np.array([[of_row[name]] for of_row in values])
            for name in self.columns
        }
        [codes] = self.map.run(None, inputs)
        _, scores = self.alarm.run(None, inputs)  # by place: columns may have any name
        scores = scores[:, 0]
        if not (np.isfinite(codes).all() and np.isfinite(scores).all()):
            raise ValueError("a number is too large to be embedded")
        return [
            {"codes": of_row, "error": -(score + self.offset), "is_outlier": score < 0}
            for of_row, score in zip(codes.tolist(), scores.tolist())
        ]

    def values_of(self, row):
        """Return the values of a row as the graphs take them, or raise ValueError."""
        return {name: value_of(row, name, kind) for name, kind in self.columns.items()}


def value_of(row, name, kind):
    """Return the value of a column, as a graph takes it."""
    if not isinstance(row, dict):
        raise ValueError(f"a row is {row!r:.50}; it must be an object")
    if name not in row:
        raise ValueError(f"a row lacks the column {name!r}; pass null if it is missing")
    value = row[name]
    if kind == "tensor(string)":
        if isinstance(value, str) and value != value.encode(errors="replace").decode():
            raise ValueError(
                f"column {name!r} is {value!r:.50}, which holds a lone surrogate"
            )
        if value is None or isinstance(value, str):
            return value or ""
        raise ValueError(f"column {name!r} is {value!r:.50}; it must be a text or null")
    if value is None:
        return math.nan
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if is_number and abs(value) <= sys.float_info.max:
        return float(value) + 0.0  # of -0.0 it makes 0.0
    raise ValueError(f"column {name!r} is {value!r:.50}; it must be a number or null")
