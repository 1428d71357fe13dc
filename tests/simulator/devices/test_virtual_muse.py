"""Virtual Muse and Athena: their conversation, their pace, their values."""

import json

import numpy as np
import pytest

from sanctuary.firmware_bridge.headbands.muse.athena import AthenaCodec
from sanctuary.firmware_bridge.headbands.muse.codec import MuseCodec
from sanctuary.firmware_bridge.headbands.muse.wire import ReplyReader, encode
from sanctuary.simulator.devices import virtual_athena as athena
from sanctuary.simulator.devices import virtual_muse as muse
from sanctuary.simulator.devices.gatt import GattDevice, Notification
from sanctuary.simulator.devices.signal_source import NoiseSource
from sanctuary.simulator.devices.virtual_athena import VirtualAthena
from sanctuary.simulator.devices.virtual_muse import VirtualMuse, uuid

CONTROL = uuid(1)
START = {VirtualMuse: ("d",), VirtualAthena: ("dc001", "dc001")}
KINDS = [(VirtualMuse, MuseCodec, muse.STEP_UV), (VirtualAthena, AthenaCodec, athena.STEP_UV)]


def ask(device: GattDevice, text: str, now_s: float = 0.0) -> dict[str, object]:
    reader, replies = ReplyReader(), []
    for notification in device.write(CONTROL, encode(text), now_s):
        assert notification.uuid == CONTROL
        assert len(notification.data) == 20
        replies += reader.push(notification.data)
    (reply,) = replies
    return reply


def started(device: GattDevice, now_s: float = 0.0) -> GattDevice:
    device.connect(now_s)
    for text in START[type(device)]:
        ask(device, text, now_s)
    return device


def decoded(
    codec: MuseCodec | AthenaCodec, notifications: list[Notification], now_s: float | None = None
) -> np.ndarray:
    runs = [run for each in notifications for run in codec.push(each.data, int(each.uuid[6:8], 16), now_s)]
    return np.hstack([run.uv for run in runs])


@pytest.mark.parametrize(("make", "codec", "step_uv"), KINDS)
def test_values_are_those_of_the_source_rounded_to_its_steps(make, codec, step_uv) -> None:
    device = started(make(NoiseSource(3, 60.0)))
    uv = decoded(codec(), [each for tick in range(400) for each in device.advance(0.025 * tick)])
    truth = NoiseSource(3, 60.0).render(uv.shape[1])
    np.testing.assert_allclose(uv[1:3], truth, rtol=0, atol=step_uv / 2 + 1e-9)
    np.testing.assert_allclose(uv[[0, 3]], truth / 2, rtol=0, atol=step_uv / 2 + 1e-9)
    assert 9.8 * 256 - 24 <= uv.shape[1] <= 10 * 256


@pytest.mark.parametrize(("make", "codec", "step_uv"), KINDS)
def test_it_keeps_its_own_pace_however_often_it_is_asked(make, codec, step_uv) -> None:
    often, once = started(make(NoiseSource(1), fs_hz=256.5)), started(make(NoiseSource(1), fs_hz=256.5))
    by_ticks = [each for tick in range(1, 2001) for each in often.advance(0.01 * tick)]
    at_once = once.advance(20.0)
    np.testing.assert_array_equal(decoded(codec(), by_ticks), decoded(codec(), at_once))
    assert decoded(codec(), by_ticks).shape[1] == pytest.approx(20 * 256.5, abs=24)


@pytest.mark.parametrize(("make", "codec", "step_uv"), KINDS)
def test_an_electrode_in_the_air_and_too_much_signal_stick_at_the_rails(make, codec, step_uv) -> None:
    class Wild:
        def render(self, n_samples: int) -> np.ndarray:
            return np.stack([np.full(n_samples, np.nan), np.full(n_samples, -1e6)])

    uv = decoded(codec(), started(make(Wild())).advance(2.0))
    low, high = uv.min(), uv.max()
    assert (uv[1] == high).all()
    assert (uv[2] == low).all()
    assert high > 700.0
    assert low < -700.0


