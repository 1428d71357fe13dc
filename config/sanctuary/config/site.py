"""Settings of the site as a whole, and of what it records.

Defaults that are paths are not checked again: pydantic, reading in JSON mode, takes only text for a path.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from sanctuary.config.base import Settings
from sanctuary.config.names import Id


class SiteSettings(Settings):
    """The sanctuary itself."""

    id: Id = "harbour"
    """Name of the sanctuary in topics, records and the ledger."""
    data_dir: Path = Field(Path("sanctuary-data"), validate_default=False)
    """Folder for everything that is kept; relative to where the program is started."""


class RecordSettings(Settings):
    """What each night leaves behind."""

    edf: bool = True
    """Whether signals are recorded, as EDF+."""
    folder: Path = Field(Path("nights"), validate_default=False)
    """Folder of the nights; relative to `site.data_dir`."""
