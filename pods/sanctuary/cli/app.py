"""The commands as one typer application, and what a person is told when one of them fails."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Annotated

import typer

from sanctuary.config import __version__
from sanctuary.config.errors import SanctuaryError
from sanctuary.gateway.streams import say

EXIT_MISTAKE = 2


@dataclass
class Session:
    """What the options before the command ask for; commands reach it as ``ctx.obj``."""

    verbose: bool = False


def run_command(arguments: Sequence[str], registers: Iterable[str]) -> int:
    """Run one command and give its exit code; errors are told in one sentence on stderr.

    Parameters
    ----------
    arguments
        Those of the program, without its name.
    registers
        What adds the commands to choose from, as ``module:function``.
    """
    session = Session()
    try:
        command = typer.main.get_command(build_app(registers))
        code = command.main(args=arguments, prog_name="sanctuary", standalone_mode=False, obj=session)
    except Exception as error:
        if session.verbose:
            traceback.print_exception(error)
        say(sentence(_unwrap(error)))
        return EXIT_MISTAKE
    return code if isinstance(code, int) else 0


def build_app(registers: Iterable[str]) -> typer.Typer:
    """Put commands together, in order; what adds them is named as ``module:function``."""
    app = typer.Typer(
        help="Sleep pods that wait for REM in several sleepers and, with each one's consent, play them one "
        "dream design in step. Not a medical device.",
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.callback(invoke_without_command=True)(_before_command)
    for register in dict.fromkeys(registers):
        module, _, function = register.partition(":")
        getattr(import_module(module), function)(app)
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
        typer.echo(f"sanctuary {__version__}")
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
