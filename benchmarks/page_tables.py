"""Tables of the results that pages show.

`TABLES` names what :mod:`benchmarks.fill` can put between two marks of a page. Each
entry is a function without arguments; it reads the CSV files that it needs.
"""

import math
from functools import partial
from statistics import mean
from typing import NamedTuple

from .formats import (
    count,
    fixed,
    fraction,
    moved,
    number,
    percent,
    points,
    seconds,
    whole,
)
from .methods import SECOND_SETTINGS
from .peers import PEERS
from .results import read, where

three = partial(fraction, digits=3)
four = partial(fraction, digits=4)
two = partial(fraction, digits=2)


class Column(NamedTuple):
    """A column of a page: its title, the field of the CSV file, and its format.

    A function in place of the field makes the cell of a whole record. `best` is `min`
    or `max` where one of them is the best of the column.
    """

    title: str
    field: object
    write: object = str
    best: object = None

    def cell(self, record):
        """Write the cell of a record."""
        cell = self.field(record) if callable(self.field) else record[self.field]
        return self.write(cell)


class Table(NamedTuple):
    """A table of a page: its titles, and its rows of written cells."""

    titles: list
    rows: list

    def markdown(self):
        """Return the lines of the table in Markdown."""
        head, *body = (
            "| " + " | ".join(line) + " |" for line in [self.titles, *self.rows]
        )
        # A title may hold several columns.
        rule = "|" + "---|" * (head.count("|") - 1)
        return "\n".join([head, rule, *body])


def selected(columns, records):
    """Return a table of records, whose columns are fields of a CSV file."""
    rows = [[c.cell(record) for c in columns] for record in records]
    return Table([c.title for c in columns], rows)


def grouped(titles, columns, records, key):
    """Return a table with a row for each key, whose records stand beside each other.

    Parameters
    ----------
    titles : list of str
        Titles of the key.

    columns : sequence of Column

    records : list of dict

    key : callable
        From a record to a tuple of texts.
    """
    groups = {}
    for record in records:
        groups.setdefault(key(record), []).append(record)
    rows = [
        [*name, *(" / ".join(c.cell(record) for record in group) for c in columns)]
        for name, group in groups.items()
    ]
    return Table([*titles, *(c.title for c in columns)], rows)


def with_best_bold(columns, table):
    """Return a table with the best cells of each column in bold."""
    best = [
        _best(column, [row[i] for row in table.rows])
        for i, column in enumerate(columns)
    ]
    rows = [
        [f"**{cell}**" if cell == chosen else cell for cell, chosen in zip(row, best)]
        for row in table.rows
    ]
    return table._replace(rows=rows)


def _best(column, cells):
    """Return the best of the cells that are numbers, or None."""
    values = {cell: number(cell) for cell in cells if not math.isnan(number(cell))}
    if column.best is None or not values:
        return None
    return column.best(values, key=values.get)


def pivoted(title, records, by, across, write, missing=""):
    """Return a table with a row for each key of a record, and a column for another.

    Parameters
    ----------
    title : str
        Title of the first column.

    records : list of dict

    by, across : callable
        From a record to the name of its row, and of its column.

    write : callable
        From a record to its cell.

    missing : str, default=""
        Cell without a record.
    """
    cells = {(by(record), across(record)): write(record) for record in records}
    titles, names = (
        list(dict.fromkeys(key(record) for record in records)) for key in (across, by)
    )
    rows = [[name, *(cells.get((name, t), missing) for t in titles)] for name in names]
    return Table([title, *titles], rows)


def bold(table, names):
    """Return a table whose rows of these names have a bold name."""
    rows = [
        [f"**{name}**" if name in names else name, *cells]
        for name, *cells in table.rows
    ]
    return table._replace(rows=rows)


# Benchmarks, in the order of the page of what was measured.

