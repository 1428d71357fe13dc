"""Preview of a design: its steps through a fresh limiter, and what would sound as a sound file.

Grants are left out: they may only lower or refuse more. The sleeper is assumed to stay asleep, and to be
cleared for light.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from sanctuary.commons.designs import Answer, Ask, DreamDesign, LoadedDesign, cue_for
from sanctuary.config.site_settings import LimiterSettings
from sanctuary.firmware_bridge.cues import Cue, Modality
from sanctuary.firmware_bridge.outputs.cue_track import CueTrack
from sanctuary.firmware_bridge.outputs.sound_rendering import SoundLibrary
from sanctuary.pods.limiter import Limiter, LimitReason
from sanctuary.pods.pod.player import StepReason

_SAME = 1e-9

WORDS = {
    LimitReason.TOO_LONG: "longer than limiter.max_duration_s = {max_duration_s:g}",
    LimitReason.TOO_SHORT_TO_FADE: "too short for its fades (limiter.fade_s, light_fade_s)",
    LimitReason.FLASH_RATE: "flashes faster than limiter.max_flash_hz = {max_flash_hz:g}, "
    "divided by {lamps_in_view} lamps in view",
    LimitReason.FLASHES_PER_CUE: "more flashes than limiter.flashes_per_cue = {flashes_per_cue}, "
    "divided by {lamps_in_view} lamps in view",
    LimitReason.FLASHES_PER_HOUR: "more flashes than limiter.flashes_per_hour = {flashes_per_hour}, "
    "divided by {lamps_in_view} lamps in view",
    LimitReason.FLASH_TOO_SHORT: "each flash is lit for less than a quarter of a second",
    LimitReason.SATURATED_RED: "saturated red",
    LimitReason.TOO_SOON: "less than limiter.gap_s = {gap_s:g} after the start of the cue before",
    LimitReason.STILL_SOUNDING: "the cue before still sounds",
    LimitReason.BLOCK_FULL: "limiter.cues_per_block = {cues_per_block} reached; "
    "limiter.rest_s = {rest_s:g} not over",
    LimitReason.NIGHT_BUDGET: "limiter.night_budget = {night_budget} reached",
    LimitReason.TOO_SOFT: "softer than limiter.floor_dba = {floor_dba:g} or floor_share = {floor_share:g}",
    StepReason.NO_THRESHOLD: "the pod has no threshold_dba",
}
"""What a reason in the cue log means, with the settings that are behind it."""


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """One step, or an answer.

    Attributes
    ----------
    given
        What the limiter would let through; None where refused.
    why
        Why it is refused or lowered; empty where it is given as asked for.
    """

    number: int
    at_s: float
    asked: Cue
    given: Cue | None
    why: str = ""

    @property
    def verdict(self) -> str:
        """In one word."""
        if self.given is None:
            return "refused"
        if self.given.level < self.asked.level - _SAME:
            return "lowered"
        return "longer fade" if self.why else "as asked"


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """A design in one window.

    Attributes
    ----------
    parts
        Steps of each part, in order; a pod plays one part.
    answer
        The design's answer, as the first cue of a night.
    """

    window_s: float
    parts: dict[int, tuple[Rehearsed, ...]]
    answer: Rehearsed | None

    @property
    def is_whole(self) -> bool:
        """Whether nothing is refused."""
        everything = [step for steps in self.parts.values() for step in steps]
        return all(step.given is not None for step in [*everything, *filter(None, [self.answer])])


def rehearse(
    design: DreamDesign, limits: LimiterSettings, *, window_s: float, threshold_dba: float | None
) -> Rehearsal:
    """Play a design through a new limiter for each part, from the start of a window.

    Parameters
    ----------
    window_s
        When the window closes, if the design is not over by then.
    threshold_dba
        The sleeper's; None for one whom nobody has measured.
    """
    parts = {
        part: tuple(_Rehearser(limits, threshold_dba).steps(design, part, window_s))
        for part in range(1, design.parts + 1)
    }
    answer = _Rehearser(limits, threshold_dba).answer(design.answer) if design.answer else None
    return Rehearsal(min(design.end_s, window_s), parts, answer)


class _Rehearser:
    def __init__(self, limits: LimiterSettings, threshold_dba: float | None) -> None:
        self._limits, self._threshold_dba = limits, threshold_dba
        self._limiter = Limiter(limits, light_cleared=True)
        self._last: dict[Modality, Cue] = {}

    def steps(self, design: DreamDesign, part: int, window_s: float) -> Iterator[Rehearsed]:
        number = design.next_for(0, part)
        while number is not None and (at_s := design.time_of(number)) is not None and at_s < window_s:
            yield self._judge(design.step(number), number, at_s)
            number = design.next_for(number + 1, part)

    def answer(self, answer: Answer) -> Rehearsed:
        return self._judge(answer, 0, 0.0)

    def _judge(self, ask: Ask, number: int, at_s: float) -> Rehearsed:
        asked = cue_for(ask, self._threshold_dba)
        if ask.level(self._threshold_dba) is None:
            return Rehearsed(number, at_s, asked, None, WORDS[StepReason.NO_THRESHOLD])
        limited = self._limiter.admit(asked, at_s)
        if isinstance(limited, LimitReason):
            words = WORDS.get(limited, str(limited))
            return Rehearsed(number, at_s, asked, None, words.format(**self._limits.model_dump()))
        why = self._why_changed(asked, limited)
        self._last[asked.modality] = limited
        return Rehearsed(number, at_s, asked, limited, why)

    def _why_changed(self, asked: Cue, given: Cue) -> str:
        reasons = []
        if given.level < asked.level - _SAME:
            reasons.append(self._why_lowered(given))
        if given.fade_s > asked.fade_s + _SAME:
            light = asked.modality is Modality.LIGHT
            reasons.append(f"fade of {asked.fade_s:g} s below limiter.{'light_' if light else ''}fade_s")
        return "; ".join(reasons)

    def _why_lowered(self, given: Cue) -> str:
        sound, s = given.modality is Modality.SOUND, self._limits
        cap = s.max_level_dba if sound else s.max_share
        if given.level >= cap - _SAME:
            return f"limiter.{'max_level_dba' if sound else 'max_share'} = {cap:g}"
        if given.modality not in self._last:
            start = s.start_level_dba if sound else s.start_share
            return f"first of its kind: limiter.{'start_level_dba' if sound else 'start_share'} = {start:g}"
        rise = f"ramp_db = {s.ramp_db:g}" if sound else f"ramp_share = {s.ramp_share:g}"
        return f"limiter.{rise} above the one before"


FS_HZ = 16_000
FULL_SCALE_DBA = 70.0
"""Level at the pillow that full scale stands for, as in the cue track of a night."""
_PIECE_BYTES = 1 << 20


@contextmanager
def rendered_wav(loaded: LoadedDesign, rehearsal: Rehearsal) -> Iterator[Iterator[bytes]]:
    """Render all parts together, as they would sound in one room; gives the file in pieces."""
    with TemporaryDirectory(prefix="sanctuary-design-") as folder:
        path = Path(folder) / "preview.wav"
        _render(path, loaded, rehearsal)
        with path.open("rb") as file:
            yield iter(lambda: file.read(_PIECE_BYTES), b"")


def _render(path: Path, loaded: LoadedDesign, rehearsal: Rehearsal) -> None:
    given = [
        (step.at_s, step.given)
        for steps in rehearsal.parts.values()
        for step in steps
        if step.given is not None
    ]
    track = CueTrack(path, FS_HZ, FULL_SCALE_DBA, sounds=SoundLibrary(loaded.files))
    try:
        track.open_window("preview", 0.0)
        for at_s, cue in sorted(given, key=lambda each: each[0]):
            track.play(cue, at_s)
        track.close_window(rehearsal.window_s)
    finally:
        track.close()
