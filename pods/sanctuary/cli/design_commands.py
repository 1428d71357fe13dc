"""``sanctuary design``: dream designs by day: check them, see and hear them, sign them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sanctuary.cli.console import stdout_console
from sanctuary.cli.options import ConfigOption, SetOption, load

if TYPE_CHECKING:
    from sanctuary.config.sanctuary import SanctuarySettings
    from sanctuary.gateway.designs.design_library import Found
    from sanctuary.gateway.designs.preview import Rehearsal

EXIT_REFUSED = 1
USUAL_THRESHOLD_DBA = 30.0
"""Taken where a design needs a threshold and none is given: a quiet bedroom."""

DesignArgument = Annotated[
    str,
    typer.Argument(
        metavar="FILE|NAME", help="A design file, or the name of a shipped design.", show_default=False
    ),
]
ThresholdOption = Annotated[
    float | None,
    typer.Option(
        metavar="DBA",
        min=0.0,
        max=45.0,
        help=f"The sleeper's threshold, for levels that go by it; {USUAL_THRESHOLD_DBA:g} if left out.",
    ),
]
LampsOption = Annotated[
    int | None, typer.Option(min=1, max=32, help="Lamps that the sleeper sees; limiter.lamps_in_view.")
]


def register(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(help="Dream designs: check them against the limits, preview and sign them.")
    group.command("check")(check)
    group.command("preview")(preview)
    group.command("sign")(sign)
    group.command("show")(show)
    app.add_typer(group, name="design")


def check(
    design: DesignArgument,
    threshold: ThresholdOption = None,
    lamps: LampsOption = None,
    config: ConfigOption = None,
    assignments: SetOption = None,
) -> None:
    """List every limit that a design would meet in one window; exit code 1 if something is refused."""
    settings = load(config, assignments).settings
    from sanctuary.cli import design_tables as tables
    from sanctuary.gateway.designs.design_library import find_design

    found = find_design(design)
    rehearsal = _rehearse(found, settings, threshold, lamps)
    console = stdout_console()
    console.print(tables.facts(found))
    for line in _conditions(found, threshold):
        console.print(line, soft_wrap=True)
    for line in tables.counts(rehearsal):
        console.print(line, soft_wrap=True)
    table = tables.departures(rehearsal)
    if table is not None:
        console.print(table)
    if not rehearsal.is_whole:
        raise typer.Exit(EXIT_REFUSED)


def preview(
    design: DesignArgument,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for NAME.wav and NAME.png.")],
    threshold: ThresholdOption = None,
    lamps: LampsOption = None,
    config: ConfigOption = None,
    assignments: SetOption = None,
) -> None:
    """Render what would be heard of one pass, and draw it along the time of the window."""
    settings = load(config, assignments).settings
    from sanctuary.gateway.designs.design_library import find_design
    from sanctuary.gateway.designs.preview import FULL_SCALE_DBA, rendered_wav
    from sanctuary.gateway.designs.timeline import timeline_png
    from sanctuary.gateway.files import check_place, write_together

    found = find_design(design)
    wav, png = out / f"{found.name}.wav", out / f"{found.name}.png"
    for path, what in ((wav, "the sound"), (png, "the picture")):
        check_place(path, what)
    rehearsal = _rehearse(found, settings, threshold, lamps, passes=1)
    loaded = found.loaded
    subtitle = f"by {loaded.design.author}, {loaded.design.licence}; SHA-256 {loaded.hash[:16]}..."
    picture = timeline_png(loaded.design.title, subtitle, rehearsal, loaded.files)
    with rendered_wav(loaded, rehearsal) as pieces:
        write_together([(wav, pieces, "the sound"), (png, [picture], "the picture")])
    console = stdout_console()
    for line in _conditions(found, threshold):
        console.print(line, soft_wrap=True)
    console.print(f"wrote {wav}: full scale stands for {FULL_SCALE_DBA:g} dBA at the pillow", soft_wrap=True)
    console.print(f"wrote {png}", soft_wrap=True)


def sign(
    design: Annotated[Path, typer.Argument(metavar="FILE", help="A design file.", show_default=False)],
    key: Annotated[Path, typer.Option(metavar="KEYFILE", help="The author's key: 32 bytes, mode 0600.")],
    new_key: Annotated[bool, typer.Option("--new-key", help="Make the key first.")] = False,
) -> None:
    """Sign a design: its author's word, in a file beside it."""
    from sanctuary.commons.designs import load_design
    from sanctuary.commons.designs.design_files import sign_design
    from sanctuary.commons.entries import key_id
    from sanctuary.gateway.designs.design_library import make_key, read_key, signature_name
    from sanctuary.gateway.files import check_place, write_whole

    loaded = load_design(design)
    path = design.with_name(signature_name(design.name))
    check_place(path, "the signature")
    signer = make_key(key) if new_key else read_key(key)
    write_whole(path, sign_design(signer, loaded.hash).decode("utf-8"), "the signature")
    path.chmod(0o644)
    console = stdout_console()
    if new_key:
        console.print(f"wrote {key}: keep it to yourself", soft_wrap=True)
    console.print(f"wrote {path}: signed by {key_id(signer)}", soft_wrap=True)


def show(design: DesignArgument) -> None:
    """Show what a design is, and its steps."""
    from sanctuary.cli import design_tables as tables
    from sanctuary.gateway.designs.design_library import find_design

    found = find_design(design)
    console = stdout_console()
    console.print(tables.facts(found))
    if found.loaded.design.steps:
        console.print(tables.programme(found.loaded.design))


def _rehearse(
    found: Found,
    settings: SanctuarySettings,
    threshold_dba: float | None,
    lamps: int | None,
    passes: int | None = None,
) -> Rehearsal:
    from sanctuary.gateway.designs.preview import rehearse

    limits, design = settings.limiter, found.loaded.design
    if lamps is not None:
        limits = limits.model_copy(update={"lamps_in_view": lamps})
    window_s = settings.coordinator.max_window_s
    if passes is not None:
        window_s = min(window_s, passes * design.length_s)
    threshold_dba = USUAL_THRESHOLD_DBA if threshold_dba is None else threshold_dba
    return rehearse(design, limits, window_s=window_s, threshold_dba=threshold_dba)


def _conditions(found: Found, threshold_dba: float | None) -> list[str]:
    """Say what was taken for granted."""
    if not found.loaded.design.needs_threshold:
        return []
    taken = "taken to lie at" if threshold_dba is None else "at"
    shown = USUAL_THRESHOLD_DBA if threshold_dba is None else threshold_dba
    return [
        f"threshold of the sleeper {taken} {shown:g} dBA; a pod without threshold_dba refuses these steps"
    ]