_STABILITY_CASES = {
    "digits, neighbors": "digits, `neighbor_weight=3`",
    "customers, neighbors": "customers, `neighbor_weight=3`, next month",
}


def stability():
    """How far default maps move."""
    moved_by = partial(percent_alone, digits=2)
    return selected(
        [
            Column("data", "case", lambda case: _STABILITY_CASES.get(case, case)),
            Column("size", "rows"),
            Column("other seed, %", "seed", moved_by),
            Column("a sample dropped, %", "dropped_or_month", moved_by),
            Column("one run, other seed, %", "seed_of_one_run", moved_by),
            Column("unexplained", "unexplained", four),
            Column("5-NN", "knn", four),
            Column("trustworthiness", "trustworthiness", four),
            Column("estimated over found", "estimated_over_found"),
            Column("rank correlation", "std_rank_correlation"),
        ],
        read("stability"),
    )


def percent_alone(cell, digits=1):
    """Write a fraction in percent, without the sign."""
    return percent(cell, digits).removesuffix(" %")


_DATA = {"mnist": "MNIST", "adult": "Adult"}


def _cell_name(record):
    data = _DATA.get(record["data"], record["data"]).removesuffix(" rows")
    return f"{data}; {record['components']}"


_CLAIMS = {
    "variability": "variability",
    "deviation": "deviation",
    "reconstruction": "reconstruction loss",
    "classification": "accuracy",
}
_THESIS = ["the thesis, at best", "49.6", "88.1", "23.8", "15.3"]


def thesis():
    """Tell what is gained on a plain autoencoder, with intervals."""
    records = [
        record
        for record in where("thesis", method="StableAutoencoder")
        if record["measure"] in _CLAIMS
    ]
    table = pivoted(
        "data, components",
        records,
        _cell_name,
        lambda record: _CLAIMS[record["measure"]],
        lambda record: "{} [{}, {}]".format(
            *(fixed(record[field], 1) for field in ("percent", "low", "high"))
        ),
    )
    return table._replace(rows=[*table.rows, _THESIS])


_ARMS = {
    "similarity loss alone": "similarity loss alone",
    "recipe without the loss": "the recipe without the loss",
    "StableAutoencoder": "both",
}


def thesis_parts():
    """How much less maps vary by each part of the recipe."""
    return pivoted(
        "data, components",
        where("thesis", measure="variability"),
        _cell_name,
        lambda record: _ARMS[record["method"]],
        lambda record: whole(record["percent"]),
    )


_MOVES = [
    Column("other seed", "raw_seed", moved, min),
    Column("shuffled", "raw_order", moved, min),
    Column("a sample fewer", "raw_drop_one", moved, min),
    Column("a tenth fewer", "raw_drop_tenth", moved, min),
    Column("1 % noise", "raw_noise", moved, min),
    Column("grown by half", "raw_growth", moved, min),
]


def compare(data):
    """All methods on one data set, the best of each column in bold."""
    columns = [
        Column("method", "method"),
        *_MOVES,
        Column("trustworthiness", "trustworthiness", three, max),
        Column("continuity", "continuity", three, max),
        Column("stress", "stress", three, min),
        Column("correlation of distances", "correlation", three, max),
        Column("5-NN", "accuracy", three, max),
        Column("unseen: 5-NN", "unseen_accuracy", three, max),
        Column("unseen: correlation", "unseen_correlation", three, max),
        Column("unseen: explained", "unseen_r2", three, max),
        Column("fit, s", "fit_seconds", seconds, min),
        Column("transform, s", "transform_seconds", seconds, min),
        Column("MB", "peak_megabytes", whole, min),
    ]
    table = with_best_bold(columns, selected(columns, where("compare", data=data)))
    return bold(table, ["StableAutoencoder"])


def published():
    """Compare what a paper has with what was measured by its protocol."""
    return pivoted(
        "method",
        read("published"),
        lambda record: f"{record['method']}, {record['source']}",
        lambda record: f"k = {record['n_neighbors']}",
        lambda record: f"{three(record['accuracy'])} (± {three(record['spread'])})",
    )


