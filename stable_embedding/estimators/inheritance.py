"""Parameters that a class takes over from its parent, with their documentation."""

import inspect
import re
from inspect import Parameter, Signature

# Sections of a numpydoc docstring whose items a class shares with its parent.
_SHARED_SECTIONS = ("Parameters", "Attributes")


def takes_parameters(*replaced):
    """Make a decorator that puts a parent's parameters in the place of ``**shared``.

    scikit-learn reads an estimator's parameters from the signature of its constructor,
    and a reader from its docstring: with this both have those of the parent after the
    own ones, and nothing is written twice. Attributes are taken over alike.

    Parameters
    ----------
    *replaced : str
        Parameters of the parent that the class has not, since it has others for them.

    Returns
    -------
    callable
        From a class, whose constructor takes ``**shared`` and hands them on, to the
        same class. What it names or documents itself is not taken over.

    Examples
    --------
    >>> from inspect import signature
    >>> from stable_embedding.estimators.inheritance import takes_parameters
    >>> class Parent:
    ...     def __init__(self, width=2, *, seed=0):
    ...         self.width, self.seed = width, seed
    >>> @takes_parameters()
    ... class Child(Parent):
    ...     def __init__(self, width=3, *, depth=1, **shared):
    ...         super().__init__(width, **shared)
    ...         self.depth = depth
    >>> signature(Child)
    <Signature (width=3, *, depth=1, seed=0)>
    """

    def complete(cls):
        parent = cls.__mro__[1]
        own = [
            parameter
            for parameter in inspect.signature(cls.__init__).parameters.values()
            if parameter.kind is not Parameter.VAR_KEYWORD
        ]
        without = {parameter.name for parameter in own}.union(replaced)
        taken = [
            parameter.replace(kind=Parameter.KEYWORD_ONLY)
            for parameter in inspect.signature(parent).parameters.values()
            if parameter.name not in without
        ]
        cls.__init__.__signature__ = Signature(own + taken)
        if cls.__doc__ and parent.__doc__:  # python -OO has none
            doc, source = (
                inspect.cleandoc(cls.__doc__),
                inspect.cleandoc(parent.__doc__),
            )
            for section in _SHARED_SECTIONS:
                doc = with_items(doc, source, section, without)
            cls.__doc__ = doc
        return cls

    return complete


def with_items(doc, source, section, without=()):
    """Append items of a section of one docstring to the same section of another."""
    _, end = span(doc, section)
    own = items(doc, section)
    taken = [
        text
        for name, text in items(source, section).items()
        if name not in own and name not in without
    ]
    parts = [doc[:end].rstrip(), *map(str.rstrip, taken), doc[end:].strip()]
    return "\n\n".join(part for part in parts if part)


def items(doc, section):
    """Split a section of a docstring into the texts of its items, by name."""
    start, end = span(doc, section)
    texts = re.split(r"(?m)^(?=\S)", doc[start:end])
    return {text.split(" : ")[0]: text for text in texts if text.strip()}


def span(doc, section):
    """Find where the items of a section begin and end."""
    title = re.search(rf"(?m)^{section}\n-+\n", doc)
    if title is None:
        raise ValueError(f"the docstring has no section {section!r}")
    following = re.compile(r"(?m)^\S.*\n---+\n").search(doc, title.end())
    return title.end(), following.start() if following else len(doc)
