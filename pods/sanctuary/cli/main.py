"""The command line: ``sanctuary COMMAND``.

Adding a command
----------------
Write ``commands/NAME.py`` with one function, ``register(app: typer.Typer) -> None``, that adds the command
to `app`, and name the module in `COMMANDS`. Three rules keep the frame whole:

* Light start: a command module imports the standard library, typer, `commands.options`, `consoles` and
  `sanctuary.config.errors` at its top, everything else inside its functions.
* Errors are raised, never printed: `SanctuaryError` for what a person can mend. `run` turns it into one
  sentence on stderr and exit code 2. Results go to stdout, progress to `consoles.stderr_console`.
* The command is thin: it reads options (`commands.options` has the shared ones), calls the library, and
  shows the result.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, NoReturn

import typer

from sanctuary.cli import (
    config,
    convert,
    demo,
    design,
    devices,
    replay,
    simulate,
    sleeper,
    sound,
    train,
    wire,
)
from sanctuary.cli import run as running
from sanctuary.config.errors import SanctuaryError
from sanctuary.gateway.streams import forgiving_streams, say

COMMANDS: tuple[Callable[[typer.Typer], None], ...] = (
    demo.register,
    replay.register,
    convert.register,
    simulate.register_night,
    train.register,
    running.register_run,
    running.register_coordinate,
    running.register_pod,
    sleeper.register_calibrate,
    sleeper.register_memory,
    devices.register_devices,
    devices.register_virtual,
    simulate.register_simulate,
    simulate.register_torture,
    sound.register,
    design.register,
    config.register,
    wire.register,
)
"""What adds each command, in the order in which ``--help`` lists them."""

EXIT_MISTAKE = 2
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141


@dataclass
class Session:
    """What the options before the command ask for; commands reach it as ``ctx.obj``."""

    verbose: bool = False


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
    with forgiving_streams() as output:
        code = _run(argv)
        sys.stdout.flush()
        if output.error is not None:
            code = code or _unprinted(output.error)
    return code


def _run(argv: Sequence[str] | None) -> int:
    session = Session()
    try:
        command = typer.main.get_command(build_app())
        code = command.main(args=argv, prog_name="sanctuary", standalone_mode=False, obj=session)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except Exception as error:
        if session.verbose:
            traceback.print_exception(error)
        say(sentence(_unwrap(error)))
        return EXIT_MISTAKE
    return code if isinstance(code, int) else 0


def build_app() -> typer.Typer:
    """Put the commands together."""
    app = typer.Typer(
        help="Sleep pods that wait for REM in several sleepers and, with each one's consent, play them one "
        "dream design in step. Not a medical device.",
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.callback(invoke_without_command=True)(_before_command)
    for register in COMMANDS:
        register(app)
    return app


def sentence(error: BaseException) -> str:
    """Say in one sentence what went wrong and what to do."""
    if isinstance(error, SanctuaryError):
        return str(error)
    if isinstance(error, typer.TyperException):
        return _usage_sentence(error)
    if isinstance(error, typer.Abort):
        return "stopped before the end"
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.filename}: {error.strerror}"
    told = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return f"internal error ({told}); run it again as `sanctuary --verbose ...` and report what that shows"


def _before_command(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Log details and show where an error came from.")
    ] = False,
) -> None:
    context.ensure_object(Session).verbose = verbose
    if version:
        from importlib.metadata import version as version_of

        typer.echo(f"sanctuary {version_of('dream-sanctuary')}")
        raise typer.Exit
    _set_up_logging(verbose=verbose)
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def _set_up_logging(*, verbose: bool) -> None:
    import logging

    style = (
        "%(asctime)s %(levelname)s %(name)s: %(message)s"
        if verbose
        else "sanctuary: %(levelname)s: %(message)s"
    )
    logging.basicConfig(level=logging.DEBUG if verbose else logging.WARNING, format=style)


def _usage_sentence(error: typer.TyperException) -> str:
    message = " ".join(error.format_message().split()).replace(". Did you", "; did you").rstrip(".")
    if message.endswith("?"):
        return message
    context = getattr(error, "ctx", None)
    return f"{message}; see `{context.command_path if context else 'sanctuary'} --help`"


def _unwrap(error: BaseException) -> BaseException:
    """Take a lone error out of the groups that task groups put around it."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _unprinted(error: OSError) -> int:
    """Say that what was done could not be printed; a reader that went away needs no telling."""
    if isinstance(error, BrokenPipeError):
        return EXIT_BROKEN_PIPE
    told = "what was printed is lost, files that were written are whole"
    say(f"standard output: {error.strerror}; {told}")
    return EXIT_MISTAKE