def pipeline():
    """Accuracy of classifiers behind each transformer."""

    def gain(record):
        gain, least, largest = (
            points(record[field]) for field in ("gain_on_PCA", "least", "largest")
        )
        return f"{gain} ({least} to {largest})"

    return selected(
        [
            Column("data, components", _cell_name),
            Column("classifier", "classifier"),
            Column("features", "features", three),
            Column("PCA", "PCA", three),
            Column("StableAutoencoder", "StableAutoencoder", three),
            Column("gain on PCA", gain),
        ],
        read("pipeline"),
    )


_ONE_MILLION = "1000000"


def scaling():
    """Seconds of a fit by the number of samples, and their ratio."""

    def cell(record):
        took = record["seconds"]
        if math.isnan(number(took)):
            return took
        written = fixed(took, 2) if float(took) < 10 else whole(took)
        return f"{written} ({float(record['ratio']):.3g})"

    return pivoted(
        "method",
        [record for record in read("scaling") if record["rows"] != _ONE_MILLION],
        lambda record: record["method"],
        lambda record: count(record["rows"]),
        cell,
    )


def convergence():
    """Epochs until the reconstruction is as good as a plain one's."""
    names = {"mnist": "MNIST, 10,000"}
    return selected(
        [
            Column(
                "data, components",
                lambda r: f"{names.get(r['data'], r['data'])}, {r['n_components']}",
            ),
            Column(
                "learning rate",
                "learning_rate_init",
                lambda cell: three(cell).rstrip("0"),
            ),
            Column(
                "epochs, plain's", lambda r: f"{r['our_epochs']}, {r['plain_epochs']}"
            ),
            Column("share", "epochs_ratio", two),
            Column("share of seconds", "seconds_ratio", two),
        ],
        read("convergence"),
    )


def lipschitz():
    """Slopes of unseen samples, of both autoencoders."""
    names = {"plain": "plain autoencoder", "ours": "StableAutoencoder"}
    slopes = {}
    for name, title in (("slope_95", "95 %"), ("largest", "largest")):
        for row in read("lipschitz"):
            cell = (
                f"{row['data']}, {row['components']}",
                f"{names[row['map']]}, {title}",
            )
            slopes.setdefault(cell, []).append(float(row[name]))

    def write(record):
        _, found = record
        return f"{two(mean(found))} ({two(min(found))} to {two(max(found))})"

    return pivoted(
        "data, components", slopes.items(), lambda r: r[0][0], lambda r: r[0][1], write
    )


def stream():
    """Loss of a training in chunks over that of one fit."""
    table = pivoted(
        "rows",
        read("stream"),
        lambda record: count(record["rows"]),
        lambda record: f"{record['n_components']} components",
        lambda record: record["ratio"],
    )
    return table._replace(rows=table.rows[::-1])


_WIDE = {
    "the default": "the default: a narrow basis of 96",
    "all features": "on all 784 features",
    "all pairs": "comparing all pairs of a batch",
}


def wide():
    """Training by coordinates in a narrow basis, and by features."""

    def variant(record):
        written = _WIDE[record["variant"]]
        if record["n_components"] != "2":
            written = written.removesuffix(": a narrow basis of 96")
        return f"{record['n_components']}, {written}"

    return selected(
        [
            Column("components, variant", variant),
            Column("unexplained", "unexplained", three),
            Column("5-NN", "knn_accuracy", three),
            Column("correlation of distances", "distance_correlation", three),
            Column("manifold variance", "manifold_variance", _variance),
            Column("a sample dropped", "drop_one", _variance),
            Column("seconds", "seconds", fixed),
        ],
        read("wide"),
    )


def _variance(cell):
    return fraction(cell, 4 if number(cell) >= 0.001 else 5)


