"""A settings tree with every kind of field, for tests of loading that must not depend on the real one."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from sanctuary.config.settings_base import Finding, Settings, raise_findings


class Colour(StrEnum):
    """A choice."""

    RED = "red"
    BLUE = "blue"


class LampSettings(Settings):
    """A lamp."""

    level: float = Field(0.5, ge=0.0, le=1.0)
    """Share of full output."""
    colour: Colour = Colour.RED
    """Hue."""
    low: int = Field(1, ge=0)
    """Lower end."""
    high: int = Field(9, le=99)
    """Upper end."""

    @model_validator(mode="after")
    def _ordered(self) -> LampSettings:
        if self.low >= self.high:
            raise ValueError("low must lie below high")
        return self


class HouseSettings(Settings):
    """A house."""

    name: str = Field("here", pattern=r"^[a-z0-9]+$", max_length=8)
    """Its name."""
    folder: Path = Field(Path("out"), validate_default=False)
    """Where it keeps things."""
    password: SecretStr | None = None
    """A secret."""
    port: int | Literal["auto"] = "auto"
    """A number or a word."""
    open: bool = False
    """A switch."""
    lamp: LampSettings = LampSettings()
    """The hall's lamp."""


class Bell(Settings):
    """A bell."""

    kind: Literal["bell"]
    """Tag."""
    pitch_hz: float = Field(440.0, gt=0.0)
    """Pitch."""


class Gong(Settings):
    """A gong."""

    kind: Literal["gong"]
    """Tag."""
    weight_kg: float = Field(2.0, gt=0.0, lt=100.0)
    """Weight."""


class Guest(Settings):
    """A guest."""

    id: str
    """Name."""
    signal: Annotated[Bell | Gong, Field(discriminator="kind")]
    """What to sound."""
    seats: dict[str, Annotated[int, Field(ge=1, le=8)]] = {}  # noqa: RUF012 - pydantic copies defaults
    """Seat numbers."""
    meals: tuple[str, ...] = ("bread",)
    """What is eaten."""


class RootSettings(Settings):
    """The root."""

    house: HouseSettings = HouseSettings()
    """The house."""
    guests: tuple[Guest, ...] = ()
    """The guests."""

    @field_validator("guests")
    @classmethod
    def _differ(cls, guests: tuple[Guest, ...]) -> tuple[Guest, ...]:
        ids = [guest.id for guest in guests]
        raise_findings(
            [Finding((at, "id"), f'= "{id_}" is taken') for at, id_ in enumerate(ids) if id_ in ids[:at]]
        )
        return guests
