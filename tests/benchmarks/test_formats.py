"""Numbers are written as pages have them."""

import pytest

from benchmarks import formats


@pytest.mark.parametrize(
    ("write", "cell", "expected"),
    [
        (formats.fixed, "1.234", "1.23"),
        (formats.fraction, "0.5", ".500"),
        (formats.fraction, "-0.385", "-.385"),
        (formats.fraction, "0.99951", "1.000"),
        (formats.fraction, "10.25", "10.250"),
        (formats.percent, "0.035", "3.5 %"),
        (formats.points, "0.235", "+23.5"),
        (formats.points, "-0.0166", "-1.7"),
        (formats.count, "100000", "100,000"),
        (formats.moved, "1e-30", "0"),
        (formats.moved, "1e-05", "0.00"),
        (formats.moved, "0.0004", "0.04"),
        (formats.moved, "0.00117", "0.1"),
        (formats.moved, "0.067", "6.7"),
        (formats.moved, "1.128", "113"),
        (formats.seconds, "0.00088", "0.0009"),
        (formats.seconds, "1.601", "1.60"),
        (formats.seconds, "29.34", "29.3"),
    ],
)
def test_a_number(write, cell, expected):
    assert write(cell) == expected


@pytest.mark.parametrize("word", ["no", "over", ""])
@pytest.mark.parametrize(
    "write", [formats.fixed, formats.fraction, formats.moved, formats.seconds]
)
def test_words_stay(write, word):
    assert write(word) == word