_FASTER = {
    "overhead, 64 features": "steps, 64 features, hidden (128, 32), batches of 128,"
    " against a loop by hand",
    "overhead, 784 features": "steps, 784 features, hidden (256, 64), batches of 256,"
    " against a loop by hand",
    "skorch's loader, 64 features": "skorch's default loader against ours, 64 features",
    "similarity, 784 features, 256 rows": "similarity weight 1 against 0, 784 features,"
    " batches of 256",
    "similarity, 64 features, 256 rows": "the same, 64 features, batches of 256",
    "similarity, 64 features, 512 rows": "the same, 64 features, batches of 512",
    "eight runs": "eight runs against one",
    "transform, 1,000,000 rows of 64 features": "`transform` against the bare network,"
    " 1,000,000 samples of 64 features",
    "transform, 200,000 rows of 784 features": "the same, 200,000 samples of 784"
    " features",
    "transform, one row, a thousand times": "the same, one sample a thousand times",
}


def speed():
    """Ratios of times that were measured in turns."""
    return selected(
        [
            Column("what", "what", _FASTER.get),
            Column("ratio", "ratio"),
            Column("seconds", "seconds", three),
            Column("beside", "yardstick_seconds", three),
        ],
        read("speed"),
    )


# The guide's pages.


def compare_briefly():
    """All methods on digits, by what the README speaks of."""
    table = selected(
        [
            Column("on digits, two components", "method"),
            Column("embeds unseen samples", "unseen_accuracy", _whether),
            Column("inverse: explained", "unseen_r2", two),
            *(
                column
                for column in _MOVES
                if column.title in ("other seed", "a sample fewer", "a tenth fewer")
            ),
            Column("correlation of distances", "correlation", two),
            Column("trustworthiness", "trustworthiness", two),
            Column("fit, s", "fit_seconds", seconds),
        ],
        [r for r in where("compare", data="digits") if r["method"] not in _NOT_BRIEF],
    )
    ours = [
        "StableAutoencoder",
        "StableAutoencoder, neighbor_weight=3",
        "DenoisingAutoencoder, neighbor_weight=10",
    ]
    return bold(table, ours)


_SIBLINGS = {
    f"{name}Autoencoder"
    for name in ("Denoising", "Sparse", "Contractive", "Variational")
}
_NOT_BRIEF = _SIBLINGS | PEERS.keys() | SECOND_SETTINGS.keys()


def _whether(cell):
    return "no" if cell == "no" else "yes"


def weight():
    """Stability and reconstruction by the similarity weight."""
    records = where("weight", folds="in order", init="pca")
    rows = {}
    for record in records:
        rows.setdefault(record["similarity_weight"], []).extend(
            [
                four(record["mean_test_stability"]),
                three(record["mean_test_reconstruction"]),
            ]
        )
    titles = [
        f"{what}, k={k}"
        for k in dict.fromkeys(record["components"] for record in records)
        for what in ("stability", "explained")
    ]
    return Table(
        ["weight", *titles],
        [[name.replace("0.", "."), *cells] for name, cells in rows.items()],
    )


_CHANGES = {
    "seed": "other seed",
    "order": "shuffled",
    "drop_one": "one sample fewer",
    "drop_tenth": "a tenth fewer",
    "noise": "1 % noise",
    "growth": "grown by a half",
}


def perturbations():
    """How far all digits move, by what changes."""
    table = pivoted(
        "",
        where("perturbations", rows="1797"),
        lambda record: record["estimator"],
        lambda record: _CHANGES[record["perturbation"]],
        lambda record: moved(record["raw"]),
    )
    return bold(table, ["StableAutoencoder"])


_RETRAINED_ON = {
    "next month": "the next month: 2 % leave, 10 % are new",
    "drift": "a third are new, from one side",
    "group": "a class is new",
    "loss": "a fifth leave",
}
_STRATEGIES = ("pull", "warm_start", "align")


