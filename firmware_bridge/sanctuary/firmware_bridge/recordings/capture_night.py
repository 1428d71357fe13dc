"""A captured night as a recording: decoded by the codec of its headband, placed as it was live."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from sanctuary.config.errors import InputError, RecordingError
from sanctuary.firmware_bridge.headbands.device import DecodedStream
from sanctuary.firmware_bridge.headbands.drivers import driver_named
from sanctuary.firmware_bridge.headbands.headband import Driver, HeadbandOptions
from sanctuary.firmware_bridge.links.link import Chunk
from sanctuary.firmware_bridge.recordings.capture import CapturedLinkEvent, CaptureReader
from sanctuary.firmware_bridge.recordings.channels import choose_channels
from sanctuary.firmware_bridge.recordings.recording import RecordingInfo
from sanctuary.firmware_bridge.stream.sample_clock import SampleClock
from sanctuary.signal.samples import SampleBlock

CHAIN_CHANNELS = 2


@dataclass(frozen=True, slots=True, eq=False)
class CapturedNight:
    """One decoded capture; has the face of a `Recording`."""

    info: RecordingInfo
    warnings: tuple[str, ...]
    samples: tuple[SampleBlock, ...]

    def blocks(self, block_s: float = 30.0) -> Iterator[SampleBlock]:
        """All samples in order, in blocks of `block_s` seconds (the last may be shorter), NaN in gaps."""
        size = max(1, round(block_s * self.info.fs_hz))
        queue: list[SampleBlock] = []
        waiting = 0
        for block in self.samples:
            queue.append(block)
            waiting += block.n_samples
            while waiting >= size:
                joined = _joined(queue)
                yield _part(joined, 0, size)
                waiting -= size
                queue = [_part(joined, size, joined.n_samples)] if waiting else []
        if queue:
            yield _joined(queue)


def open_capture(path: Path, channels: Sequence[str] | None = None) -> CapturedNight:
    """Open and decode a capture.

    Parameters
    ----------
    path
        The file.
    channels
        One or two of its channels; None for the first two. They are put in the order of a recording's, left
        before right and an EEG before an EOG.

    Raises
    ------
    RecordingError
        It cannot be used, or the chain cannot use these channels; says why.
    """
    reader = CaptureReader(path)
    header = reader.header
    try:
        driver = driver_named(header.driver)
        options = HeadbandOptions(**header.options)
    except (InputError, TypeError) as error:
        raise RecordingError(f"{path}: line 1: {error}") from error
    labels = tuple(header.channels)
    choice = choose_channels(labels, labels[:CHAIN_CHANNELS] if channels is None else channels, str(path))
    sites = {labels[index]: header.channels[labels[index]] for index in choice.indices}
    if wrong := [site for site, number in sites.items() if not 1 <= number <= len(driver.inputs)]:
        raise RecordingError(
            f"{path}: line 1: {wrong[0]}: the {driver.title} has inputs 1 to {len(driver.inputs)}"
        )
    decoder = _Decoder(driver, options, sites)
    for record in reader.records():
        decoder.push(record)
    signs = np.array(choice.signs)[:, np.newaxis]
    samples = tuple(replace(block, uv=block.uv * signs) for block in decoder.finish())
    if not samples:
        raise RecordingError(f"{path}: no samples of the {driver.title} in this capture")
    n_samples = samples[-1].end
    info = RecordingInfo(
        path=path,
        fs_hz=driver.fs_hz,
        channels=tuple(sites),
        labels=tuple(sites),
        n_samples=n_samples,
        duration_s=n_samples / driver.fs_hz,
        start=_start(header.started_at, samples[0]),
        rail_uv=(driver.rail_uv(options),) * len(sites),
    )
    return CapturedNight(info, (*choice.warnings, *_warnings(path, reader, samples)), samples)


class _Decoder:
    """Decodes records as the headband's reader does live."""

    def __init__(self, driver: Driver, options: HeadbandOptions, sites: dict[str, int]) -> None:
        self._driver, self._options, self._sites = driver, options, sites
        self._clock = SampleClock(driver.fs_hz, tuple(sites), driver.counter_span)
        self._stream: DecodedStream | None = None
        self._placed: list[SampleBlock] = []

    def push(self, record: Chunk | CapturedLinkEvent) -> None:
        if isinstance(record, CapturedLinkEvent):
            self._on_event(record)
        elif self._stream is not None:
            self._stream.push(record)
            if self._stream.waiting:
                self._placed += self._clock.place(self._stream.pop_all(record))

    def finish(self) -> list[SampleBlock]:
        return [*self._placed, *self._clock.release()]

    def _on_event(self, event: CapturedLinkEvent) -> None:
        if event.what == "started":
            options = replace(self._options, firmware=event.firmware)
            codec = self._driver.session(tuple(self._sites.values()), options).codec()
            self._stream = DecodedStream(codec, self._driver.fs_hz, tuple(self._sites))
            self._placed += self._clock.connected()
        elif event.what == "closed":
            self._placed += self._clock.release()
            self._stream = None


def _start(started_at: str, first: SampleBlock) -> datetime | None:
    """Wall clock of the first sample; the capture itself began before the headband was there."""
    try:
        zero = datetime.fromisoformat(started_at).replace(tzinfo=None)
    except ValueError:
        return None
    began_s = (first.end_s or 0.0) - first.n_samples / first.fs_hz
    return zero + timedelta(seconds=max(0.0, began_s))


def _warnings(path: Path, reader: CaptureReader, samples: tuple[SampleBlock, ...]) -> tuple[str, ...]:
    warnings = []
    if reader.cut_off:
        warnings.append(f"{path}: the last {reader.cut_off} bytes are not a whole record; left out")
    missing = sum(int(block.lost.sum()) for block in samples)
    if missing:
        seconds = missing / samples[0].fs_hz
        warnings.append(
            f"{path}: {seconds:.1f} s of samples were lost on the way; they are marked as missing"
        )
    return tuple(warnings)


def _joined(blocks: list[SampleBlock]) -> SampleBlock:
    if len(blocks) == 1:
        return blocks[0]
    motion = None
    if any(block.motion_g is not None for block in blocks):
        motion = np.concatenate(
            [_motion(block) for block in blocks],
            axis=1,
        )
    uv = np.concatenate([block.uv for block in blocks], axis=1)
    return replace(blocks[0], uv=uv, motion_g=motion, end_s=blocks[-1].end_s)


def _motion(block: SampleBlock) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return block.motion_g if block.motion_g is not None else np.full((3, block.n_samples), np.nan)


def _part(block: SampleBlock, begin: int, end: int) -> SampleBlock:
    motion = block.motion_g[:, begin:end] if block.motion_g is not None else None
    return replace(block, start=block.start + begin, uv=block.uv[:, begin:end], motion_g=motion)
