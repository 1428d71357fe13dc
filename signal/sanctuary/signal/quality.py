"""Signal quality of each channel in each second, with the reasons.

Every flag is about one second of one channel; the chain averages them over the trailing 30 s. A channel that
is not usable is left out, and the chain carries on with the other one.
"""

from __future__ import annotations

from enum import IntFlag

import numpy as np
from numpy.typing import NDArray

from sanctuary.config.chain_settings import QualitySettings
from sanctuary.signal.samples import BoolArray, FloatArray

FlagArray = NDArray[np.uint8]


class QualityFlag(IntFlag):
    """What is wrong with one second of one channel; several may be."""

    LOST = 1
    """Too many samples are missing; short gaps are filled, and counted."""
    RAIL = 2
    """The amplifier is at its rail: an electrode hangs free."""
    FLAT = 4
    """Nothing moves: a shorted or unpowered input."""
    LIFTED = 8
    """Far more power than the other side: poor contact."""
    AMPLITUDE = 16
    """Larger than any EEG: a pop, or a movement of the electrode."""
    MAINS = 32
    """Mostly mains hum."""
    MOTION = 64
    """The headband moved."""
    SETTLING = 128
    """Good again, but filters and the spectral window still hold what was not."""

    @property
    def words(self) -> tuple[str, ...]:
        """Names in lower case, for reports and logs."""
        return tuple(str(each.name).lower() for each in QualityFlag if each in self)


def judge(
    settings: QualitySettings, raw_uv: FloatArray, filtered_uv: FloatArray, mains_share: FloatArray
) -> FlagArray:
    """Judge seconds by what their samples show: flat, amplitude, mains.

    Parameters
    ----------
    raw_uv, filtered_uv
        Shape ``(..., n)``: one second of repaired samples, uV, and the same after the high-pass.
    mains_share
        Shape ``(...)``: share of mains power, 0 to 1.

    Returns
    -------
    Shape ``(...)``: flags of `QualityFlag`.
    """
    flat = raw_uv.max(axis=-1) - raw_uv.min(axis=-1) < settings.flat_uv
    span_uv = filtered_uv.max(axis=-1) - filtered_uv.min(axis=-1)
    return np.asarray(
        flat * np.uint8(QualityFlag.FLAT)
        | (span_uv > settings.amplitude_limit_uv) * np.uint8(QualityFlag.AMPLITUDE)
        | (mains_share > settings.mains_share_limit) * np.uint8(QualityFlag.MAINS)
    )


def lifted(settings: QualitySettings, power_uv2: FloatArray, problems: FlagArray) -> FlagArray:
    """Find the side whose power exceeds a sound other side's by more than sleep can explain.

    Parameters
    ----------
    power_uv2
        Shape ``(n_sleepers, 2, n_seconds)``: broadband power of a pair of like channels, uV^2.
    problems
        Same shape: what is wrong with them already, settling included; only a side whose whole spectral
        window is sound proves anything about the other.
    """
    ratio = 10.0 ** (0.1 * settings.lifted_db)
    louder = (power_uv2 > ratio * power_uv2[:, ::-1]) & (problems[:, ::-1] == 0)
    return np.asarray(louder * np.uint8(QualityFlag.LIFTED))


def missing(
    settings: QualitySettings, present_share: FloatArray, present: BoolArray, real: BoolArray
) -> FlagArray:
    """Flag seconds with railed samples, and those that lack more samples than can be filled.

    Parameters
    ----------
    present_share
        Shape ``(...)``: share of the samples that were not lost, 0 to 1.
    present, real
        Shape ``(..., n)``: which were not lost; and which of them were not at the rail.

    Returns
    -------
    Shape ``(...)``.
    """
    lost = 1.0 - present_share > settings.lost_second
    railed = (present & ~real).any(axis=-1)
    return np.asarray(lost * np.uint8(QualityFlag.LOST) | railed * np.uint8(QualityFlag.RAIL))


class LostWithin:
    """Tracks the lost share of each channel's present spectral window, weighed as the window weighs power.

    Parameters
    ----------
    weights
        Shape ``(window_s,)``, summing to 1: share of each second of the window in the power.
    """

    def __init__(self, n_sleepers: int, n_channels: int, weights: FloatArray) -> None:
        self._weights = weights.tolist()
        self._past = np.zeros((n_sleepers, n_channels, len(self._weights) - 1))

    def push(self, lost: FloatArray) -> FloatArray:
        """Take the share lost of each of the next seconds, ``(n_sleepers, n_channels, m)``.

        Returns
        -------
        The same of the window that ends with each, same shape.
        """
        count, past = lost.shape[2], self._past.shape[2]
        known = np.concatenate((self._past, lost), axis=2)
        self._past = known[:, :, count:].copy()
        total = np.zeros(lost.shape)
        for k, weight in enumerate(self._weights[: past + 1]):
            total += weight * known[:, :, k : k + count]
        return total


def thinned(settings: QualitySettings, lost: FloatArray, lost_within: FloatArray) -> FlagArray:
    """Flag seconds whose spectral window lacks too much: LOST where they do themselves, else SETTLING.

    Parameters
    ----------
    lost, lost_within
        Any one shape: share of the second's samples that were lost, and of its window's, 0 to 1.
    """
    own = np.where(lost > settings.lost_window, np.uint8(QualityFlag.LOST), np.uint8(QualityFlag.SETTLING))
    return np.asarray((lost_within > settings.lost_window) * own)


def moved(settings: QualitySettings, motion_g: FloatArray) -> BoolArray:
    """Whether the headband moved in each second.

    Parameters
    ----------
    motion_g
        Shape ``(..., 3, n)``: acceleration in g, NaN where it was not measured.
    """
    seen = np.isfinite(motion_g)
    if not seen.any():
        return np.zeros(motion_g.shape[:-2], dtype=bool)
    highest = np.where(seen, motion_g, -np.inf).max(axis=-1)
    lowest = np.where(seen, motion_g, np.inf).min(axis=-1)
    return np.asarray((highest - lowest > settings.motion_g).any(axis=-1))


class Settling:
    """Tracks how long each channel has been good.

    After any problem a channel's spectrum stays unusable until the whole spectral window is free of bad
    seconds, and its eye movements for `settle_s`, while the filters ring.
    """

    def __init__(self, settings: QualitySettings, n_sleepers: int, n_channels: int, window_s: int) -> None:
        self._settle_s = settings.settle_s
        self._window_s = window_s
        self._bad_s = np.full((n_sleepers, n_channels, 1), -1.0)

    def push(self, flags: FlagArray) -> tuple[FlagArray, BoolArray]:
        """Take flags of the next seconds, ``(n_sleepers, n_channels, m)``.

        Returns
        -------
        The flags with SETTLING, and whether the filters have settled; both of the same shape.
        """
        count = flags.shape[2]
        index = np.arange(count, dtype=np.float64)
        bad = np.maximum.accumulate(np.where(flags != 0, index, self._bad_s), axis=2)
        self._bad_s = bad[..., -1:] - count
        settling = (flags == 0) & (index - bad < self._window_s)
        return np.asarray(flags | settling * np.uint8(QualityFlag.SETTLING)), np.asarray(
            index - bad > self._settle_s
        )
