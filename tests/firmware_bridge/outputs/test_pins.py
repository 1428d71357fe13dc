"""Pins, on gpiozero's own mock: the motor's strength and its stop, the button's presses."""

import builtins
from collections.abc import Iterator

import pytest
from gpiozero import Button, Device
from gpiozero.pins.mock import MockFactory, MockPWMPin

from sanctuary.config.errors import DeviceError
from sanctuary.firmware_bridge.cues import Cue, Modality, Onset
from sanctuary.firmware_bridge.outputs.pins import BOUNCE_S, HapticOutput, StopButton, pin_library
from virtual_boards import HandClock

PULSE = Cue(Modality.HAPTIC, 0.2, 2.0, 0.5)


@pytest.fixture
def pins() -> Iterator[MockFactory]:
    before = Device.pin_factory
    factory = Device.pin_factory = MockFactory(pin_class=MockPWMPin)
    yield factory
    factory.reset()
    Device.pin_factory = before


def test_a_pulse_follows_its_fades_and_rests_at_the_end(pins: MockFactory) -> None:
    clock, onsets = HandClock(), []
    motor = HapticOutput(18, 0.5, onsets.append, clock=clock)
    clock.now_s = 10.0
    motor.play(PULSE, 9.99)
    seen = []
    for step in range(25):
        clock.now_s = 10.0 + step * 0.1
        motor.tick(clock.now_s)
        seen.append(pins.pin(18).state)
    assert seen[0] == 0.0
    assert seen[:6] == sorted(seen[:6])
    assert seen[10] == pytest.approx(0.2)
    assert seen[20:] == [0.0] * 5
    assert not motor.busy
    assert onsets == [Onset(PULSE, 9.99, 10.0)]
    motor.close()


@pytest.mark.parametrize(("level", "state"), [(0.9, 0.3), (5.0, 0.3), (-1.0, 0.0), (float("nan"), 0.0)])
def test_the_cap_is_the_last_word(pins: MockFactory, level: float, state: float) -> None:
    motor = HapticOutput(18, 0.3, clock=HandClock())
    motor.play(Cue(Modality.HAPTIC, level, 2.0, 0.0), 0.0)
    assert pins.pin(18).state == pytest.approx(state)
    motor.close()


def test_a_stop_rests_at_once(pins: MockFactory) -> None:
    motor = HapticOutput(18, 0.5, clock=HandClock())
    motor.play(Cue(Modality.HAPTIC, 0.2, 2.0, 0.0), 0.0)
    assert pins.pin(18).state > 0
    motor.stop(0.1)
    assert pins.pin(18).state == 0
    motor.tick(0.2)
    assert pins.pin(18).state == 0
    motor.close()
    motor.close()


@pytest.mark.usefixtures("pins")
def test_a_motor_that_cannot_be_driven_is_a_fault_and_rests() -> None:
    motor = HapticOutput(18, 0.5, clock=HandClock())
    motor.close()
    with pytest.raises(DeviceError, match="pin GPIO18: the motor cannot be driven"):
        motor.play(PULSE, 0.0)
    assert not motor.busy
    motor.tick(0.1)


def test_a_light_is_no_touch(pins: MockFactory) -> None:
    motor = HapticOutput(18, 0.5)
    with pytest.raises(ValueError, match="cannot render light"):
        motor.play(Cue(Modality.LIGHT, 0.1, 1.0, 0.1), 0.0)
    motor.close()


def test_the_button_tells_each_press(pins: MockFactory) -> None:
    presses = []
    button = StopButton(23, lambda: presses.append(1))
    pin = pins.pin(23)
    assert presses == []
    assert pin.bounce == BOUNCE_S
    pin.drive_low()
    assert presses == [1]
    pin.drive_high()
    button.close()
    button.close()


@pytest.mark.usefixtures("pins")
def test_a_button_held_down_at_the_start_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    # the mock lets its pull-up win over whoever holds the pin down before it is opened
    monkeypatch.setattr(Button, "is_pressed", property(lambda _: True))
    presses = []
    button = StopButton(23, lambda: presses.append(1))
    assert presses == [1]
    button.close()


def test_a_pin_that_is_taken_is_a_fault(pins: MockFactory) -> None:
    motor = HapticOutput(18, 0.5)
    with pytest.raises(DeviceError, match="pin GPIO18: cannot be used"):
        StopButton(18, lambda: None)
    motor.close()


def test_without_the_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    true_import = builtins.__import__

    def refuse(name: str, *rest: object) -> object:
        if name == "gpiozero":
            raise ImportError
        return true_import(name, *rest)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(DeviceError, match="pip install"):
        pin_library()
