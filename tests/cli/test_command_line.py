"""The frame of the command line: exit codes, one sentence per error, a light start, and manners in pipes."""

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from types import ModuleType

import pytest
import typer

from sanctuary.cli import main as cli
from sanctuary.cli.app import build_app, run_command, sentence
from sanctuary.cli.main import run, unknown_command
from sanctuary.config.errors import ConfigError, DeviceError, InputError, SanctuaryError


def command_that(action: Callable[[], object]) -> ModuleType:
    """A command module whose command, ``act``, does something."""
    module = ModuleType("command_for_a_test")

    def act() -> None:
        action()

    def register(app: typer.Typer) -> None:
        app.command("act")(act)

    module.register = register  # type: ignore[attr-defined]
    return module


def raising(error: BaseException) -> Callable[[], object]:
    def act() -> None:
        raise error

    return act


def run_with(monkeypatch: pytest.MonkeyPatch, action: Callable[[], object], *argv: str) -> int:
    monkeypatch.setitem(sys.modules, "command_for_a_test", command_that(action))
    monkeypatch.setitem(cli.COMMANDS, "act", "command_for_a_test:register")
    return run(["act"] if not argv else list(argv))


def process(
    *argv: str, code: str = "", env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code] if code else [sys.executable, "-m", "sanctuary"]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SANCTUARY_")}
    return subprocess.run(
        [*command, *argv], capture_output=True, text=True, env=clean | (env or {}), check=False
    )


def test_version_is_that_of_the_distribution(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"sanctuary {version('dream-sanctuary')}\n"


def test_without_a_command_the_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 0
    shown = capsys.readouterr().out
    assert "Usage: sanctuary" in shown
    assert "config" in shown
    assert "Not a medical device" in shown


HEAVY = {
    *("amqtt", "asyncio", "edfio", "email", "importlib.metadata", "matplotlib", "nacl", "numpy", "paho"),
    *("pydantic", "rich", "scipy", "serial", "typer"),
}
OTHERS = {
    f"sanctuary.cli.{name}" for name in ("convert", "demo", "design", "devices", "replay", "run", "wire")
}
ALL = {*HEAVY, *OTHERS, *(f"sanctuary.cli.{name}" for name in ("app", "config", "console", "options"))}


@pytest.mark.parametrize(
    ("line", "code", "free_of"),
    [
        ("--version", 0, ALL),
        ("-v --version", 0, ALL),
        ("confg", 2, ALL),
        ("zzz --version", 2, ALL),
        # typer reads options by pydantic
        ("config show --zzz", 2, (HEAVY | OTHERS) - {"typer", "pydantic", "email", "importlib.metadata"}),
        ("--zzz", 2, (HEAVY | OTHERS) - {"typer"}),
        ("--help", 0, HEAVY - {"typer", "rich"}),
    ],
)
def test_a_start_imports_only_what_it_needs(line: str, code: int, free_of: set[str]) -> None:
    program = (
        "import sys; from sanctuary.cli.main import run\n"
        f"assert run({line.split()!r}) == {code}\n"
        "print(*sys.modules)"
    )
    loaded = set(process(code=program).stdout.splitlines()[-1].split())
    assert "sanctuary.cli.main" in loaded
    assert sorted(free_of & loaded) == []


def test_every_command_is_added_by_what_the_table_names() -> None:
    for name, register in cli.COMMANDS.items():
        group = typer.main.get_command(build_app([register]))
        assert isinstance(group, typer.core.TyperGroup)
        assert set(group.commands) == {key for key, value in cli.COMMANDS.items() if value == register}, name
    everything = typer.main.get_command(build_app(cli.COMMANDS.values()))
    assert isinstance(everything, typer.core.TyperGroup)
    assert list(everything.commands) == list(cli.COMMANDS)


@pytest.mark.parametrize(
    "name", ["confg", "repla", "dem", "sound list", "DEMO", "zzz", "", "a\nb", "a  b", "it's", "r\u00e9play"]
)
def test_an_unknown_command_is_told_as_typer_would(capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert run([name]) == 2
    told = capsys.readouterr().err
    assert told == f"sanctuary: {unknown_command(name)}\n"
    assert run_command([name], cli.COMMANDS.values()) == 2
    assert capsys.readouterr().err == told


def test_settings_load_without_the_heavy_rooms() -> None:
    code = (
        "import sys; from sanctuary.cli.main import run\n"
        "assert run(['config', 'show', '--json']) == 0\n"
        "print(sorted({'numpy', 'scipy', 'matplotlib', 'amqtt'} & set(sys.modules)))"
    )
    assert process(code=code).stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["confg"], "No such command 'confg'; did you mean 'config'?"),
        (["zzz"], "No such command 'zzz'; see `sanctuary --help`"),
        (["config", "shwo"], "No such command 'shwo'; did you mean 'show'?"),
        (["config"], "Missing command; see `sanctuary config --help`"),
        (["config", "check"], "Missing argument 'FILE'; see `sanctuary config check --help`"),
        (["config", "show", "--zzz"], "No such option: --zzz; see `sanctuary config show --help`"),
        (["--zzz"], "No such option: --zzz; see `sanctuary --help`"),
        (["config", "check", "/no/such.toml"], "/no/such.toml: there is no such settings file"),
    ],
)
def test_a_mistake_is_one_sentence_on_stderr_and_exit_code_2(
    capsys: pytest.CaptureFixture[str], argv: list[str], told: str
) -> None:
    assert run(argv) == 2
    captured = capsys.readouterr()
    assert captured.err == f"sanctuary: {told}\n"
    assert captured.out == ""


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (InputError("the lid is open; shut it"), "the lid is open; shut it"),
        (DeviceError("/dev/x does not answer"), "/dev/x does not answer"),
        (ExceptionGroup("tasks", [ExceptionGroup("more", [ConfigError("a: b")])]), "a: b"),
        (
            OSError(errno.ENOSPC, "No space left on device", "/full/night.edf"),
            "/full/night.edf: No space left on device",
        ),
        (typer.BadParameter("must be even"), "Invalid value: must be even; see `sanctuary act --help`"),
        (typer.Abort(), "stopped before the end"),
    ],
)
def test_errors_raised_by_commands_are_told_in_their_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception, told: str
) -> None:
    assert run_with(monkeypatch, raising(error)) == 2
    assert capsys.readouterr().err == f"sanctuary: {told}\n"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ZeroDivisionError("division by zero"), "internal error (ZeroDivisionError: division by zero)"),
        (AssertionError(), "internal error (AssertionError)"),
        (
            ExceptionGroup("tasks", [ValueError("a"), SanctuaryError("b")]),
            "internal error (ExceptionGroup: tasks",
        ),
        (OSError("odd"), "internal error (OSError: odd)"),
    ],
)
def test_an_unexpected_error_is_no_traceback_but_asks_for_a_report(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception, told: str
) -> None:
    assert run_with(monkeypatch, raising(error)) == 2
    message = capsys.readouterr().err
    assert message.startswith(f"sanctuary: {told}")
    assert "`sanctuary --verbose ...`" in message
    assert message.count("\n") == 1


