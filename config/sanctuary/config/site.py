"""Settings of the site as a whole, and of what it records.

Defaults that are paths are not checked again: pydantic, reading in JSON mode, takes only text for a path.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, ValidationInfo, field_validator, model_validator

from sanctuary.config.base import Settings
from sanctuary.config.findings import Finding, report
from sanctuary.config.names import Id


class SiteSettings(Settings):
    """The sanctuary itself."""

    id: Id = "harbour"
    """Name of the sanctuary in topics, records and the ledger."""
    gateways: tuple[Id, ...] = Field(("gateway-1",), min_length=1, max_length=8)
    """Ids of the gateways, the same list in the settings of each; one holds a circle, another takes over."""
    gateway: Id | None = None
    """Which of `gateways` this computer is; may be left out where there is only one."""
    data_dir: Path = Field(Path("sanctuary-data"), validate_default=False)
    """Folder for everything that is kept; relative to where the program is started."""

    @field_validator("gateways")
    @classmethod
    def _gateways_differ(cls, gateways: tuple[str, ...]) -> tuple[str, ...]:
        report(
            [
                Finding((at,), f'= "{name}" stands in the list already')
                for at, name in enumerate(gateways)
                if name in gateways[:at]
            ]
        )
        return gateways

    @field_validator("gateway")
    @classmethod
    def _is_one_of_them(cls, gateway: str | None, info: ValidationInfo) -> str | None:
        gateways = info.data.get("gateways")
        if gateway is not None and gateways is not None and gateway not in gateways:
            report([Finding((), f'= "{gateway}" is none of site.gateways: {", ".join(gateways)}')])
        return gateway


class TenureSettings(Settings):
    """How gateways agree on who holds a circle."""

    renew_s: float = Field(0.5, ge=0.2, le=1.0)
    """Time (seconds) between two claims of a gateway that holds a circle."""
    authority_s: float = Field(2.0, ge=1.0, le=4.0)
    """Age (seconds) of the newest own claim that came back from which a gateway commands nothing."""
    silence_s: float = Field(2.5, ge=1.0, le=6.0)
    """Time (seconds) without a claim of anybody after which another gateway claims a circle."""
    margin_s: float = Field(0.1, ge=0.05, le=1.0)
    """What clocks may differ (seconds); added to the time that a former holder's commands may be in force."""
    settle_s: float = Field(10.0, ge=5.0, le=600.0)
    """Time (seconds) for which a gateway that has come back must be there before circles move to it."""

    @model_validator(mode="after")
    def _renews_in_time(self) -> TenureSettings:
        if 2 * self.renew_s > self.authority_s:
            raise ValueError("renew_s must be at most half of authority_s, so that one may be late")
        return self


class RecordSettings(Settings):
    """What each night leaves behind."""

    edf: bool = True
    """Whether signals are recorded, as EDF+."""
    folder: Path = Field(Path("nights"), validate_default=False)
    """Folder of the nights; relative to `site.data_dir`."""
