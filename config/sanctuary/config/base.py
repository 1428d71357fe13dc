"""The base of all settings: frozen, typos refused, no infinities."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """One small model per concern derives from this.

    Every field has a default, bounds where it is a number, a unit in its name or description, and a
    description for people (shown by ``sanctuary config check`` when a value is refused).
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True, use_attribute_docstrings=True
    )


def in_order(settings: Settings, *pairs: tuple[str, str]) -> None:
    """Raise `ValueError` where the first field of a pair exceeds the second."""
    for low, high in pairs:
        if getattr(settings, low) > getattr(settings, high):
            raise ValueError(f"{low} must not exceed {high}")