@pytest.mark.parametrize("option", ["--verbose", "-v"])
def test_verbose_shows_where_an_error_came_from(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    assert run_with(monkeypatch, raising(InputError("no")), option, "act") == 2
    message = capsys.readouterr().err
    assert message.startswith("Traceback (most recent call last)")
    assert message.endswith("sanctuary: no\n")


def test_verbose_logs_details_and_silence_is_the_default() -> None:
    code = (
        "import logging, sys, types; from sanctuary.cli import main as cli\n"
        "module = sys.modules['log'] = types.ModuleType('log')\n"
        "log = logging.getLogger('sanctuary.test')\n"
        "act = lambda: (log.debug('detail'), log.warning('care'))\n"
        "module.register = lambda app: app.command('log')(act)\n"
        "cli.COMMANDS['log'] = 'log:register'\n"
        "cli.main()"
    )
    quiet, loud = process("log", code=code), process("-v", "log", code=code)
    assert (quiet.returncode, quiet.stderr) == (0, "sanctuary: WARNING: care\n")
    assert "DEBUG sanctuary.test: detail" in loud.stderr
    assert quiet.stdout == loud.stdout == ""


def test_an_interruption_is_quiet_and_gives_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_with(monkeypatch, lambda: os.kill(os.getpid(), signal.SIGINT)) == 130
    assert capsys.readouterr() == ("", "")


def test_a_commands_own_exit_code_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_with(monkeypatch, raising(typer.Exit(3))) == 3
    assert run_with(monkeypatch, lambda: None) == 0


@pytest.mark.parametrize("flushed", ["True", "False"])
def test_a_reader_that_goes_away_is_no_error(flushed: str) -> None:
    code = (
        "import os, sys, types; from sanctuary.cli import main as cli\n"
        "read, write = os.pipe(); os.close(read); os.dup2(write, 1)\n"
        "module = sys.modules['talk'] = types.ModuleType('talk')\n"
        f"module.register = lambda app: app.command('talk')(lambda: print('x' * 10, flush={flushed}))\n"
        "cli.COMMANDS['talk'] = 'talk:register'\n"
        "cli.main()"
    )
    done = process("talk", code=code)
    assert (done.returncode, done.stderr) == (141, "")


def test_the_program_ends_with_the_code_of_run() -> None:
    done = process("config", "check", "/no/such.toml")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "sanctuary: /no/such.toml: there is no such settings file\n"
    assert process("--version").returncode == 0


def test_every_kind_of_error_has_a_sentence() -> None:
    def below(kind: type[SanctuaryError]) -> list[type[SanctuaryError]]:
        return [kind, *(inner for sub in kind.__subclasses__() for inner in below(sub))]

    assert {sentence(kind("told")) for kind in below(SanctuaryError)} == {"told"}
