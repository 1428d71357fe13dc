"""Settings of a pod's devices and headbands: bounds that no file can lift, kinds that no file can invent."""

from pathlib import Path

import pytest

from sanctuary.config.errors import ConfigError
from sanctuary.config.headband_settings import address_of
from sanctuary.config.loading import load_settings
from sanctuary.firmware_bridge.headbands.drivers import DRIVERS

POD = '[[pods]]\nid = "a"\nsleeper = "alder"\n'


def accepted(tmp_path: Path, text: str):
    path = tmp_path / "s.toml"
    path.write_text(text)
    return load_settings(path).settings


def refused(tmp_path: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        accepted(tmp_path, text)
    return str(caught.value)


HEADBANDS = [
    '{kind = "cyton", gain = 12}',
    '{kind = "cyton-daisy", channels = {AF7 = 9, AF8 = 16}}',
    '{kind = "ganglion", address = "Ganglion-1a2b", firmware = 3}',
    '{kind = "muse", address = "00:55:DA:B0:1A:2B"}',
    '{kind = "athena", address = "MuseS-1A2B", preset = "p20"}',
    '{kind = "zmax"}',
    '{kind = "thinkgear", baud = 115200}',
    '{kind = "freeeeg32", channels = {AF7 = 31, AF8 = 32}}',
]


@pytest.mark.parametrize("headband", HEADBANDS)
def test_every_kind_of_headband_has_settings_and_a_driver(tmp_path: Path, headband: str) -> None:
    told = accepted(tmp_path, f"{POD}headband = {headband}").pods[0].headband
    assert told.kind in DRIVERS
    assert address_of(told)[1]


def test_every_driver_has_settings(tmp_path: Path) -> None:
    kinds = {accepted(tmp_path, f"{POD}headband = {each}").pods[0].headband.kind for each in HEADBANDS}
    assert kinds == set(DRIVERS)


@pytest.mark.parametrize(
    ("headband", "told"),
    [
        ('{kind = "muse"}', "pods[0].headband.address"),
        ('{kind = "crown", address = "x"}', "pods[0].headband.kind"),
        ('{kind = "cyton", gain = 5}', "pods[0].headband.gain = 5"),
        ('{kind = "ganglion", address = "x", channels = {AF7 = 5}}', "pods[0].headband.channels.AF7 = 5"),
        ('{kind = "ganglion", address = "x", channels = {A = 1, B = 1}}', "is the input of A already"),
        ('{kind = "muse", address = "x", preset = "21"}', "pods[0].headband.preset"),
        ('{kind = "thinkgear", baud = 9600}', "pods[0].headband.baud = 9600"),
        ('{kind = "zmax", address = "localhost"}', "pods[0].headband.address"),
    ],
)
def test_wrong_headbands_are_refused_by_name(tmp_path: Path, headband: str, told: str) -> None:
    message = refused(tmp_path, f"{POD}headband = {headband}")
    assert "line 4" in message
    assert told in message


def test_two_pods_cannot_share_one_headband_however_it_is_spelled(tmp_path: Path) -> None:
    other = '[[pods]]\nid = "b"\nsleeper = "birch"\nheadband = {kind = "athena", address = "muses-1a2b"}\n'
    text = POD + 'headband = {kind = "muse", address = "MuseS-1A2B"}\n' + other
    assert 'pods[1].headband.address = "muses-1a2b" belongs to pods[0] already' in refused(tmp_path, text)


DEVICES = """headband = {kind = "simulated"}
[pods.devices]
sound = {device = "pillow", max_dba = 40.0}
light = {kind = "wled", topic = "wled/bed1", max_share = 0.1}
haptic = {pin = 18}
stop_button = {pin = 23}
"""


def test_devices_of_a_pod(tmp_path: Path) -> None:
    devices = accepted(tmp_path, POD + DEVICES).pods[0].devices
    assert (devices.sound.device, devices.sound.max_dba, devices.sound.full_scale_dba) == (
        "pillow",
        40.0,
        None,
    )
    assert devices.light.kind == "wled"
    assert (devices.haptic.pin, devices.haptic.max_share, devices.stop_button.pin) == (18, 0.3, 23)
    plain = accepted(tmp_path, POD + 'headband = {kind = "simulated"}').pods[0].devices
    assert plain.sound is plain.light is plain.haptic is plain.stop_button is None


@pytest.mark.parametrize(
    ("device", "told"),
    [
        ('sound = {device = "x", max_dba = 46.0}', "max_dba = 46.0"),
        ('sound = {device = ""}', "device"),
        ('sound = {device = "x", full_scale_dba = 20.0}', "full_scale_dba = 20.0"),
        ('light = {kind = "wled", topic = "a/#"}', "topic"),
        ('light = {kind = "wled", topic = "a", max_share = 0.6}', "max_share = 0.6"),
        ('light = {kind = "esphome", prefix = "a", object_id = "b c"}', "object_id"),
        ('light = {kind = "hue"}', "kind"),
        ("haptic = {pin = 28}", "pin = 28"),
        ("stop_button = {pin = 3, colour = 1}", "colour"),
    ],
)
def test_no_setting_lifts_the_bounds_of_a_device(tmp_path: Path, device: str, told: str) -> None:
    message = refused(tmp_path, f'{POD}headband = {{kind = "simulated"}}\n[pods.devices]\n{device}')
    assert told in message
    assert "pods[0].devices" in message


@pytest.mark.parametrize(
    ("device", "told"),
    [
        ('sound = {device = "pillow"}', 'pods[1].devices.sound.device = "pillow" belongs to pods[0] already'),
        ('light = {kind = "wled", topic = "wled/bed1"}', 'topic = "wled/bed1" belongs to pods[0] already'),
        ("haptic = {pin = 18}", "pods[1].devices.haptic.pin = 18 belongs to pods[0] already"),
        ("haptic = {pin = 23}", "pods[1].devices.haptic.pin = 23 belongs to pods[0] already"),
        ("stop_button = {pin = 18}", "pods[1].devices.stop_button.pin = 18 belongs to pods[0] already"),
    ],
)
def test_two_pods_cannot_share_a_device(tmp_path: Path, device: str, told: str) -> None:
    other = '[[pods]]\nid = "b"\nsleeper = "birch"\nheadband = {kind = "simulated"}\n[pods.devices]\n'
    assert told in refused(tmp_path, f"{POD}{DEVICES}{other}{device}\n")


def test_lamps_of_two_kinds_do_not_collide(tmp_path: Path) -> None:
    other = (
        '[[pods]]\nid = "b"\nsleeper = "birch"\nheadband = {kind = "simulated"}\n[pods.devices]\n'
        'light = {kind = "esphome", prefix = "wled", object_id = "bed1"}\n'
    )
    assert len(accepted(tmp_path, f"{POD}{DEVICES}{other}").pods) == 2
