"""What benchmarks write, each file with the versions it was found with."""

import csv
import platform
from datetime import date
from itertools import product
from pathlib import Path

FOLDER = Path(__file__).parent / "results"


def read(name):
    """Read the rows of a CSV file, each a dict of texts."""
    with (FOLDER / f"{name}.csv").open(newline="") as file:
        next(file)  # the versions
        return list(csv.DictReader(file))


def read_earlier(name):
    """Read the rows of a CSV file, of which there are none before it is written."""
    return read(name) if (FOLDER / f"{name}.csv").exists() else []


def among_earlier(name, rows, /, **values):
    """Put rows in place of those that a CSV file has of the same cells.

    Parameters
    ----------
    name : str
        Name of the file.

    rows : list of dict
        What was measured now. Columns that the file lacks are empty in its rows.

    **values : iterable
        For each column that tells what is measured, its values in their order. Earlier
        rows with other values are dropped.

    Returns
    -------
    list of dict
        Rows of all cells, in their order.
    """
    cells = product(*(map(str, of_column) for of_column in values.values()))
    places = {cell: place for place, cell in enumerate(cells)}

    def cell(row):
        return tuple(str(row[column]) for column in values)

    kept = places.keys() - set(map(cell, rows))
    others = [row for row in read_earlier(name) if cell(row) in kept]
    completed = [{key: row.get(key, "") for key in rows[0]} for row in [*others, *rows]]
    return sorted(completed, key=lambda row: places[cell(row)])


def where(name, **values):
    """Read the rows of a CSV file that have these values; at least one must."""
    rows = [
        row
        for row in read(name)
        if all(row[field] == value for field, value in values.items())
    ]
    if not rows:
        raise ValueError(f"results/{name}.csv has no row with {values}")
    return rows


def show(row):
    """Print a row on one line."""
    print(*(f"{name}={value}" for name, value in row.items()))


def show_and_write(name, rows, quick):
    """Print rows, and write them unless they were found in a hurry."""
    for row in rows:
        show(row)
    if not quick:
        write(name, rows)


def save(name, figure, legend_of=None):
    """Write a figure to a PNG file, with the legend of some axes below it, if any."""
    if legend_of is not None:
        handles, labels = legend_of.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    figure.savefig(FOLDER / f"{name}.png", dpi=100)


def write(name, rows, seeds="in the rows, or the script's"):
    """Write rows, dicts of one length, to a CSV file below a line with the versions."""
    # Only what writes needs these, which take seconds to import.
    import sklearn
    import torch

    from stable_embedding import __version__

    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{name}.csv"
    with path.open("w", newline="") as file:
        file.write(
            f"# stable_embedding {__version__}, torch {torch.__version__}, scikit-learn"
            f" {sklearn.__version__}, {platform.machine()}, {date.today()},"
            f" seeds {seeds}\n"
        )
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    print(f"written to {path}")
