"""What to train, and how nights are to be read."""

from __future__ import annotations

from dataclasses import dataclass

from sanctuary.config.chain import ChainSettings
from sanctuary.gateway.training.loading import AS_FOUND, Reading
from sanctuary.gateway.training.persons import person_of
from sanctuary.gateway.training.sources import NightFile


@dataclass(frozen=True, slots=True)
class Recipe:
    """What to train: settings, measures beside bands and eyes, who is who, and what the data are."""

    settings: ChainSettings
    measures: tuple[str, ...] = ()
    person_letters: int | None = None
    note: str = ""
    reading: Reading = AS_FOUND

    def person(self, file: NightFile) -> str:
        """Whose night it is (see `sanctuary.gateway.training.persons`)."""
        return person_of(file.name, file.path.as_posix(), self.person_letters)
