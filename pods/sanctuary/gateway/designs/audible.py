"""A rehearsed design as a sound file: what a loudspeaker would play, silence and all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from sanctuary.commons.designs import LoadedDesign
from sanctuary.firmware_bridge.outputs.soundfiles import SoundLibrary
from sanctuary.firmware_bridge.outputs.wav import CueTrack
from sanctuary.gateway.designs.rehearsal import Rehearsal

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
