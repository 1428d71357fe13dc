"""Eye movements placed by hand, and what the eye-signal watcher makes of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from eye_tracer import EyeTracer, push_second
from sanctuary.config.chain_settings import EyeSignalSettings
from sanctuary.signal.eyes import EyeSignalDetector
from sanctuary.signal.samples import EyeSignal
from signals import FloatArray, bump, pair

FS_HZ = 250
SECONDS = 30


def gaze_path(
    places: Sequence[tuple[float, float]], rise_s: float = 0.15, seconds: float = SECONDS
) -> FloatArray:
    """Gaze that moves to each (time s, place) and stays there; it begins at 0. Shape ``(n,)``."""
    at_s, gaze, place = np.arange(round(seconds * FS_HZ)) / FS_HZ, np.zeros(round(seconds * FS_HZ)), 0.0
    for begin_s, target in places:
        gaze += (target - place) * (0.5 - 0.5 * np.cos(np.pi * np.clip((at_s - begin_s) / rise_s, 0.0, 1.0)))
        place = target
    return gaze


def left_right(
    start_s: float, pace_s: float, sides: int = 4, first: float = 1.0
) -> list[tuple[float, float]]:
    """Places of a signal with so many sides, and back to the centre."""
    places = [first * (-1.0) ** k for k in range(sides)] + [0.0]
    return [(start_s + k * pace_s, place) for k, place in enumerate(places)]


def looked(
    gaze: FloatArray, amp_uv: float, other: float = 0.8, *, seed: int = 3, rms_uv: float = 10.0
) -> FloatArray:
    """Two channels of quiet REM with this gaze, ``(2, n)`` uV: positive gaze raises the left channel."""
    uv = pair(gaze.size / FS_HZ, FS_HZ, seed=seed, rms_uv=rms_uv)
    return uv + amp_uv * np.stack([gaze, -other * gaze])


def blinks(
    at_s: Sequence[float], height_uv: float, *, width_s: float = 0.4, second: float = 0.95
) -> FloatArray:
    """Deflections of the same sign in both channels."""
    n = SECONDS * FS_HZ
    shape = sum((bump(FS_HZ, n, t, width_s, height_uv) for t in at_s), np.zeros(n))
    return np.asarray(pair(SECONDS, FS_HZ, seed=5, rms_uv=10.0) + np.stack([shape, second * shape]))


def traces(uv: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Difference and mean of ``(n_sleepers, 2, n)`` uV at 50 points a second, second by second."""
    tracer = EyeTracer(float(FS_HZ), len(uv))
    seconds = [
        tracer.second(np.ascontiguousarray(uv[:, :, k * FS_HZ : (k + 1) * FS_HZ]))
        for k in range(uv.shape[2] // FS_HZ)
    ]
    return np.concatenate([s[0] for s in seconds], axis=1), np.concatenate([s[1] for s in seconds], axis=1)


def watched(
    uv: FloatArray, watcher: EyeSignalDetector | None = None, lifted_s: Sequence[int] = ()
) -> list[EyeSignal]:
    """Signals found in one sleeper's ``(2, n)`` uV; the seconds `lifted_s` are not usable."""
    return watch_traces(*traces(uv[np.newaxis]), watcher=watcher, lifted_s=lifted_s)


def watch_traces(
    difference_uv: FloatArray,
    mean_uv: FloatArray,
    *,
    watcher: EyeSignalDetector | None = None,
    lifted_s: Sequence[int] = (),
    row: int = 0,
) -> list[EyeSignal]:
    """Signals found in row `row` of traces ``(n_sleepers, n)``."""
    watcher = watcher or EyeSignalDetector(len(difference_uv), EyeSignalSettings())
    found = []
    for k in range(difference_uv.shape[1] // 50):
        part = slice(k * 50, (k + 1) * 50)
        usable = np.full(len(difference_uv), k not in lifted_s)
        found.append(push_second(watcher, k + 1.0, difference_uv[:, part], mean_uv[:, part], usable)[row])
    return [signal for signal in found if signal is not None]
