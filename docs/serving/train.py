"""Train a map on a CSV, and write what the service needs of it.

``python train.py customers.csv model`` fits a pipeline, and writes to the folder
``model`` the pipeline itself, its graphs and a description of them.
"""

import argparse
import hashlib
import json
from importlib.metadata import version
from pathlib import Path

import joblib
import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from stable_embedding import (
    ReconstructionOutlierDetector,
    StableAutoencoder,
    to_onnx,
)

N_EXAMPLES = 5


def read_table(path):
    """Read numbers as float64, all else as text with "" for a missing one."""
    table = pd.read_csv(path, index_col="id")
    numbers = table.select_dtypes("number").columns
    for name in table.columns:
        if name in numbers:
            table[name] = table[name].astype("float64")
        else:  # text, and columns of True and False
            table[name] = ["" if pd.isna(one) else str(one) for one in table[name]]
    return table


def rows_of(table):
    """Return samples as a client sends them: None where a value is missing."""
    return [
        {name: None if pd.isna(value) else value for name, value in row.items()}
        for row in table.to_dict("records")
    ]


def build(**parameters):
    """Build the detector; the map is the pipeline within."""
    columns = make_column_transformer(
        (
            make_pipeline(SimpleImputer(strategy="median"), StandardScaler()),
            make_column_selector(dtype_include="number"),
        ),
        (
            OneHotEncoder(handle_unknown="ignore", sparse_output=False),
            make_column_selector(dtype_exclude="number"),
        ),
    )
    pipeline = make_pipeline(columns, StableAutoencoder(2, **parameters))
    return ReconstructionOutlierDetector(pipeline, contamination=0.01)


def export(detector, table, folder):
    """Write the graphs, and what the service says of some samples of the table."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    pipeline, examples = detector.estimator_, table[:N_EXAMPLES]
    to_onnx(pipeline, folder / "map.onnx", X=examples)
    to_onnx(detector, folder / "alarm.onnx", X=examples)
    joblib.dump(detector, folder / "detector.joblib")
    graphs = [(folder / name).read_bytes() for name in ("map.onnx", "alarm.onnx")]
    description = {
        "version": hashlib.sha256(b"".join(graphs)).hexdigest()[:12],
        "libraries": {
            name: version(name) for name in ("stable_embedding", "scikit-learn")
        },
        "offset": float(detector.offset_),
        "examples": rows_of(examples),
        "codes": pipeline.transform(examples).tolist(),
        "errors": (-detector.score_samples(examples)).tolist(),
    }
    (folder / "model.json").write_text(json.dumps(description, indent=1))


def main():
    """Train, and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", help="a CSV with a column id")
    parser.add_argument("folder", help="where to write the model")
    arguments = parser.parse_args()
    table = read_table(arguments.table)
    export(build(random_state=0).fit(table), table, arguments.folder)


if __name__ == "__main__":
    main()
