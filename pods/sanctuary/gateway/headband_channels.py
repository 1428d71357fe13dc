"""Whether the chain can use the channels that the settings give a headband; known before a night begins."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from sanctuary.config.errors import InputError, RecordingError
from sanctuary.config.fleet import PodEntry
from sanctuary.config.headbands import CytonPort, DaisyPort, FreeEegPort, GanglionRadio
from sanctuary.config.origins import Layer, Origin, format_path
from sanctuary.firmware_bridge.recordings.channels import Choice, choose_channels

_LOG = logging.getLogger(__name__)

CHAIN_CHANNELS = 2


def warn_of_channels(pods: Sequence[PodEntry]) -> None:
    """Log what is doubtful of the headbands' channels.

    Raises
    ------
    InputError
        As `check_channels`.
    """
    for doubt in check_channels(pods):
        _LOG.warning("%s", doubt)


def check_channels(pods: Sequence[PodEntry], origins: Mapping[str, Origin] | None = None) -> list[str]:
    """Check what each headband's first two channels are to the chain.

    Parameters
    ----------
    pods
        As in the settings, in their order.
    origins
        Where each setting came from, to name the file and line.

    Returns
    -------
    One sentence for each thing that is doubtful and that the chain goes along with.

    Raises
    ------
    InputError
        The chain cannot use them, or would take one for another; all such mistakes are listed.
    """
    mistakes: list[str] = []
    doubts: list[str] = []
    for number, pod in enumerate(pods):
        headband = pod.headband
        if not isinstance(headband, CytonPort | DaisyPort | GanglionRadio | FreeEegPort):
            continue
        names = list(headband.channels)
        where = _where(("pods", number, "headband", "channels"), names[0], origins or {}, pod.id)
        try:
            choice = choose_channels(names, names[:CHAIN_CHANNELS], where)
        except RecordingError as error:
            mistakes.append(str(error))
            continue
        mistakes += [f"{where}: {text}" for text in _misplaced(names, choice)]
        doubts += [f"{where}: {text}" for text in choice.warnings]
    if mistakes:
        raise InputError("\n  ".join(mistakes))
    return doubts


def _misplaced(names: Sequence[str], choice: Choice) -> list[str]:
    """Say what a recording's reader would put right, and a headband's, whose channels stay as named, not."""
    if choice.indices != tuple(range(len(choice.indices))):
        first, second = (names[index] for index in choice.indices)
        return [f"name {first} before {second}; left comes before right, and the EEG before the EOG"]
    return [
        f"{names[index]} rises as the eyes go right; plug its two electrodes in the other way round, or use "
        "that of the left eye, and name it so"
        for index, sign in zip(choice.indices, choice.signs, strict=True)
        if sign < 0
    ]


def _where(path: tuple[str | int, ...], name: str, origins: Mapping[str, Origin], pod: str) -> str:
    setting = f"{format_path(path)} of {pod}"
    origin = origins.get(format_path((*path, name)))
    if origin is None or origin.layer is not Layer.FILE:
        return setting
    return f"{origin.name}, line {origin.line}: {setting}"
