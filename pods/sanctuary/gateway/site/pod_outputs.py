"""The devices of one pod: built from its settings; faults told once, and once more when they end."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from sanctuary.config.errors import DeviceError
from sanctuary.config.pod_settings import DeviceSettings, WledLight
from sanctuary.firmware_bridge.cues import Cue, CueOutput, Modality, OnOnset
from sanctuary.firmware_bridge.outputs.lamps import Esphome, Lamp, LightOutput, Publish, Wled
from sanctuary.firmware_bridge.outputs.level_calibration import LevelCalibrations
from sanctuary.firmware_bridge.outputs.pins import HapticOutput
from sanctuary.firmware_bridge.outputs.sound_output import SoundOutput
from sanctuary.firmware_bridge.outputs.sound_rendering import SoundLibrary

_LOG = logging.getLogger(__name__)

Clock = Callable[[], float]
Fault = Callable[[Modality, str], None]
"""Hears which kind of cue fails and why; an empty reason says that it works again."""


class PodOutputs:
    """What a pod's cues come out of.

    Parameters
    ----------
    pod
        For messages.
    outputs
        A device for each modality that has one.
    """

    def __init__(self, pod: str, outputs: Mapping[Modality, CueOutput] | None = None) -> None:
        self._pod = pod
        self._outputs = dict(outputs or {})
        self._faulty: set[Modality] = set()
        self.on_fault: Fault = lambda _modality, _reason: None

    @property
    def busy(self) -> bool:
        """Whether `tick` is wanted often."""
        return any(output.busy for output in self._outputs.values())

    @property
    def subscriptions(self) -> tuple[str, ...]:
        """Topics whose messages `heard` wants."""
        return tuple(topic for lamp in self._lamps() for topic in lamp.subscriptions)

    def heard(self, topic: str, payload: bytes) -> bool:
        """Take a message of a lamp; tells whether it was one."""
        lamps = [lamp for lamp in self._lamps() if topic in lamp.subscriptions]
        for lamp in lamps:
            lamp.heard(topic, payload)
        return bool(lamps)

    def linked(self) -> None:
        """Hear that the lamps' link to the broker is there (again)."""
        for lamp in self._lamps():
            lamp.linked()

    def play(self, cue: Cue, at_s: float) -> None:
        """Render a cue on its device, if there is one; a broken device costs its cues and nothing else."""
        output = self._outputs.get(cue.modality)
        if output is not None:
            self._guard(cue.modality, lambda: output.play(cue, at_s), mends=True)

    def tick(self, now_s: float) -> None:
        """Let time pass."""
        for modality, output in self._outputs.items():
            self._guard(modality, partial(output.tick, now_s), mends=False)

    def stop(self, now_s: float) -> None:
        """Silence everything."""
        for output in self._outputs.values():
            output.stop(now_s)

    def close(self) -> None:
        """Silence everything, and let the devices go."""
        for output in self._outputs.values():
            output.close()

    def _lamps(self) -> list[LightOutput]:
        return [output for output in self._outputs.values() if isinstance(output, LightOutput)]

    def _guard(self, modality: Modality, do: Callable[[], None], *, mends: bool) -> None:
        try:
            do()
        except DeviceError as error:
            if modality not in self._faulty:
                _LOG.warning("%s: %s; cues of this kind are not rendered meanwhile", self._pod, error)
                self._faulty.add(modality)
                self.on_fault(modality, str(error))
        else:
            if mends and modality in self._faulty:
                self._faulty.discard(modality)
                _LOG.warning("%s: %s works again", self._pod, modality)
                self.on_fault(modality, "")


def build_outputs(
    pod: str,
    settings: DeviceSettings,
    data_dir: Path,
    publish: Publish,
    on_onset: OnOnset,
    clock: Clock,
    sounds: SoundLibrary | None = None,
) -> PodOutputs:
    """Make a pod's devices.

    Raises
    ------
    InputError
        A loudspeaker has no calibration.
    DeviceError
        A pin cannot be used.
    """
    outputs: dict[Modality, CueOutput] = {}
    if (sound := settings.sound) is not None:
        full_scale_dba = sound.full_scale_dba
        if full_scale_dba is None:
            full_scale_dba = LevelCalibrations(data_dir / "sound").load(sound.device).full_scale_dba
        outputs[Modality.SOUND] = SoundOutput(
            sound.device, full_scale_dba, sound.max_dba, on_onset, clock=clock, sounds=sounds
        )
    if (lamp := lamp_of(settings)) is not None:
        outputs[Modality.LIGHT] = LightOutput(lamp, publish, on_onset, clock=clock)
    if (haptic := settings.haptic) is not None:
        outputs[Modality.HAPTIC] = HapticOutput(haptic.pin, haptic.max_share, on_onset, clock=clock)
    return PodOutputs(pod, outputs)


def lamp_of(settings: DeviceSettings) -> Lamp | None:
    """Make the lamp that the settings name, if they name one."""
    light = settings.light
    if light is None:
        return None
    if isinstance(light, WledLight):
        return Wled(light.topic, light.max_share)
    return Esphome(light.prefix, light.object_id, light.max_share)
