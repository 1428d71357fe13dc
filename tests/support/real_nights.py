"""What real nights look like, in numbers, and the same numbers of any night.

The table holds, for 11 nights of six people, the median over a stage's 30 s epochs of the band power at
Fpz-Cz: of these medians the 5th, 50th and 95th percentile across nights, and in the last row the median
across nights of the spread within a night (interquartile range / 1.35). From Sleep-EDF Expanded (Kemp et
al. 2000; Goldberger et al. 2000, PhysioNet), ODC-BY 1.0; nights SC4012 to SC4082, cut to 30 min before and
after sleep.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import welch

from sanctuary.signal.samples import STAGES, Stage

FloatArray = NDArray[np.float64]

BANDS_HZ = ((0.5, 4.0), (4.0, 8.0), (8.0, 13.0), (13.0, 30.0), (30.0, 50.0))
EPOCH_S = 30

REAL_DB = {
    Stage.W: (
        (14.0, 1.7, -4.0, -8.5, -10.0),
        (19.3, 6.7, 1.7, -2.9, -5.2),
        (21.0, 8.7, 5.8, 1.6, 2.0),
        (5.3, 3.4, 2.2, 2.1, 3.1),
    ),
    Stage.N1: (
        (7.4, -1.2, -5.3, -10.2, -17.3),
        (10.4, 3.2, -1.1, -4.9, -10.8),
        (14.3, 6.3, 3.8, -0.9, -5.6),
        (3.1, 1.8, 1.8, 1.7, 2.2),
    ),
    Stage.N2: (
        (12.5, 3.4, -3.3, -8.1, -19.7),
        (15.5, 6.0, 3.1, -2.9, -14.7),
        (19.4, 9.2, 5.3, 0.9, -8.9),
        (2.8, 1.7, 1.7, 2.1, 0.9),
    ),
    Stage.N3: (
        (20.4, 5.6, -3.6, -9.9, -20.7),
        (21.1, 9.0, 3.9, -3.7, -14.6),
        (27.3, 11.6, 6.5, -1.1, -9.1),
        (1.4, 1.0, 1.1, 1.4, 0.8),
    ),
    Stage.R: (
        (8.9, 1.6, -5.5, -12.2, -18.5),
        (11.2, 4.4, -1.1, -6.5, -12.8),
        (14.1, 7.8, 2.8, -3.6, -7.9),
        (2.3, 1.3, 1.2, 1.2, 1.8),
    ),
}
"""Density (dB re 1 uV^2/Hz) in `BANDS_HZ`: 5th, 50th, 95th percentile of nights; spread within a night."""

REAL_QUARTILES_DB = {
    Stage.W: ((14.2, 3.2, -1.4, -6.6, -8.6), (21.3, 8.9, 3.8, -0.1, -1.6)),
    Stage.N1: ((8.1, 0.6, -4.2, -9.5, -15.5), (13.3, 4.9, 1.3, -2.8, -7.3)),
    Stage.N2: ((13.1, 4.3, -1.5, -6.8, -18.0), (17.9, 8.0, 4.3, -1.2, -10.6)),
    Stage.N3: ((21.0, 7.2, -0.8, -7.3, -18.5), (25.5, 11.0, 5.6, -1.8, -10.9)),
    Stage.R: ((9.4, 2.3, -4.3, -10.8, -16.2), (13.6, 6.3, 1.3, -4.4, -9.0)),
}
"""Density (dB) in `BANDS_HZ`: 25th and 75th percentile of all epochs of a stage, the same nights pooled."""

REAL_SLOPE_DB = {
    Stage.W: (-25.8, -10.9),
    Stage.N1: (-20.4, -11.6),
    Stage.N2: (-22.5, -13.4),
    Stage.N3: (-28.5, -21.1),
    Stage.R: (-26.0, -18.9),
}
"""Slope from the theta to the beta band, dB per decade: 5th and 95th percentile of the same nights."""

REAL_ACCURACY = 0.76
"""Share of epochs that `linear_accuracy` gets right on those nights."""


def band_powers_db(x: FloatArray, fs_hz: int) -> FloatArray:
    """Density in `BANDS_HZ` of every 30 s epoch of ``(n,)`` uV: shape ``(n_epochs, 5)``, dB."""
    n = EPOCH_S * fs_hz
    freq, density = welch(x[: x.size // n * n].reshape(-1, n), fs_hz, nperseg=4 * fs_hz, axis=1)
    bands = [density[:, (freq >= low) & (freq < high)].mean(axis=1) for low, high in BANDS_HZ]
    return np.asarray(10.0 * np.log10(np.stack(bands, axis=1)))


def slope_db(bands_db: FloatArray) -> float:
    """Slope between the centres of theta and beta, dB per decade, of one row of band powers."""
    return float((bands_db[3] - bands_db[1]) / np.log10(20.0 / 5.7))


def linear_accuracy(nights: list[tuple[FloatArray, NDArray[np.int8]]]) -> float:
    """How well a linear discriminant tells stages apart by band powers alone, each night left out once.

    Parameters
    ----------
    nights
        Band powers ``(n_epochs, 5)`` in dB and stages ``(n_epochs,)`` of each; powers are standardised per
        night.
    """
    scaled = [((db - np.median(db, axis=0)) / db.std(axis=0), stages) for db, stages in nights]
    right = total = 0
    for out, (db, stages) in enumerate(scaled):
        others = [night for i, night in enumerate(scaled) if i != out]
        x, y = np.vstack([night[0] for night in others]), np.concatenate([night[1] for night in others])
        guessed = _discriminate(x, y, db)
        right, total = right + int((guessed == stages).sum()), total + stages.size
    return right / total


def _discriminate(x: FloatArray, y: NDArray[np.int8], new: FloatArray) -> NDArray[np.int64]:
    means = np.stack([x[y == stage].mean(axis=0) for stage in STAGES])
    within = x - means[y]
    inverse = np.linalg.inv(within.T @ within / y.size)
    prior = np.log([(y == stage).mean() for stage in STAGES])
    score = new @ inverse @ means.T - 0.5 * np.einsum("si,ij,sj->s", means, inverse, means) + prior
    return np.asarray(score.argmax(axis=1))
