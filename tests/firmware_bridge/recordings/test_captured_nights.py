"""A captured night, decoded again: the same samples as live, and clear words where it fails."""

from pathlib import Path

import numpy as np
import pytest

from sanctuary.config.errors import DeviceError, RecordingError
from sanctuary.firmware_bridge.headbands.cyton.driver import CytonHeadband
from sanctuary.firmware_bridge.headbands.device import open_link
from sanctuary.firmware_bridge.recordings.capture import (
    CaptureHeader,
    CaptureReader,
    CaptureWriter,
    captured,
    pack,
    pack_event,
)
from sanctuary.firmware_bridge.recordings.capture_night import open_capture
from sanctuary.firmware_bridge.stream.reader import HeadbandReader
from sanctuary.firmware_bridge.stream.reconnect import ReconnectPolicy, same_backoff
from sanctuary.signal.samples import SampleBlock
from sanctuary.simulator.devices import link_faults as faults
from sanctuary.simulator.devices.signal_source import NoiseSource
from sanctuary.simulator.devices.virtual_cyton import VirtualCyton
from virtual_boards import CHANNELS, plugged_in, wait_until

HEADER = CaptureHeader("cyton", dict(CHANNELS), {}, "port", "2026-01-02T03:04:05+01:00")
HASTY = ReconnectPolicy(same_backoff(0.05, 0.1), silence_s=1.0, begin_s=5.0)


def joined(blocks: list[SampleBlock]) -> np.ndarray:
    return np.hstack([block.uv for block in blocks])


def test_a_capture_replays_as_it_was_live_through_loss_and_unplugging(tmp_path: Path) -> None:
    live: list[SampleBlock] = []
    said: list[str] = []
    writer = CaptureWriter(tmp_path / "pod.capture", HEADER)
    with plugged_in(seed=4, pacing="realtime") as port:
        port.fault = faults.drop_packets(0.02, seed=1)
        opened = captured(open_link, writer)
        pump = HeadbandReader(
            lambda: CytonHeadband(port.path, CHANNELS, realtime=True, opened=opened),
            live.append,
            said.append,
            lambda: said.append("back"),
            policy=HASTY,
        )
        pump.start()
        wait_until(lambda: bool(live) and live[-1].end > 400)
        port.unplug()
        wait_until(lambda: len(said) == 1)
        port.replug()
        wait_until(lambda: "back" in said and live[-1].end > 1500)
        pump.stop()
    writer.close()
    night = open_capture(writer.path)
    uv, again = joined(live), joined(list(night.blocks(1.0)))
    assert (night.info.channels, night.info.fs_hz, night.info.rail_uv) == (
        ("AF7", "AF8"),
        250.0,
        pytest.approx((187_500.0, 187_500.0)),
    )
    np.testing.assert_array_equal(again[:, : uv.shape[1]], uv[:, : again.shape[1]])
    assert abs(again.shape[1] - uv.shape[1]) <= 250  # live, an outage may go on at the end
    assert 0.01 < np.isnan(again[0, :400]).mean() < 0.05
    assert "were lost on the way" in night.warnings[0]
    assert night.info.start is not None


def test_blocks_have_the_size_asked_for_and_any_channels_in_any_order(tmp_path: Path) -> None:
    board = VirtualCyton(NoiseSource(1))
    path = tmp_path / "n.capture"
    records = [pack_event(0.0, "started")]
    records += [pack(0.04 * (n + 1), 0, board.packets(10)) for n in range(100)]
    path.write_bytes(HEADER.to_bytes() + b"".join(records) + b"\x00" * 7)
    night = open_capture(path, ["AF8"])
    assert [block.n_samples for block in night.blocks(1.5)] == [375, 375, 248]
    both = open_capture(path)
    np.testing.assert_array_equal(joined(list(both.blocks()))[1:], joined(list(night.blocks())))
    assert any("the last 7 bytes are not a whole record" in warning for warning in night.warnings)


@pytest.mark.parametrize(
    ("header", "channels", "told"),
    [
        (HEADER, ["Oz"], "there is no channel 'Oz'; it has 'AF7', 'AF8'"),
        (CaptureHeader("crown", {"AF7": 1}), None, "line 1: crown: no such headband; there are cyton"),
        (CaptureHeader("cyton", {"AF7": 1}, {"colour": 3}), None, "line 1: .*colour"),
        (CaptureHeader("cyton", {"AF7": 9}), None, "line 1: .*inputs 1 to 8"),
        (CaptureHeader("cyton", {"AF7": 1, "VEOG": 2}), None, "VEOG is a vertical EOG"),
        (
            CaptureHeader("cyton", {"E1-M2": 1, "E2-M1": 2}),
            None,
            "E1-M2 is an EOG; name an EEG channel first",
        ),
        (HEADER, None, "no samples of the OpenBCI Cyton in this capture"),
    ],
)
def test_captures_that_cannot_be_used_say_why(
    tmp_path: Path, header: CaptureHeader, channels: list[str] | None, told: str
) -> None:
    path = tmp_path / "n.capture"
    path.write_bytes(header.to_bytes() + pack_event(0.0, "started") + pack(1.0, 0, b"garbage"))
    with pytest.raises(RecordingError, match=told) as caught:
        open_capture(path, channels)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("channels", "there", "signs"),
    [
        ({"HEOG": 1, "AF7": 2}, ("AF7", "HEOG"), (1.0, 1.0)),
        ({"AF8": 1, "AF7": 2}, ("AF7", "AF8"), (1.0, 1.0)),
        ({"Fpz": 2, "ROC-LOC": 1}, ("Fpz", "ROC-LOC"), (1.0, -1.0)),
        ({"Fpz": 2, "E2-M1": 1}, ("Fpz", "E2-M1"), (1.0, -1.0)),
    ],
)
def test_channels_are_put_in_the_order_of_a_recording(
    tmp_path: Path, channels: dict[str, int], there: tuple[str, ...], signs: tuple[float, ...]
) -> None:
    packets = VirtualCyton(NoiseSource(1)).packets(500)
    found = {}
    for name, sites in (("plain", {"AF7": 2, "AF8": 1}), ("n", channels)):
        path = tmp_path / f"{name}.capture"
        head = CaptureHeader("cyton", sites, {}, "port", "2026-01-02T03:04:05+01:00").to_bytes()
        path.write_bytes(head + pack_event(0.0, "started") + pack(2.0, 0, packets))
        found[name] = open_capture(path)
    assert found["n"].info.channels == there
    wanted = joined(list(found["plain"].blocks())) * np.array(signs)[:, np.newaxis]
    np.testing.assert_array_equal(joined(list(found["n"].blocks())), wanted)


def test_only_what_was_read_is_logged_and_a_refused_connection_leaves_no_trace(tmp_path: Path) -> None:
    writer = CaptureWriter(tmp_path / "n.capture", HEADER)
    with pytest.raises(DeviceError, match="no such port"):
        CytonHeadband(str(tmp_path / "none"), CHANNELS, opened=captured(open_link, writer)).connect()
    writer.close()
    assert list(CaptureReader(writer.path).records()) == []
