"""Unpacking gzip files and zip archives to a temporary folder, within bounds, as a source of samples.

What an archive says of its sizes is not believed: bytes are counted as they are written. Names in an archive
are checked before any of them is used. The folder lives as long as the recording is used.
"""

from __future__ import annotations

import errno
import gzip
import lzma
import shutil
import stat
import struct
import tempfile
import weakref
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, BinaryIO, cast

from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.recordings.recording_source import RecordingSource, Stretch, open_for_reading
from sanctuary.signal.samples import FloatArray

GZIP = b"\x1f\x8b\x08"
ZIP = (b"PK\x03\x04", b"PK\x05\x06")
LARGEST_BYTES = 8 << 30
"""No archive is unpacked beyond this; a night of 32 channels at 512 Hz has about 1 GB."""
LARGEST_RATIO = 200
"""What unpacks to more than this many times its size, and `RATIO_FROM_BYTES`, is no recording."""
RATIO_FROM_BYTES = 64 << 20
MOST_FILES = 10_000
LONGEST_DIRECTORY_BYTES = 16 << 20
"""Bounds on the directory of a zip archive, which is read into memory."""
_PIECE = 1 << 20
_END = b"PK\x05\x06"
_END_BYTES = 22
_END64_LOCATOR = b"PK\x06\x07"
_DAMAGE = (
    zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, lzma.LZMAError, EOFError, struct.error, ValueError
)  # fmt: skip


class TemporaryFolder:
    """A folder that is removed with this object, at the latest as the program ends.

    Attributes
    ----------
    path
        The folder.
    """

    def __init__(self) -> None:
        try:
            self.path = Path(tempfile.mkdtemp(prefix="sanctuary-"))
        except OSError as error:
            reason = error.strerror or str(error)
            raise RecordingError(
                f"{tempfile.gettempdir()}: no temporary folder can be made here ({reason}); set TMPDIR to a "
                "folder with room"
            ) from error
        self._finalizer = weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)

    def remove(self) -> None:
        """Remove the folder now."""
        self._finalizer()


@dataclass(frozen=True, slots=True)
class ArchiveMember:
    """One file in a zip archive: its place in the archive, and its first bytes (within gzip, if it is so)."""

    name: PurePosixPath
    head: bytes
    index: int


class _Budget:
    """Bytes that may still be written for one archive."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._packed = max(1, path.stat().st_size)
        self._written = 0

    def take(self, count: int) -> None:
        self._written += count
        if self._written > LARGEST_BYTES:
            raise RecordingError(
                f"{self._path}: unpacks to more than {LARGEST_BYTES >> 30} GiB; unpack it yourself and name "
                "the recording"
            )
        if self._written > max(RATIO_FROM_BYTES, LARGEST_RATIO * self._packed):
            raise RecordingError(
                f"{self._path}: unpacks to more than {LARGEST_RATIO} times its size, which no recording "
                "does; if you trust it, unpack it yourself and name the recording"
            )


def gunzip(path: Path, folder: TemporaryFolder) -> tuple[Path, list[str]]:
    """Unpack a gzip file.

    Returns
    -------
    The file, named as `path` without ``.gz``, and what must be said of it: a file that is cut off is used as
    far as it goes.

    Raises
    ------
    RecordingError
        It is damaged, unpacks to too much, or there is no room for it.
    """
    target = folder.path / _plain_name(path.name)
    warnings = []
    with open_for_reading(path, "a recording") as file, gzip.GzipFile(fileobj=file) as stream:
        budget = _Budget(path)
        try:
            _write(_pieces(stream), target, budget)
        except EOFError:
            warnings.append("the gzip file is cut off; what could be unpacked is used")
        except _DAMAGE as error:
            raise RecordingError(
                f"{path}: the gzip file is damaged ({error}); use an undamaged copy"
            ) from error
    return target, warnings


def first_bytes(stream: IO[bytes], count: int) -> bytes:
    """First bytes of a file, or of what gzip holds in it; as far as they can be unpacked."""
    try:
        return _through_gzip(stream).read(count)
    except _DAMAGE:
        return b""


class ZipArchive:
    """A zip archive whose names have been checked.

    Parameters
    ----------
    path
        The archive.

    Raises
    ------
    RecordingError
        It is damaged, encrypted, has too many files, or names places outside itself.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._opened() as archive:
            entries = archive.infolist()
        if len(entries) > MOST_FILES:
            raise RecordingError(
                f"{path}: holds {len(entries)} files; unpack it yourself and name the recording"
            )
        self._names = {
            index: _safe_name(path, entry)
            for index, entry in enumerate(entries)
            if not entry.filename.endswith(("/", "\\"))
        }
        twice = len(set(self._names.values())) < len(self._names)
        if twice:
            raise RecordingError(
                f"{path}: holds two files of one name; unpack it yourself and name the recording"
            )

    def members(self, head_bytes: int) -> Iterator[ArchiveMember]:
        """Every file with its first bytes; hidden files and those of macOS are passed over."""
        with self._opened() as archive:
            for index, name in self._names.items():
                if not any(part.startswith((".", "__MACOSX")) for part in name.parts):
                    yield ArchiveMember(name, self._head(archive, index, head_bytes), index)

    def unpack(self, members: Iterable[ArchiveMember], folder: TemporaryFolder) -> dict[ArchiveMember, Path]:
        """Unpack some files, gzip within the archive too; folders within the archive are kept."""
        budget, found = _Budget(self._path), {}
        with self._opened() as archive:
            entries = archive.infolist()
            for member in members:
                target = folder.path.joinpath(*member.name.parent.parts, _plain_name(member.name.name))
                with self._damage(member.name), archive.open(entries[member.index]) as stream:
                    _write(_pieces(_through_gzip(stream)), target, budget)
                found[member] = target
        return found

    def beside(self, member: ArchiveMember) -> list[ArchiveMember]:
        """Give the member and all files of its folder: those of several files need one another."""
        return [
            ArchiveMember(name, b"", index)
            for index, name in self._names.items()
            if index != member.index and name.parent == member.name.parent
        ] + [member]

    def _head(self, archive: zipfile.ZipFile, index: int, count: int) -> bytes:
        with self._damage(self._names[index]), archive.open(archive.infolist()[index]) as stream:
            return first_bytes(stream, count)

    @contextmanager
    def _opened(self) -> Iterator[zipfile.ZipFile]:
        with open_for_reading(self._path, "a recording") as file:
            size = _directory_bytes(file)
            if size > LONGEST_DIRECTORY_BYTES:
                raise RecordingError(
                    f"{self._path}: its directory is too long for a recording's; unpack it yourself"
                )
            with self._damage(None):
                archive = zipfile.ZipFile(file)
            with archive:
                yield archive

    @contextmanager
    def _damage(self, name: PurePosixPath | None) -> Iterator[None]:
        where = self._path if name is None else f"{self._path}: {name}"
        try:
            yield
        except _DAMAGE as error:
            raise RecordingError(
                f"{where}: the zip archive is damaged ({error}); use another copy"
            ) from error
        except NotImplementedError as error:
            raise RecordingError(
                f"{where}: is packed in an unusual way ({error}); unpack it yourself"
            ) from error
        except RuntimeError as error:  # zipfile's word for a missing password
            raise RecordingError(f"{where}: cannot be unpacked ({error}); unpack it yourself") from error


