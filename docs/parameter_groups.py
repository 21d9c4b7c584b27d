"""Parameters of the estimators, in groups: how pages show them.

numpydoc writes parameters in the order of the signature. `group_parameters`, a hook of
Sphinx that runs after numpydoc, puts them under the headings of `GROUPS`.
"""

import inspect
import re

from stable_embedding.estimators.registry import ESTIMATORS

# The class whose page describes the parameters that its siblings share.
COMMON = "StableAutoencoder"

# Each parameter of each estimator is in one group.
GROUPS = {
    "Embedding": (
        "n_components",
        "n_bits",
        "packed",
        "metric",
        "metric_params",
        "n_neighbors",
        "neighbors",
    ),
    "Loss": (
        "kl_weight",
        "likelihood",
        "margin",
        "triplet_weight",
        "contraction_weight",
        "penalty",
        "sparsity",
        "sparsity_weight",
        "hamming_weight",
        "similarity",
        "similarity_weight",
        "neighbor_weight",
        "label_weight",
        "target_type",
        "extra_losses",
    ),
    "Network": (
        "hidden_layer_sizes",
        "activation",
        "encoder",
        "decoder",
        "layerwise_pretraining",
    ),
    "Training": (
        "corruption",
        "corruption_level",
        "noise",
        "batch_size",
        "learning_rate_init",
        "max_iter",
        "alpha",
        "early_stopping",
        "validation_fraction",
        "n_iter_no_change",
        "tol",
        "warm_start",
    ),
    "Detection": ("estimator", "contamination"),
    "Stability": ("init", "n_init", "consensus_weight", "random_state"),
    "Running": ("checkpoint", "callbacks", "device", "accelerator", "verbose"),
}

_FIELD = ":Parameters:"
_ENTRY = re.compile(r"    \*\*(\w+)\*\*")


def label_of(group):
    """Return the name by which pages refer to a group of the common parameters."""
    return f"common-parameters-{group.lower()}"


def entries(lines):
    """Split the body of a field into its entries: lines, by the parameter's name."""
    found = {}
    for line in lines:
        if match := _ENTRY.match(line):
            current = found[match[1]] = []
        elif not found:
            continue
        current.append(line)
    return found


def grouped(lines, *, labels=False, common=()):
    """Put the entries of a field list's parameters under the headings of groups.

    Parameters
    ----------
    lines : list of str
        reStructuredText of an object, as numpydoc writes it.

    labels : bool, default=False
        Whether pages can refer to the headings, to which links then come first.

    common : sequence of str, default=()
        Parameters that are described elsewhere, to which a last group links.

    Returns
    -------
    list of str
        The same lines, in which entries are sorted by groups. An entry that is in no
        group raises ValueError.
    """
    start = lines.index(_FIELD) + 1
    end = start
    while end < len(lines) and (not lines[end] or lines[end].startswith("    ")):
        end += 1
    of_name = entries(lines[start:end])
    body = ["", *(links_to_groups(of_name) if labels else [])]
    for group, names in GROUPS.items():
        # In the order of the docstring, which is that of the signature.
        of_group = [name for name in of_name if name in names]
        if of_group:
            body += heading(group, label_of(group) if labels else None)
        for name in of_group:
            body += of_name.pop(name)
    if of_name:
        raise ValueError(f"docs/parameter_groups.py has no group for {list(of_name)}")
    if common:
        body += [*heading("Common parameters"), *links_to_groups(common)]
    return [*lines[:start], *body, "", *lines[end:]]


def heading(text, label=None):
    """Return lines of a heading within the field of parameters."""
    name = [] if label is None else [f"       :name: {label}"]
    return [f"    .. rubric:: {text}", "       :heading-level: 4", *name, ""]


def common_parameters(estimator, common):
    """Return parameters that a sibling shares, which the common page describes."""
    shared = set(inspect.signature(common).parameters)
    shared -= set(parameters_in(inspect.getdoc(estimator)))
    return [name for name in inspect.signature(estimator).parameters if name in shared]


def parameters_in(docstring):
    """Return names in the section of parameters of a numpydoc docstring."""
    _, _, section = docstring.partition("\nParameters\n----------\n")
    section = re.split(r"\n\w[\w ]*\n-+\n", section)[0]
    return re.findall(r"^(\w+) : ", section, re.MULTILINE)


def links_to_groups(names):
    """Return lines that name parameters, and link to the groups that describe them."""
    lines = []
    for group, members in GROUPS.items():
        of_group = [f"`{name}`" for name in names if name in members]
        if of_group:
            link = f":ref:`{group} <{label_of(group)}>`"
            lines += [f"    - {link}: {', '.join(of_group)}"]
    return [*lines, ""]


def is_estimator(what, thing):
    """Tell whether what autodoc documents is an estimator of this package."""
    return what == "class" and thing in ESTIMATORS.values()


def group_parameters(app, what, name, thing, options, lines):
    """Group the parameters of an estimator's page: ``autodoc-process-docstring``."""
    if is_estimator(what, thing):
        common = common_parameters(thing, ESTIMATORS[COMMON])
        lines[:] = grouped(lines, labels=thing.__name__ == COMMON, common=common)


def shorten_signature(app, what, name, thing, options, signature, returned):
    """Show no more of a signature than is read: ``autodoc-process-signature``.

    A sibling shows what it adds. The common class shows its first parameter: the list
    of groups, which comes next, has all names.
    """
    if not is_estimator(what, thing):
        return None
    whole = inspect.signature(thing)
    left_out = common_parameters(thing, ESTIMATORS[COMMON])
    if thing.__name__ == COMMON:
        left_out = list(whole.parameters)[1:]
    if not left_out:
        return None
    own = [one for name, one in whole.parameters.items() if name not in left_out]
    return f"{str(whole.replace(parameters=own))[:-1]}, ...)", returned


def setup(app):
    """Connect the hooks, after those of numpydoc."""
    app.connect("autodoc-process-docstring", group_parameters, priority=600)
    app.connect("autodoc-process-signature", shorten_signature, priority=600)
    return {"parallel_read_safe": True}
