"""Running normalisation: tonight's level of each log band power, learned as the night goes.

A sleeper, a headband and a reference electrode shift log powers by constants; subtracting a running level
removes them without ever looking ahead. The level starts at the population's and leaves it as clean epochs
come in.
"""

from __future__ import annotations

from sanctuary.config.chain import NormalisationSettings
from sanctuary.signal.samples import FloatArray

EPOCHS_PER_MIN = 2.0


class RunningLevel:
    """Exponentially forgetting mean with a prior, one value per feature.

    Parameters
    ----------
    settings
        Weight of the prior and the forgetting time.
    population_db
        Shape ``(n_features,)``: the level to begin with, dB.
    """

    def __init__(self, settings: NormalisationSettings, population_db: FloatArray) -> None:
        self._weight = max(settings.prior_min * EPOCHS_PER_MIN, 1e-6)
        self._sum = population_db * self._weight
        self._keep = 1.0 - 1.0 / (settings.memory_min * EPOCHS_PER_MIN)

    @property
    def level_db(self) -> FloatArray:
        """Shape ``(n_features,)``: the present level."""
        return self._sum / self._weight

    def centre(self, band_db: FloatArray) -> FloatArray:
        """Subtract the level known before this epoch, then learn from the epoch."""
        centred = band_db - self.level_db
        self._sum = self._sum * self._keep + band_db
        self._weight = self._weight * self._keep + 1.0
        return centred