def retraining():
    """Tell what a retraining moves and gains, by what changed and by strategy."""
    records = [r for r in where("retraining", seed="0") if r["method"] in _STRATEGIES]
    order = {
        name: list(known)
        for name, known in {
            "change": _RETRAINED_ON,
            "data": ("customers", "adult", "digits", "MNIST"),
            "neighbor_weight": "03",
            "method": _STRATEGIES,
        }.items()
    }
    fields = ("change", "neighbor_weight", "data", "method")
    records.sort(key=lambda r: [order[field].index(r[field]) for field in fields])

    def name(record):
        data = _DATA.get(record["data"], record["data"])
        neighbors = ", `neighbor_weight=3`" if record["neighbor_weight"] == "3" else ""
        change = _RETRAINED_ON[record["change"]]
        before = _whole_percent(record["r2_new_before"])
        return " | ".join([change, data + neighbors, before])

    def cell(record):
        gained = number(record["accuracy_after"]) - number(record["accuracy_before"])
        return ", ".join(
            [
                fixed(100 * float(record["known"])),
                _whole_percent(record["r2_new_after"]),
                _blank(f"{100 * gained:+.1f}".replace("+0.0", "0.0")),
            ]
        )

    title = "what changed | data | new, before"
    return pivoted(title, records, name, lambda r: r["method"], cell, "not measured")


def _whole_percent(cell):
    return _blank(f"{100 * number(cell):.0f}")


def _blank(written):
    """Write a dash for what is missing."""
    return "-" if "nan" in written else written


def neighbors():
    """Compare maps with neighbors, UMAP and PaCMAP."""
    one = partial(fraction, digits=1)
    return selected(
        [
            Column("data", "data"),
            Column("method", "method"),
            Column("5-NN", "accuracy", three),
            Column("trustworthiness", "trustworthiness", three),
            Column("correlation of distances", "correlation", three),
            Column("unexplained", "unexplained", three),
            Column("manifold variance", "manifold_variance", four),
            Column("a sample dropped", "row_dropped", four),
            Column("fit, s", "fit_seconds", one),
            Column("`transform`, s", "transform_seconds", four),
        ],
        read("neighbors"),
    )


def false_alarms():
    """How often drift is reported where nothing has changed."""
    return selected(
        [
            Column("reference", "reference"),
            Column("training samples", "training samples", count),
            Column("new samples", "new samples", count),
            Column("alarms, all comparisons", "alarms, all", percent),
            Column("alarms, errors alone", "alarms, errors alone", percent),
        ],
        [r for r in read("drift") if "; then " not in r["reference"]],
    )


def true_alarms():
    """How often drift is reported where something has changed."""
    return selected(
        [
            Column("change", "reference", lambda cell: cell.partition("; then ")[2]),
            Column("training samples", "training samples", count),
            Column("new samples", "new samples", count),
            Column("alarms", "alarms, all", percent),
        ],
        [r for r in read("drift") if "; then " in r["reference"]],
    )


def encodings():
    """Compare encodings of numbers and categories."""
    moved_by = partial(percent_alone, digits=2)
    return selected(
        [
            Column(
                "components, encoding",
                lambda r: ", ".join(filter(None, (r["components"], r["method"]))),
            ),
            Column("other seed, %", "seed", moved_by),
            Column("a sample dropped, %", "dropped", moved_by),
            Column("5-NN income", "income", three),
            Column("5-NN occupation", "occupation", three),
            Column("categories", "categories", three),
            Column("Pearson", "pearson", three),
            Column("Spearman", "spearman", three),
        ],
        read("tables"),
    )


def page_sizes():
    """Megabytes of interactive maps."""
    return selected(
        [
            Column("samples", "samples", count),
            Column("months", "months"),
            Column("megabytes", "megabytes", fixed),
        ],
        [
            r
            for r in read("interactive")
            if r["months"] == "1" or r["samples"] == "100000"
        ],
    )


