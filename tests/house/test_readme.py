"""The README is true: its commands parse, the files it names are there."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from house import ROOT
from sanctuary.cli.app import build_app
from sanctuary.cli.main import COMMANDS

README = (ROOT / "README.md").read_text(encoding="utf-8")
LARGEST_PICTURE = 300_000


def console_lines(text: str) -> Iterator[str]:
    """Lines of the fenced blocks marked ``sh``."""
    for block in re.findall(r"^```sh\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL):
        yield from filter(None, map(str.strip, block.splitlines()))


def words_after(program: str) -> list[list[str]]:
    """Arguments of every line of the README that runs `program`."""
    lines = (shlex.split(line) for line in console_lines(README))
    return [words[1:] for words in lines if words[0] == program]


def commands() -> list[str]:
    """Names of our commands."""
    command = typer.main.get_command(build_app(COMMANDS.values()))
    assert isinstance(command, typer.core.TyperGroup)
    return sorted(command.commands)


def parse(arguments: list[str]) -> None:
    """Read a command line of ours to its end, as the program would, and run nothing."""
    command = typer.main.get_command(build_app(COMMANDS.values()))
    context = command.make_context("sanctuary", list(arguments))
    while isinstance(command, typer.core.TyperGroup):
        rest = [*context._protected_args, *context.args]
        name, found, rest = command.resolve_command(context, rest)
        assert found is not None
        command = found
        context = command.make_context(name, rest, parent=context)


def named_paths(text: str) -> set[str]:
    """Targets of links and pictures, and what looks like a path of the repository between backquotes."""
    links = {link for link in re.findall(r"\]\(([^)#]+)[^)]*\)", text) if "://" not in link}
    tops = "|".join(re.escape(path.name) for path in ROOT.iterdir() if path.name not in {"out", ".venv"})
    return links | set(re.findall(rf"(?<![\w/.-])((?:{tops})/[\w/.-]*)", text))


def test_every_program_in_the_readme_is_known_here() -> None:
    known = {"make", "sanctuary", "python", "cp", "."}
    assert {shlex.split(line)[0] for line in console_lines(README)} <= known
    assert len(words_after("sanctuary")) >= 8


@pytest.mark.parametrize(
    "arguments", [words for words in words_after("sanctuary") if words != ["--help"]], ids=" ".join
)
def test_command_lines_parse(arguments: list[str]) -> None:
    parse(arguments)


@pytest.mark.parametrize("line", ["demo --nope", "demo --pods 99", "replay", "config chek x.toml", "dream"])
def test_a_wrong_command_line_would_be_noticed(line: str) -> None:
    with pytest.raises(typer.TyperException):
        parse(line.split())


def test_every_command_is_shown() -> None:
    shown = {words[0] for words in words_after("sanctuary")}
    assert set(commands()) <= shown


@pytest.mark.parametrize("words", words_after("make"), ids=" ".join)
def test_make_targets_exist(words: list[str]) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(rf"^{words[0]}:", makefile, flags=re.MULTILINE)


@pytest.mark.parametrize("script", sorted({words[0] for words in words_after("python")}))
def test_options_of_scripts_exist(script: str) -> None:
    done = subprocess.run(
        [sys.executable, script, "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    used = {
        word for words in words_after("python") if words[0] == script for word in words if word[:2] == "--"
    }
    assert used <= set(re.findall(r"--[a-z-]+", done.stdout))


def test_named_files_exist() -> None:
    paths = named_paths(README)
    assert {"docs/results.md", "docs/images/demo-report.png", "benchmarks/staging_accuracy.py"} <= paths
    assert [path for path in sorted(paths) if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", sorted((ROOT / "docs").rglob("*.md")), ids=lambda path: path.name)
def test_links_of_the_documents_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)[^)]*\)", text) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []
    assert [path for path in sorted(named_paths(text) - set(links)) if not (ROOT / path).exists()] == []


def test_pictures_are_light() -> None:
    pictures = list((ROOT / "docs" / "images").iterdir())
    assert pictures
    assert all(picture.stat().st_size < LARGEST_PICTURE for picture in pictures)
