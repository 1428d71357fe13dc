"""Every measure by its name, with its unit, its source and what it is computed from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np

from sanctuary.signal.measures import bands, graphoelements, pair, shape, waveform
from sanctuary.signal.measures.rows import contiguous
from sanctuary.signal.samples import FloatArray


class Needs(Enum):
    """What a measure is computed from: the arguments of `compute`, values first."""

    SPECTRUM = ("spectrum", "freq_hz")
    """Density ``(..., n_freqs)``, uV^2/Hz."""
    WAVEFORM = ("eeg_uv", "fs_hz")
    """Samples ``(..., n)``, uV."""
    PAIR = ("pair_uv", "fs_hz")
    """Left and right samples ``(..., 2, n)``, uV."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One number per row.

    Attributes
    ----------
    name
        As `measure` and `compute` know it.
    unit
        Unit of the number; ``1`` for none.
    source
        Paper, manual or program that the measure comes from.
    needs
        What `function` takes.
    function
        Takes the values and either their frequencies or their sampling rate; returns one number per row.
    """

    name: str
    unit: str
    source: str
    needs: Needs
    function: Callable[[FloatArray, Any], FloatArray]


_YASA = "Vallat and Walker 2021 (YASA)"
_IMTIAZ = "Imtiaz and Rodriguez-Villegas 2014"
_SPECTRUM, _WAVEFORM, _PAIR = Needs.SPECTRUM, Needs.WAVEFORM, Needs.PAIR

MEASURES: tuple[Measure, ...] = (
    Measure("relative_delta", "dB", _YASA, _SPECTRUM, bands.relative_delta),
    Measure("relative_theta", "dB", _YASA, _SPECTRUM, bands.relative_theta),
    Measure("relative_alpha", "dB", _YASA, _SPECTRUM, bands.relative_alpha),
    Measure("relative_sigma", "dB", _YASA, _SPECTRUM, bands.relative_sigma),
    Measure("relative_beta", "dB", _YASA, _SPECTRUM, bands.relative_beta),
    Measure("relative_upper_beta", "dB", "Aeschbach", _SPECTRUM, bands.relative_upper_beta),
    Measure("theta_to_delta", "dB", _YASA, _SPECTRUM, bands.theta_to_delta),
    Measure("sigma_to_theta_alpha", "dB", _YASA, _SPECTRUM, bands.sigma_to_theta_alpha),
    Measure("delta_to_beta", "dB", _YASA, _SPECTRUM, bands.delta_to_beta),
    Measure("alpha_to_theta", "dB", _YASA, _SPECTRUM, bands.alpha_to_theta),
    Measure("broad_slope", "1", "Lendner 2020; Schneider 2022", _SPECTRUM, shape.broad_slope),
    Measure("gamma_slope", "1", "Lendner 2020; Kozhemiako", _SPECTRUM, shape.gamma_slope),
    Measure("spectral_edge_50", "Hz", _IMTIAZ, _SPECTRUM, shape.spectral_edge_50),
    Measure("spectral_edge_95", "Hz", _IMTIAZ, _SPECTRUM, shape.spectral_edge_95),
    Measure("spectral_edge_difference", "Hz", _IMTIAZ, _SPECTRUM, shape.spectral_edge_difference),
    Measure("muscle_power", "dB", "this project, for the chin EMG of the AASM", _SPECTRUM, pair.muscle_power),
    Measure("standard_deviation", "uV", _YASA, _WAVEFORM, waveform.standard_deviation),
    Measure("interquartile_range", "uV", _YASA, _WAVEFORM, waveform.interquartile_range),
    Measure("skewness", "1", _YASA, _WAVEFORM, waveform.skewness),
    Measure("kurtosis", "1", _YASA, _WAVEFORM, waveform.kurtosis),
    Measure("zero_crossing_rate", "1/s", _YASA, _WAVEFORM, waveform.zero_crossing_rate),
    Measure("hjorth_mobility", "Hz", "Hjorth 1970", _WAVEFORM, waveform.hjorth_mobility),
    Measure("hjorth_complexity", "1", "Hjorth 1970", _WAVEFORM, waveform.hjorth_complexity),
    Measure("permutation_entropy", "1", "Bandt and Pompe 2002", _WAVEFORM, waveform.permutation_entropy),
    Measure("petrosian_dimension", "1", "Petrosian 1995", _WAVEFORM, waveform.petrosian_dimension),
    Measure("higuchi_dimension", "1", "Higuchi 1988", _WAVEFORM, waveform.higuchi_dimension),
    Measure("spindle_count", "1", _YASA, _WAVEFORM, graphoelements.spindle_count),
    Measure("slow_wave_count", "1", "AASM", _WAVEFORM, graphoelements.slow_wave_count),
    Measure("sawtooth_share", "1", "Bernardi 2019", _WAVEFORM, graphoelements.sawtooth_share),
    Measure("slow_correlation", "1", _YASA, _PAIR, pair.slow_correlation),
    Measure("slow_roll_power", "dB", "AASM (slow eye movements)", _PAIR, pair.slow_roll_power),
)

_BY_NAME = {each.name: each for each in MEASURES}


def measure(name: str) -> Measure:
    """Find a measure.

    Raises
    ------
    ValueError
        If there is none of this name; says which there are.
    """
    found = _BY_NAME.get(name)
    if found is None:
        raise ValueError(f"no measure {name!r}; known: {', '.join(_BY_NAME)}")
    return found


def compute(
    names: Sequence[str],
    *,
    spectrum: FloatArray | None = None,
    freq_hz: FloatArray | None = None,
    eeg_uv: FloatArray | None = None,
    pair_uv: FloatArray | None = None,
    fs_hz: float | None = None,
) -> FloatArray:
    """Compute several measures of the same rows.

    Parameters
    ----------
    names
        At least one; the order of the result's last axis.
    spectrum, freq_hz
        Shapes ``(..., n_freqs)``, uV^2/Hz, and ``(n_freqs,)``; needed if a measure takes a spectrum.
    eeg_uv
        Shape ``(..., n)``, microvolts; needed if a measure takes a waveform.
    pair_uv
        Shape ``(..., 2, n)``, microvolts, left and right; needed if a measure takes a pair.
    fs_hz
        Sampling rate of both.

    Returns
    -------
    FloatArray
        Shape ``(..., len(names))``. Rows of which an input holds a NaN or an infinity are NaN in the measures
        that take that input; all others are finite, and their bits do not depend on any other row.

    Raises
    ------
    ValueError
        If a name is unknown or none is given, an input is missing or does not suit a measure, or the inputs
        have different leading shapes.
    """
    chosen = [measure(name) for name in names]
    given = {"spectrum": spectrum, "freq_hz": freq_hz, "eeg_uv": eeg_uv, "pair_uv": pair_uv, "fs_hz": fs_hz}
    columns = [_column(each, *_inputs(each, given)) for each in chosen]
    shapes = {column.shape for column in columns}
    if len(shapes) != 1:
        raise ValueError(f"leading shapes {sorted(shapes)} of {len(chosen)} measures; exactly one is needed")
    return np.stack(columns, axis=-1)


def _inputs(each: Measure, given: dict[str, Any]) -> tuple[FloatArray, Any]:
    missing = [name for name in each.needs.value if given[name] is None]
    if missing:
        raise ValueError(f"{each.name} needs {' and '.join(missing)}")
    values, scale = (given[name] for name in each.needs.value)
    return contiguous(values), scale


def _column(each: Measure, values: FloatArray, scale: Any) -> FloatArray:
    whole = np.isfinite(values)
    if whole.all():
        return each.function(values, scale)
    clean = each.function(np.where(whole, values, 0.0), scale)
    spoilt = ~whole.reshape(*clean.shape, -1).all(axis=-1)
    return np.asarray(np.where(spoilt, np.nan, clean))
