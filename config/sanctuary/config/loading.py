"""Loading the settings of a sanctuary.

Defaults <- file <- ``SANCTUARY_*`` environment <- command-line options, checked once, with every mistake
listed at once. The shipped defaults hold the demo circle; a file with pods or circles of its own replaces
both, since the one names the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from sanctuary.config.assignments import Override
from sanctuary.config.layering import Loaded, load_model
from sanctuary.config.sanctuary import SanctuarySettings
from sanctuary.config.shipped import shipped_defaults

_DEMO_TABLES = ("pods", "circles")


def load_settings(
    path: Path | None = None,
    env: Mapping[str, str] | None = None,
    overrides: Iterable[Override] = (),
) -> Loaded[SanctuarySettings]:
    """Load and check everything.

    Parameters
    ----------
    path
        A settings file; without one the shipped defaults hold.
    env
        Usually ``os.environ``; only variables that begin with ``SANCTUARY_`` count.
    overrides
        Command-line options; of two for one setting the later wins.

    Raises
    ------
    InputError
        The file cannot be read.
    ConfigError
        Settings are wrong; the text lists every mistake with its file and line, variable or option.
    """
    return load_model(
        SanctuarySettings,
        shipped=shipped_defaults(),
        together=_DEMO_TABLES,
        path=path,
        env=env,
        overrides=overrides,
    )
