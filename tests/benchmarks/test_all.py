"""Every benchmark is run once, and again when its sources change."""

import sys
from argparse import ArgumentParser
from importlib import import_module

import pytest

from benchmarks import all as benchmarks_all
from benchmarks.all import COMMANDS, Command, Ledger, run, run_all
from benchmarks.sources import HERE, fingerprint

# Modules that others use, or that measure nothing.
NOT_RUN = {
    "__init__",
    "adapters",
    "all",
    "datasets",
    "fill",
    "fingerprints",
    "formats",
    "memory",
    "methods",
    "page_numbers",
    "page_tables",
    "peers",
    "results",
    "sources",
    "timing",
}


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "ledger.json")


@pytest.fixture
def sources(monkeypatch):
    """What stands for the sources of each module."""
    sources = {"one": "a", "two": "b"}
    monkeypatch.setattr(benchmarks_all, "fingerprint", sources.get)
    return sources


class Runner:
    """Runs nothing, and remembers what it was told to run."""

    def __init__(self, failing=()):
        self.failing = failing
        self.lines = []

    def __call__(self, line):
        self.lines.append(line)
        module = line[2].removeprefix("benchmarks.")
        return module not in self.failing, f"the end of {module}"

    @property
    def modules(self):
        return [line[2].removeprefix("benchmarks.") for line in self.lines]


class Parsed(Exception):
    """Ends a benchmark once its arguments are read."""


@pytest.mark.parametrize(
    "command",
    [command for command in COMMANDS if command.module != "picture"],  # takes none
    ids=lambda command: command.name,
)
def test_benchmarks_take_the_arguments_that_they_are_run_with(command, monkeypatch):
    for package in command.packages:
        pytest.importorskip(package)
    parse_args = ArgumentParser.parse_args

    def parse_and_stop(parser, *given):
        parse_args(parser, *given)
        raise Parsed

    monkeypatch.setattr(ArgumentParser, "parse_args", parse_and_stop)
    for quick in (False, command.quick):
        _, _, module, *arguments = command.arguments("folder", quick)
        monkeypatch.setattr(sys, "argv", [module, *arguments])
        with pytest.raises(Parsed):
            import_module(module).main()


def test_no_benchmark_is_forgotten():
    modules = {path.stem for path in HERE.glob("*.py")}
    assert {command.module for command in COMMANDS} == modules - NOT_RUN


def test_options_are_those_that_scripts_know():
    for command in COMMANDS:
        text = (HERE / f"{command.module}.py").read_text(encoding="utf-8")
        for option, has in {
            "--data-dir": command.data,
            "--quick": command.quick and not command.options,
        }.items():
            if has:
                assert f'"{option}"' in text, (command.name, option)


def test_what_was_run_is_not_run_again(ledger, sources):
    commands, runner = [Command("one"), Command("two")], Runner()
    assert run_all(commands, ledger, run=runner) == {}
    assert runner.modules == ["one", "two"]
    again = Ledger(ledger.path)
    run_all(commands, again, run=runner)
    assert runner.modules == ["one", "two"]
    sources["two"] = "changed"
    run_all(commands, again, run=runner)
    assert runner.modules == ["one", "two", "two"]
    run_all(commands, again, force=True, run=runner)
    assert runner.modules == ["one", "two", "two", "one", "two"]


@pytest.mark.usefixtures("sources")
def test_what_was_run_without_data_is_run_with_them(ledger):
    commands, runner = [Command("one", data=True), Command("two")], Runner()
    run_all(commands, ledger, run=runner)
    run_all(commands, ledger, "folder", run=runner)
    assert runner.modules == ["one", "two", "one"]
    run_all(commands, ledger, "folder", run=runner)
    run_all(commands, ledger, run=runner)
    assert runner.modules == ["one", "two", "one"]


@pytest.mark.usefixtures("sources")
def test_a_failure_is_told_and_tried_again(ledger):
    commands = [Command("one"), Command("two")]
    runner = Runner(failing=["one"])
    assert run_all(commands, ledger, run=runner) == {"one": "the end of one"}
    assert runner.modules == ["one", "two"]
    run_all(commands, ledger, run=runner)
    assert runner.modules == ["one", "two", "one"]


@pytest.mark.usefixtures("sources")
def test_a_quick_run_is_not_noted(ledger):
    runner = Runner()
    run_all([Command("one")], ledger, quick=True, run=runner)
    assert runner.lines[0][-1] == "--quick"
    assert not ledger.entries
    assert not ledger.path.exists()


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (Command("one", packages=("no_such_package",)), "no_such_package"),
        (Command("one", data=True, needs_data=True), "--data-dir"),
        (Command("one", quick=False), "--quick"),
    ],
)
def test_what_cannot_be_run_says_why(command, reason, ledger, capsys):
    runner = Runner()
    run_all([command], ledger, quick=True, run=runner)
    assert not runner.lines
    assert reason in capsys.readouterr().out


def test_data_go_where_they_are_read():
    reads, other = Command("one", data=True), Command("two")
    assert reads.arguments("folder", False)[-2:] == ["--data-dir", "folder"]
    assert other.arguments("folder", False)[-1] == "benchmarks.two"


def test_sources_are_the_script_and_what_it_imports(tmp_path):
    here, package = tmp_path / "benchmarks", tmp_path / "package"
    here.mkdir()
    package.mkdir()
    (here / "one.py").write_text(
        "import numpy\nfrom .two import x\nfrom . import three"
    )
    for name in ("two", "three", "four"):
        (here / f"{name}.py").write_text("")
    (package / "core.py").write_text("")
    before = fingerprint("one", here, package)
    (here / "four.py").write_text("x = 1")
    assert fingerprint("one", here, package) == before
    for path in (here / "two.py", here / "three.py", package / "core.py"):
        path.write_text("x = 1")
        after = fingerprint("one", here, package)
        assert after != before
        before = after


def test_a_command_runs_in_a_process_of_its_own():
    assert run([sys.executable, "-c", "print('done')"]) == (True, "done")
    failed, tail = run([sys.executable, "-c", "raise ValueError('too large')"])
    assert not failed
    assert "too large" in tail
