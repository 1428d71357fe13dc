"""The command line: ``sanctuary COMMAND``.

This module answers what needs no command, the version and a mistyped command, before it imports anything but
a few modules of the standard library; of the commands it imports the one that is asked for.

Adding a command
----------------
Write a function ``register(app: typer.Typer) -> None`` that adds the command to `app`, in a module beside
this one, and name it in `COMMANDS`. Three rules keep the frame whole:

* Light start: such a module imports the standard library, typer, `cli.options`, `cli.console`,
  `gateway.streams` and `sanctuary.config.errors` at its top, everything else inside its functions.
* Errors are raised, never printed: `SanctuaryError` for what a person can mend. `run` turns it into one
  sentence on stderr and exit code 2. Results go to stdout, progress to `cli.console.stderr_console`.
* The command is thin: it reads options (`cli.options` has the shared ones), calls the library, and shows
  the result.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import NoReturn

from sanctuary.config import __version__
from sanctuary.gateway.streams import forgiving_streams, say

COMMANDS: dict[str, str] = {
    "demo": "sanctuary.cli.demo:register",
    "replay": "sanctuary.cli.replay:register",
    "convert": "sanctuary.cli.convert:register",
    "night": "sanctuary.cli.simulate:register_night",
    "train": "sanctuary.cli.train:register",
    "run": "sanctuary.cli.run:register_run",
    "coordinate": "sanctuary.cli.run:register_coordinate",
    "pod": "sanctuary.cli.run:register_pod",
    "calibrate": "sanctuary.cli.sleeper_commands:register_calibrate",
    "devices": "sanctuary.cli.devices:register_devices",
    "scan": "sanctuary.cli.devices:register_devices",
    "virtual": "sanctuary.cli.devices:register_virtual",
    "simulate": "sanctuary.cli.simulate:register_simulate",
    "torture": "sanctuary.cli.simulate:register_torture",
    "wire": "sanctuary.cli.wire_command:register",
    "memory": "sanctuary.cli.sleeper_commands:register_memory",
    "sound": "sanctuary.cli.sound:register",
    "design": "sanctuary.cli.design_commands:register",
    "config": "sanctuary.cli.config:register",
}
"""What adds each command, as in ``--help``: commands first, then groups of commands."""

EXIT_MISTAKE = 2
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141


def main() -> NoReturn:
    """Run the command line of this process and end it."""
    sys.exit(run())


def run(argv: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code; no exception but `SystemExit` of a caller's own gets out.

    Parameters
    ----------
    argv
        Arguments without the program's name; by default those of this process.

    Returns
    -------
    int
        0 done; 2 a mistake in the options, the input or the program, told in one sentence on stderr;
        130 interrupted; 141 all done, but the reader of our output went away meanwhile.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    with forgiving_streams() as output:
        code = _run(arguments)
        sys.stdout.flush()
        if output.error is not None:
            code = code or _unprinted(output.error)
    return code


def _run(arguments: list[str]) -> int:
    rest = arguments[:]
    while rest and rest[0] in {"--verbose", "-v"}:
        del rest[0]
    try:
        if rest == ["--version"]:
            print(f"sanctuary {__version__}")  # noqa: T201 - typer's echo would import typer
            return 0
        if rest and not rest[0].startswith("-") and rest[0] not in COMMANDS:
            say(unknown_command(rest[0]))
            return EXIT_MISTAKE
        from sanctuary.cli.app import run_command

        return run_command(arguments, _registers(rest))
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


def _registers(rest: list[str]) -> list[str]:
    """List what adds the commands that a command line needs: the one it names, or all for the help."""
    if rest and rest[0] in COMMANDS:
        return [COMMANDS[rest[0]]]
    only_an_unknown_option = len(rest) == 1 and rest[0].startswith("--") and rest[0] not in {"--", "--help"}
    return [] if only_an_unknown_option else list(COMMANDS.values())


def unknown_command(name: str) -> str:
    """Say that there is no such command, and which there are that look like it; in typer's words."""
    from difflib import get_close_matches

    told = " ".join(f"No such command {name!r}".split())
    if matches := get_close_matches(name, COMMANDS):
        return f"{told}; did you mean {', '.join(map(repr, matches))}?"
    return f"{told}; see `sanctuary --help`"


def _unprinted(error: OSError) -> int:
    """Say that what was done could not be printed; a reader that went away needs no telling."""
    if isinstance(error, BrokenPipeError):
        return EXIT_BROKEN_PIPE
    told = "what was printed is lost, files that were written are whole"
    say(f"standard output: {error.strerror}; {told}")
    return EXIT_MISTAKE
