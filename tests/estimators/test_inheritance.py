from inspect import Parameter, signature

import pytest

from stable_embedding.estimators.inheritance import items, takes_parameters, with_items


class Parent:
    """A parent.

    Parameters
    ----------
    width : int, default=2
        How wide.

    seed : int, default=0
        Where
        it starts.

    Attributes
    ----------
    found_ : int
        What was found.

    Notes
    -----
    None.
    """

    def __init__(self, width=2, *, seed=0):
        self.width = width
        self.seed = seed


@takes_parameters()
class Child(Parent):
    """A child.

    Parameters
    ----------
    width : int, default=3
        How wide it is.

    depth : int, default=1
        How deep.

    Attributes
    ----------
    lost_ : int
        What was lost.

    See Also
    --------
    Parent : Its parent.
    """

    def __init__(self, width=3, *, depth=1, **shared):
        super().__init__(width, **shared)
        self.depth = depth


@takes_parameters("width")
class Grandchild(Child):
    """A grandchild.

    Parameters
    ----------
    size : int, default=4
        How wide in fact.

    Attributes
    ----------
    lost_ : int
        What was lost again.
    """

    def __init__(self, size=4, **shared):
        super().__init__(size, **shared)


def test_a_signature_has_the_parents_parameters_after_the_own():
    assert list(signature(Child).parameters) == ["width", "depth", "seed"]
    parameters = signature(Child).parameters
    assert parameters["width"].default == 3
    assert parameters["seed"].default == 0
    assert parameters["seed"].kind is Parameter.KEYWORD_ONLY


def test_what_is_given_arrives():
    child = Child(5, depth=6, seed=7)
    assert vars(child) == {"width": 5, "depth": 6, "seed": 7}


def test_what_is_unknown_is_refused():
    with pytest.raises(TypeError, match="height"):
        Child(height=1)


def test_parameters_can_be_replaced():
    assert list(signature(Grandchild).parameters) == ["size", "depth", "seed"]
    assert vars(Grandchild(8)) == {"width": 8, "depth": 1, "seed": 0}


def test_a_docstring_has_the_items_of_the_parents():
    assert list(items(Child.__doc__, "Parameters")) == ["width", "depth", "seed"]
    assert list(items(Child.__doc__, "Attributes")) == ["lost_", "found_"]
    assert "How wide it is." in items(Child.__doc__, "Parameters")["width"]
    assert "Where\n    it starts." in items(Child.__doc__, "Parameters")["seed"]
    assert Child.__doc__.endswith("See Also\n--------\nParent : Its parent.")
    assert list(items(Grandchild.__doc__, "Parameters")) == ["size", "depth", "seed"]
    assert "again" in items(Grandchild.__doc__, "Attributes")["lost_"]


def test_a_docstring_without_the_section_is_refused():
    with pytest.raises(ValueError, match="no section 'Attributes'"):
        with_items("A class.", Parent.__doc__, "Attributes")
