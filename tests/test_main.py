import sys

import numpy as np
import pytest

from stable_embedding import __main__ as demo


@pytest.fixture
def quick(monkeypatch, tmp_path):
    """Two seeds and three epochs for each method, in a temporary folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(demo, "N_SEEDS", 2)
    monkeypatch.setattr(demo, "N_SEEDS_DRAWN", 2)
    for name, build in demo.METHODS.items():
        limits = {} if name == "PCA" else {"max_iter": 3}
        monkeypatch.setitem(
            demo.METHODS,
            name,
            lambda seed, build=build, limits=limits: build(seed).set_params(**limits),
        )
    return tmp_path


def test_prints_a_table_and_writes_the_figure(quick, capsys):
    imread = pytest.importorskip("matplotlib.image").imread
    demo.main([])
    out, err = capsys.readouterr()
    lines = [line for line in out.splitlines() if line.startswith(tuple(demo.METHODS))]
    assert len(lines) == 3
    assert len({len(line) for line in lines}) == 1
    assert float(lines[0].split()[1]) == 0
    assert str(quick / "stable_embedding.png") in out
    assert "6/6" in err
    picture = imread(quick / "stable_embedding.png")
    assert np.ptp(picture) > 0


def test_without_matplotlib_nothing_is_trained(quick, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    monkeypatch.setattr(demo, "run", None)
    with pytest.raises(ImportError, match=r"stable_embedding\[plot\]"):
        demo.main([])


def test_the_picture_is_written_where_it_is_asked_for(quick):
    pytest.importorskip("matplotlib")
    demo.main(["--output", "other.png"])
    assert [path.name for path in quick.iterdir()] == ["other.png"]


@pytest.mark.parametrize(
    ("argument", "status", "message"),
    [
        ("--help", 0, "usage: python -m stable_embedding"),
        ("--version", 2, "unrecognized arguments: --version"),
        ("picture.png", 2, "unrecognized arguments: picture.png"),
        ("--output=none/a.png", 2, "--output none/a.png: its folder does not exist"),
    ],
)
def test_arguments_are_read_before_anything_is_trained(
    argument, status, message, quick, monkeypatch, capsys
):
    monkeypatch.setattr(demo, "run", None)
    with pytest.raises(SystemExit) as caught:
        demo.main([argument])
    assert caught.value.code == status
    assert message in "".join(capsys.readouterr())
    assert not [*quick.iterdir()]


def test_methods_are_compared_on_test_samples():
    X_train, X_test, _, _ = demo.load_split()
    seen = {sample.tobytes() for sample in X_train}
    repeats = sum(sample.tobytes() in seen for sample in X_test)
    assert repeats == 0
    assert len(X_test) == pytest.approx(len(X_train) / 2, abs=1)