@pytest.mark.parametrize("make", [VirtualMuse, VirtualAthena])
def test_it_converses(make: type) -> None:
    device = make(NoiseSource(1), name="MuseS-0001", address="00:55:DA:B0:00:01")
    device.connect(0.0)
    assert ask(device, "h") == {"rc": 0}
    about = ask(device, "v1")
    assert (about["ap"], about["rc"]) == ("headset", 0)
    assert ask(device, "p20") == {"rc": 0}
    status = ask(device, "s")
    assert (status["hn"], status["ma"], status["ps"]) == ("MuseS-0001", "00-55-da-b0-00-01", 0x20)
    assert json.dumps(status)
    assert ask(device, "k") == {"rc": 0}
    assert ask(device, "nonsense") == {"rc": 1}
    assert device.write(CONTROL, b"\x09h\n", 0.0) == []
    assert device.write(CONTROL, b"\x02\xff\n", 0.0) == []
    assert device.write(uuid(3), encode("d"), 0.0) == []
    assert device.read(CONTROL) == b""


@pytest.mark.parametrize("make", [VirtualMuse, VirtualAthena])
def test_it_streams_only_between_start_and_halt_or_disconnection(make: type) -> None:
    device = make(NoiseSource(1))
    device.connect(0.0)
    assert device.advance(1.0) == []
    started(device, 1.0)
    assert device.streaming
    assert device.advance(2.0)
    ask(device, "h", 2.0)
    assert device.advance(3.0) == []
    started(device, 3.0)
    device.disconnect(4.0)
    assert not device.streaming
    assert device.advance(5.0) == []


def test_athena_wants_to_be_told_twice() -> None:
    device = VirtualAthena(NoiseSource(1))
    device.connect(0.0)
    ask(device, "dc001")
    assert not device.streaming
    ask(device, "dc001")
    assert device.streaming


def test_presets_choose_what_is_sent() -> None:
    def kinds(preset: str) -> set[int]:
        device = VirtualMuse(NoiseSource(1))
        ask(device, preset)
        return {int(each.uuid[6:8], 16) for each in started(device).advance(12.0)}

    plain = {3, 4, 5, 6, 9, 0x0A, 0x0B}
    assert kinds("p21") == plain
    assert kinds("p20") == plain | {7}
    assert kinds("p22") == plain - {9, 0x0A}
    assert kinds("p50") == plain | {7, 0x0F, 0x10, 0x11}


def test_athena_sends_eight_channels_where_the_preset_says_so() -> None:
    device = VirtualAthena(NoiseSource(1))
    ask(device, "p1045")
    uv = decoded(AthenaCodec((2, 8)), started(device).advance(2.0))
    assert uv.shape[1] > 480
    np.testing.assert_allclose(uv[1], 0.0, atol=0.1)


@pytest.mark.parametrize(("make", "codec", "step_uv"), KINDS)
def test_after_a_long_pause_the_oldest_is_gone_and_the_count_tells(make, codec, step_uv) -> None:
    device = started(make(NoiseSource(1)))
    before = device.advance(10.0)
    after = device.advance(200.0)
    reader = codec()
    decoded(reader, before, 10.0)
    assert decoded(reader, after, 200.0).shape[1] == pytest.approx(60 * 256, abs=100)
    assert reader.lost == pytest.approx(130 * 256, abs=100)


# --- on the wire ---


def sent_by(device: GattDevice, until_s: float) -> list[tuple[int, bytes]]:
    """Characteristics' numbers and bytes, in order."""
    return [(int(each.uuid[6:8], 16), each.data) for each in device.advance(until_s)]


def test_a_muse_sends_its_channels_under_one_number_and_af7_last() -> None:
    sent = sent_by(started(VirtualMuse(NoiseSource(1), sequence=65_530)), 1.0)
    assert {len(data) for _, data in sent} == {20}
    eeg = [(source, int.from_bytes(data[:2], "big")) for source, data in sent if source in (3, 4, 5, 6)]
    expected = [(source, number % 65_536) for number in range(65_530, 65_551) for source in (6, 5, 3, 4)]
    assert eeg == expected