def _safe_name(path: Path, entry: zipfile.ZipInfo) -> PurePosixPath:
    """Name of a file in an archive; some Windows programs write it with backslashes."""
    name = PurePosixPath(entry.filename.replace("\\", "/"))
    if not name.name:
        raise RecordingError(
            f"{path}: the zip archive is damaged (it holds a file without a name); use another copy"
        )
    if name.is_absolute() or ".." in name.parts or ":" in name.parts[0]:
        raise RecordingError(f"{path}: names a place outside itself ({entry.filename!r}); do not trust it")
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise RecordingError(f"{path}: {name} is a link to another place; pack the file itself")
    if entry.flag_bits & 1:
        raise RecordingError(f"{path}: is encrypted; unpack it with its password and name the recording")
    return name


def _directory_bytes(file: BinaryIO) -> int:
    """Length of an archive's directory, which zipfile reads whole, by its end record; 0 if it has none."""
    size = file.seek(0, 2)
    tail_from = max(0, size - _END_BYTES - 0xFFFF - _END_BYTES)
    file.seek(tail_from)
    tail = file.read()
    file.seek(0)
    end = tail.rfind(_END)
    if end < 0 or end + _END_BYTES > len(tail):
        return 0
    length = int.from_bytes(tail[end + 12 : end + 16], "little")
    locator = tail[max(0, end - 20) : end]
    if locator[:4] == _END64_LOCATOR and len(locator) == 20:
        file.seek(min(int.from_bytes(locator[8:16], "little"), size))
        record = file.read(48)
        file.seek(0)
        length = max(length if length < 0xFFFFFFFF else 0, int.from_bytes(record[40:48], "little"))
    return length


def _plain_name(name: str) -> str:
    lower = name.lower()
    if lower.endswith(".gz") and len(name) > 3:
        return name[:-3]
    return f"{name[:-1]}" if lower.endswith((".xdfz", ".edfz", ".bdfz")) else name


def _through_gzip(stream: IO[bytes]) -> IO[bytes]:
    """Look through one gzip layer, if there is one."""
    magic = stream.read(len(GZIP))
    stream.seek(0)
    return cast("IO[bytes]", gzip.GzipFile(fileobj=stream)) if magic == GZIP else stream


def _pieces(stream: Any) -> Iterator[bytes]:
    """Bytes as they come: a longer read would lose what lies before a cut."""
    while piece := stream.read1(_PIECE):
        yield piece


def _write(pieces: Iterator[bytes], target: Path, budget: _Budget) -> None:
    with _room(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        file = target.open("wb")
    with file:
        for piece in pieces:
            budget.take(len(piece))
            with _room(target):
                file.write(piece)
        with _room(target):
            file.flush()


@contextmanager
def _room(target: Path) -> Iterator[None]:
    """Say where unpacking failed for want of room or permission."""
    try:
        yield
    except OSError as error:
        place = tempfile.gettempdir()
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise RecordingError(
                f"{place}: too little room to unpack {target.name}; free space, or set TMPDIR to a folder "
                "with room"
            ) from error
        reason = error.strerror or str(error)
        raise RecordingError(
            f"{place}: {target.name} cannot be unpacked here ({reason}); set TMPDIR"
        ) from error


class UnpackedSource(RecordingSource):
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

    def __init__(self, opens: Callable[[], RecordingSource], path: Path, folder: TemporaryFolder) -> None:
        self.path, self._folder = path, folder
        try:
            with self._named():
                self._inner = inner = opens()
        except BaseException:
            folder.remove()
            raise
        self.format, self.channels, self.start = inner.format, inner.channels, inner.start
        self.annotations, self.warnings = inner.annotations, inner.warnings

    def pieces(self, chosen: Sequence[int]) -> Iterator[Stretch]:
        with self._named():
            yield from self._inner.pieces(chosen)

    def rail(self, index: int) -> float:
        with self._named():
            return self._inner.rail(index)

    def scale(self, index: int) -> tuple[float, float, int, int] | None:
        return self._inner.scale(index)

    def probe(self, chosen: Sequence[int], most: int) -> FloatArray:
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
