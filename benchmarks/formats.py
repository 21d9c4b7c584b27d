"""How numbers of a CSV file are written in a page.

Each function takes a cell as text. Words, such as "no" where a method cannot do
something, stay as they are.
"""

import math
from functools import partial, wraps


def number(cell):
    """Value of a cell, NaN where it has none."""
    try:
        return float(cell)
    except ValueError:
        return math.nan


def of_numbers(write):
    """Let a function of a float take a cell, and leave words as they are."""

    @wraps(write)
    def written(cell, *arguments, **options):
        try:
            value = float(cell)
        except ValueError:
            return cell
        return write(value, *arguments, **options)

    return written


@of_numbers
def fixed(value, digits=2):
    """Write a number with so many digits after the point."""
    return f"{value:.{digits}f}"


@of_numbers
def fraction(value, digits=3):
    """Write a number that is mostly below one without the zero before its point."""
    written = f"{value:.{digits}f}"
    return written.replace("0.", ".", 1) if abs(value) < 1 else written


@of_numbers
def percent(value, digits=1):
    """Write a fraction as a percentage."""
    return f"{100 * value:.{digits}f} %"


@of_numbers
def points(value, digits=1):
    """Write a difference of fractions in percentage points, with its sign."""
    return f"{100 * value:+.{digits}f}"


@of_numbers
def count(value):
    """Write a whole number with commas."""
    return f"{value:,.0f}"


@of_numbers
def moved(value):
    """Write a displacement in percent; 0 stands for rounding alone."""
    value *= 100
    if value < 1e-9:
        return "0"
    digits = 2 if value < 0.05 else 1 if value < 9.95 else 0
    return f"{value:.{digits}f}"


@of_numbers
def seconds(value):
    """Write seconds, the shorter the more digits."""
    return f"{value:.{4 if value < 0.095 else 2 if value < 9.95 else 1}f}"


whole = partial(fixed, digits=0)
