"""What the commands about designs print: tables and lines for a terminal or a pipe."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby

from rich.table import Table

from sanctuary.commons.designs import Ask, DreamDesign
from sanctuary.commons.designs.design_files import Misfit, Signed, Verdict
from sanctuary.firmware_bridge.cues import Cue, Modality
from sanctuary.gateway.designs.design_library import Found
from sanctuary.gateway.designs.preview import Rehearsal, Rehearsed


def facts(found: Found) -> Table:
    """List what a design is: everything but its steps."""
    design = found.loaded.design
    table = Table(show_header=False, title=design.title, title_justify="left", box=None)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in (
        ("author", design.author),
        ("licence", design.licence),
        ("file", found.place),
        ("SHA-256", found.loaded.hash),
        ("signature", verdict_words(found.signature)),
        ("length", f"{duration(design.length_s)}{', again and again' if design.looping else ''}"),
        ("parts", str(design.parts)),
        ("steps", steps_words(design)),
        ("modalities", ", ".join(design.modalities) or "none: silent"),
        ("levels", "above the sleeper's threshold" if design.needs_threshold else "in dBA and shares"),
        ("answer", answer_words(design)),
    ):
        table.add_row(name, text)
    for file in design.files:
        length_s = found.loaded.files[file.sha256].duration_s
        table.add_row("sound file", f'"{file.name}", {length_s:.1f} s, {file.licence}, {file.sha256}')
    return table


def programme(design: DreamDesign) -> Table:
    """List the steps of one pass, as asked for."""
    table = Table("step", "at", "part", "kind", "level", "length", "fade", "of what")
    for index, step in enumerate(design.steps):
        part = "every" if step.part is None else str(step.part)
        row = (level_words(step), f"{step.duration_s:g} s", f"{step.fade_s:g} s", content_words(step))
        table.add_row(str(index), clock(step.at_s), part, str(step.modality), *row)
    return table


def departures(rehearsal: Rehearsal) -> Table | None:
    """List the steps that the limiter changes or refuses; None where there are none."""
    table = Table("part", "step", "at", "kind", "asked", "given", "why")
    for part, steps in rehearsal.parts.items():
        for first, last in _runs(steps):
            numbers = str(first.number) if first is last else f"{first.number} to {last.number}"
            table.add_row(str(part), numbers, clock(first.at_s), *_departure(first))
    if rehearsal.answer is not None and rehearsal.answer.why:
        table.add_row("", "answer", "", *_departure(rehearsal.answer))
    return table if table.row_count else None


def _runs(steps: Iterable[Rehearsed]) -> Iterator[tuple[Rehearsed, Rehearsed]]:
    """Find the steps that are changed, one by one, and those refused for one reason in a row."""
    for (refused, why), group in groupby(steps, key=lambda step: (step.given is None, step.why)):
        run = list(group)
        if refused:
            yield run[0], run[-1]
        elif why:
            yield from ((step, step) for step in run)


def _departure(step: Rehearsed) -> tuple[str, str, str, str]:
    given = "refused" if step.given is None else _level(step.given)
    return str(step.asked.modality), _level(step.asked), given, step.why


def counts(rehearsal: Rehearsal) -> Iterator[str]:
    """One line for each part: how many steps of each verdict."""
    for part, steps in rehearsal.parts.items():
        found = Counter(step.verdict for step in steps)
        verdicts = ", ".join(
            f"{found[name]} {name}"
            for name in ("as asked", "lowered", "longer fade", "refused")
            if found[name] or name in ("as asked", "refused")
        )
        name = f"part {part}: " if len(rehearsal.parts) > 1 else ""
        yield f"{name}{len(steps)} steps in a window of {duration(rehearsal.window_s)}: {verdicts}"


def verdict_words(verdict: Verdict) -> str:
    """Say what a signature is worth."""
    if isinstance(verdict, Signed):
        return f"signed by {verdict.by}"
    return f"does not fit: {verdict.reason}" if isinstance(verdict, Misfit) else "unsigned"


def steps_words(design: DreamDesign) -> str:
    """Count the steps of one pass, by part where parts differ."""
    if design.parts == 1:
        return str(len(design.steps))
    each = (sum(step.is_for(part) for step in design.steps) for part in range(1, design.parts + 1))
    return ", ".join(f"{count} for part {part}" for part, count in enumerate(each, start=1))


def answer_words(design: DreamDesign) -> str:
    """Describe what another sleeper's eye signal is answered with."""
    answer = design.answer
    if answer is None:
        return "none"
    who = "" if answer.part is None else f" by part {answer.part}"
    return (
        f"to {answer.signal} of another{who}: {answer.modality}, {level_words(answer)}, "
        f"{answer.duration_s:g} s, {content_words(answer)}, at most {answer.max_per_window} a window"
    )


def level_words(ask: Ask) -> str:
    """Write a level as the file has it."""
    if ask.level_above_threshold_db is not None:
        return f"threshold {ask.level_above_threshold_db:+g} dB"
    return (
        f"{ask.level_dba:g} dBA" if ask.modality is Modality.SOUND else f"{100 * (ask.level_share or 0):g} %"
    )


def content_words(ask: Ask) -> str:
    """Say what sounds or shines."""
    if ask.file_sha256 is not None:
        return f"file {ask.file_sha256[:12]}"
    if ask.modality is Modality.SOUND:
        return ", ".join(f"{tone:g}" for tone in ask.tones_hz) + " Hz"
    parts = [f"rgb {ask.rgb[0]} {ask.rgb[1]} {ask.rgb[2]}"] if ask.rgb else []
    parts += [f"{ask.flash_hz:g} flashes a second"] if ask.flash_hz else []
    return ", ".join(parts) or "steady"


def duration(seconds: float) -> str:
    """Write a length in minutes, or in seconds where it is short."""
    return f"{seconds:g} s" if seconds < 60.0 else f"{seconds / 60.0:g} min"


def clock(seconds: float) -> str:
    """Write a moment as minutes and seconds."""
    return f"{int(seconds // 60)}:{seconds % 60:04.1f}".removesuffix(".0")


def _level(cue: Cue) -> str:
    return f"{cue.level:.1f} dBA" if cue.modality is Modality.SOUND else f"{100 * cue.level:.1f} %"