# What each claim is about, and where the figure is from that it is compared with.
_CLAIMS_OF_FAMILY = {
    "denoised": (
        "squared error of images with noise of .5 a pixel, coded by 32 components",
        "coded plainly",
    ),
    "sparse": (
        "share of codes below a tenth of their root mean square, L1 weight 1",
        "without",
    ),
    "insensitive": (
        "how far noise of .1 a pixel moves codes, as a fraction of their variance",
        "plainly",
    ),
    "likely": (
        "minus the bound of test images in nats, 784-400-20, ten epochs",
        "or so of plain implementations",
    ),
    "knowing": ("triplet accuracy of test images, told classes", "arXiv 1802.04403"),
    "unknowing": ("the same, not told classes", "or so, the same"),
    "linear": (
        "squared error of a test image by 30 principal components",
        "Science 313",
    ),
    "deep": ("the same by 784-1000-500-250-30, 36 epochs", "the same"),
    "binary": (
        "share of probabilities of 32 bits between .1 and .9",
        "a limit of our own",
    ),
    **{
        f"detected, {data}": ("area under the curve of planted outliers", "of PCA")
        for data in ("wine", "breast cancer", "digits")
    },
}


def family_claims():
    """Put the figure of each claim beside the one that it has to beat."""

    def said(record):
        return f"{record['claim']}: {_CLAIMS_OF_FAMILY[record['claim']][0]}"

    def compared(record):
        return f"{_shortly(record['other'])}, {_CLAIMS_OF_FAMILY[record['claim']][1]}"

    return selected(
        [
            Column("claim", said),
            Column("figure", "figure", _shortly),
            Column("compared with", compared),
        ],
        read("claims"),
    )


def _shortly(cell):
    return f"{float(cell):.4g}".removeprefix("0")


def family():
    """All estimators on MNIST, without and with the similarity loss."""
    return grouped(
        ["member"],
        [
            Column("manifold variance", "manifold_variance", four),
            Column("a sample dropped", "row_dropped", three),
            Column("unexplained", "unexplained", three),
            Column("5-NN", "accuracy_5nn", three),
            Column("logistic regression", "accuracy_linear", three),
            Column("trustworthiness", "trustworthiness", three),
            Column("correlation of distances", "correlation", two),
            Column("steepest", "lipschitz", two),
        ],
        where("family", data="mnist"),
        lambda record: (record["member"],),
    )


def hashing():
    """Compare our bits, those of iterative quantization, and signs of PCA."""

    def written(cell):
        return _blank(three(cell))

    return grouped(
        ["data", "bits"],
        [
            Column("average precision", "average_precision", written),
            Column("the same, sample by sample", "mean_average_precision", written),
            Column("recall among 1 of 100", "recall_of_1_in_100", written),
            Column("changed by another seed", "changed_by_seed", written),
            Column("changed by a sample less", "changed_by_a_sample_less", written),
        ],
        read("hashing"),
        lambda record: (record["data"], record["bits"]),
    )


TABLES = {
    "stability": stability,
    "thesis": thesis,
    "thesis-parts": thesis_parts,
    "compare-digits": partial(compare, "digits"),
    "compare-mnist-10000": partial(compare, "MNIST, 10,000 rows"),
    "published": published,
    "pipeline": pipeline,
    "scaling": scaling,
    "convergence": convergence,
    "lipschitz": lipschitz,
    "stream": stream,
    "wide": wide,
    "neighbors": neighbors,
    "false-alarms": false_alarms,
    "true-alarms": true_alarms,
    "retraining": retraining,
    "encodings": encodings,
    "compare-briefly": compare_briefly,
    "perturbations": perturbations,
    "speed": speed,
    "weight": weight,
    "page-sizes": page_sizes,
    "claims": family_claims,
    "family": family,
    "hashing": hashing,
}
