"""A recording that was unpacked to a temporary folder: the folder lives as long as the recording is used."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.recordings.source import Piece, Source
from sanctuary.firmware_bridge.recordings.unpacking import TemporaryFolder
from sanctuary.signal.samples import FloatArray


class Unpacked(Source):
    """A source in a temporary folder, under the name of the archive that a person knows.

    Parameters
    ----------
    opens
        Opens the source in the folder.
    path
        The archive.
    folder
        Where it was unpacked; removed if `opens` fails, else with this source.

    Raises
    ------
    RecordingError
        The source cannot be used.
    """

    def __init__(self, opens: Callable[[], Source], path: Path, folder: TemporaryFolder) -> None:
        self.path, self._folder = path, folder
        try:
            with self._named():
                self._inner = inner = opens()
        except BaseException:
            folder.remove()
            raise
        self.format, self.channels, self.start = inner.format, inner.channels, inner.start
        self.annotations, self.warnings = inner.annotations, inner.warnings

    def pieces(self, chosen: Sequence[int]) -> Iterator[Piece]:
        """Stretches of the chosen channels, which have one rate, in their units; may be called again."""
        with self._named():
            yield from self._inner.pieces(chosen)

    def rail(self, index: int) -> float:
        """Magnitude, in the channel's unit, at which it rails."""
        with self._named():
            return self._inner.rail(index)

    def scale(self, index: int) -> tuple[float, float, int, int] | None:
        """How the unpacked file stores a channel."""
        return self._inner.scale(index)

    def probe(self, chosen: Sequence[int], most: int) -> FloatArray:
        """Give up to `most` seconds spread over the recording, shape ``(channels, n, samples a second)``."""
        with self._named():
            return self._inner.probe(chosen, most)

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Put the archive's name for the temporary folder's into messages."""
        try:
            yield
        except RecordingError as error:
            text = str(error).replace(f"{self._folder.path}/", f"{self.path}: ")
            raise RecordingError(text.replace(f"{self.path}: {self.path}: ", f"{self.path}: ")) from error