def test_a_muse_packs_as_in_a_recorded_notification() -> None:
    counts = [1394, 448, 1316, 2310, 1711, 561, 1029, 2201, 2052, 766, 711, 1949]  # muse-js, muse-parse.spec

    class Recorded:
        def render(self, n_samples: int) -> np.ndarray:
            return np.tile((np.array(counts) - 2048) * 125 / 256, (2, n_samples // 12))

    sent = sent_by(started(VirtualMuse(Recorded())), 0.05)
    (af7,) = [data for source, data in sent if source == 4]
    assert af7.hex() == "0000" + "5721c05249066af2314058998042fe2c779d"


def test_a_muse_tells_motion_light_and_supply() -> None:
    device = VirtualMuse(NoiseSource(1))
    ask(device, "p50")
    sent = sent_by(started(device), 30.5)
    of = {source: [data for each, data in sent if each == source] for source in range(1, 0x13)}
    assert len(of[9]) == len(of[0x0A]) == int(30.5 * 52 / 3)
    assert len(of[0x0F]) == len(of[0x10]) == len(of[0x11]) == int(30.5 * 64 / 6)
    assert len(of[0x0B]) == 4
    for number, data in enumerate(of[0x0A]):
        assert int.from_bytes(data[:2], "big") == number
        assert np.frombuffer(data, dtype=">i2", offset=2).tolist() == [500, -350, 16_300] * 3
    assert int.from_bytes(of[0x0B][0][2:4], "big") / 512 == device.battery_percent
    assert of[0x11][0] == b"\0\0" + (150_000).to_bytes(3, "big") * 6


@pytest.mark.parametrize(
    ("model", "has_light", "refused"),
    [("muse2016", False, ("p50", "p61")), ("muse2", True, ("p61",)), ("muses", True, ("p99",))],
)
def test_models_differ(model: muse.Model, has_light: bool, refused: tuple[str, ...]) -> None:
    device = VirtualMuse(NoiseSource(1), model=model)
    (service,) = device.services
    assert (uuid(0x0F) in {each.uuid for each in service.characteristics}) is has_light
    assert [ask(device, preset)["rc"] for preset in refused] == [1] * len(refused)
    assert ask(device, "p20") == {"rc": 0}


@pytest.mark.parametrize("n_rows", [1, 4, 5, 7])
def test_rows_of_a_source_other_than_two_are_the_channels_in_order(n_rows: int) -> None:
    device = VirtualMuse(NoiseSource(6, n_channels=n_rows))
    ask(device, "p20")
    uv = decoded(MuseCodec((1, 2, 3, 4, 5)), started(device).advance(1.0))
    truth = np.zeros((5, uv.shape[1]))
    truth[:n_rows] = NoiseSource(6, n_channels=n_rows).render(uv.shape[1])[:5]
    np.testing.assert_allclose(uv, truth, rtol=0, atol=muse.STEP_UV / 2 + 1e-9)


@pytest.mark.parametrize("make", [VirtualMuse, VirtualAthena])
def test_out_of_its_bootloader_it_needs_a_reset(make: type) -> None:
    device = make(NoiseSource(1), bootloader=True)
    assert ask(device, "v1")["ap"] == "bootloader"
    for text in START[make]:
        assert ask(device, text) == {"rc": 1}
    assert not device.streaming
    assert ask(device, "*1") == {"rc": 0}
    assert ask(device, "v1")["ap"] == "headset"
    assert started(device).streaming


@pytest.mark.parametrize("make", [VirtualMuse, VirtualAthena])
def test_it_may_fall_silent_unless_somebody_speaks(make: type) -> None:
    alone, kept = (started(make(NoiseSource(1), falls_silent_s=300.0)) for _ in range(2))
    for minute in range(1, 11):
        ask(kept, "k", 60.0 * minute)
        assert kept.advance(60.0 * minute)
        assert bool(alone.advance(60.0 * minute)) is (minute <= 5)
    assert started(alone, 601.0).advance(602.0)


def test_a_second_start_changes_nothing() -> None:
    once, twice = started(VirtualMuse(NoiseSource(1))), started(VirtualMuse(NoiseSource(1)))
    before = sent_by(twice, 0.7)
    ask(twice, "d", 0.71)
    assert before + sent_by(twice, 2.0) == sent_by(once, 2.0)
