"""``sanctuary config``: check, show and reference, as a person or a script meets them."""

import io
import json
import tomllib
from pathlib import Path

import pytest

from sanctuary.cli.console import stderr_console, stdout_console
from sanctuary.cli.main import run
from sanctuary.config.loading import load_settings
from sanctuary.config.reference import reference_markdown

EXAMPLE = Path(__file__).parents[2] / "docs" / "sanctuary.example.toml"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SANCTUARY_CONFIG", "NO_COLOR", "FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)


def test_the_example_passes_the_check(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["config", "check", str(EXAMPLE)]) == 0
    assert capsys.readouterr() == (f"{EXAMPLE}: no mistakes; pods 4, circles 1\n", "")


def test_the_check_lists_every_mistake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "s.toml"
    file.write_text("[site]\nid = 'A B'\n[limiter]\ngap = 3\nnight_budget = 100\n", encoding="utf-8")
    assert run(["config", "check", str(file)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == (
        "sanctuary: 3 mistakes in the settings:\n"
        f'  {file}, line 2: site.id = "A B" is refused; allowed: text matching ^[a-z0-9-]{{1,32}}$\n'
        f"  {file}, line 4: limiter.gap is not a setting; did you mean gap_s?\n"
        f"  {file}, line 5: limiter.night_budget = 100 is refused; allowed: a whole number from 0 to 60\n"
    )


def test_the_check_looks_at_the_file_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANCTUARY_SITE__ID", "NOT AN ID")
    assert run(["config", "check", str(EXAMPLE)]) == 0


def test_show_gives_a_file_with_the_settings_in_force(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SANCTUARY_SITE__ID", "quay")
    assert (
        run(["config", "show", "-c", str(EXAMPLE), "--set", "limiter.gap_s=25", "--set", "record.edf=false"])
        == 0
    )
    shown = capsys.readouterr().out
    tables = tomllib.loads(shown)
    assert tables["site"] == {"id": "quay", "gateways": ["gateway-1"], "data_dir": "/var/lib/sanctuary"}
    assert tables["limiter"]["gap_s"] == 25.0
    assert tables["record"]["edf"] is False
    assert tables["pods"][0]["headband"]["channels"] == {"AF7": 1, "AF8": 2}
    assert "# env SANCTUARY_SITE__ID\n" in shown
    assert "# option --set\n" in shown
    assert f"# {EXAMPLE}:" in shown
    assert "\x1b" not in shown


def test_show_as_json_has_settings_and_origins(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SANCTUARY_CONFIG", str(EXAMPLE))
    assert run(["config", "show", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["settings"] == load_settings(EXAMPLE).settings.model_dump(mode="json")
    assert shown["origins"]["pods[0].id"].startswith(f"{EXAMPLE}:")
    assert shown["origins"]["pod.stale_s"] == "default"


@pytest.mark.parametrize("text", ["limiter.gap=1", "limiter.gap_s", "limiter.gap_s=soon"])
def test_a_wrong_assignment_names_its_option(capsys: pytest.CaptureFixture[str], text: str) -> None:
    assert run(["config", "show", "--set", text]) == 2
    assert capsys.readouterr().err.startswith("sanctuary: --set")


def test_the_reference_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["config", "reference"]) == 0
    assert capsys.readouterr().out == reference_markdown()


class Terminal(io.StringIO):
    """A stream that calls itself a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_consoles_colour_on_a_terminal_only_and_never_with_no_color(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def written(stream: io.StringIO) -> str:
        monkeypatch.setattr(f"sys.{name}", stream)
        console = stdout_console() if name == "stdout" else stderr_console()
        console.print("[chain.gate] :zzz:", style="red")
        return stream.getvalue()

    monkeypatch.setenv("TERM", "xterm-256color")
    assert written(Terminal()) == "\x1b[31m[chain.gate] :zzz:\x1b[0m\n"
    assert written(io.StringIO()) == "[chain.gate] :zzz:\n"
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[31m" not in written(Terminal())


def test_tables_in_pipes_are_wide_unless_columns_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", io.StringIO())
    assert stdout_console().width == 120
    monkeypatch.setenv("COLUMNS", "60")
    assert stdout_console().width == 60
