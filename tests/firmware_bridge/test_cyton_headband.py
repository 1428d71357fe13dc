"""The Cyton driver on a real port: opening, reading, and every way that it goes wrong."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from sanctuary.config.errors import DeviceError
from sanctuary.firmware_bridge.headbands.cyton import wire as commands
from sanctuary.firmware_bridge.headbands.cyton.codec import OVERRUN_BYTES
from sanctuary.firmware_bridge.headbands.cyton.driver import CytonHeadband, CytonSession
from sanctuary.firmware_bridge.headbands.cyton.wire import Command
from sanctuary.firmware_bridge.headbands.headband import Conversation, HeadbandOptions
from sanctuary.firmware_bridge.links.serial_link import MAX_READ_BYTES, SerialLink
from sanctuary.signal.samples import SampleBlock
from sanctuary.simulator.devices import link_faults as faults
from sanctuary.simulator.devices.serial_port import PtyPort
from sanctuary.simulator.devices.signal_source import NoiseSource
from sanctuary.simulator.devices.virtual_cyton import VirtualCyton
from virtual_boards import (
    CHANNELS,
    COUNT_UV,
    PATIENCE_S,
    CountingSource,
    HandClock,
    noise_uv,
    open_descriptors,
    plugged_in,
)


@pytest.fixture(autouse=True)
def _no_leaks() -> Iterator[None]:
    before = open_descriptors()
    yield
    assert open_descriptors() == before


@pytest.fixture
def port() -> Iterator[PtyPort]:
    with plugged_in(seed=5) as port:
        yield port


@pytest.fixture
def headband(port: PtyPort) -> Iterator[CytonHeadband]:
    headband = CytonHeadband(port.path, CHANNELS)
    yield headband
    headband.close()


def started(headband: CytonHeadband) -> CytonHeadband:
    headband.connect()
    headband.start()
    return headband


def read_on(headband: CytonHeadband) -> None:
    """Read until it breaks."""
    while True:
        headband.read_samples(250, PATIENCE_S)


def contiguous(blocks: list[SampleBlock]) -> SampleBlock:
    for before, after in pairwise(blocks):
        assert after.start == before.end
    return SampleBlock(blocks[0].start, 250.0, blocks[0].channels, np.hstack([block.uv for block in blocks]))


def test_info_tells_what_the_chain_needs(headband: CytonHeadband) -> None:
    info = headband.info
    assert (info.name, info.fs_hz, info.channels) == ("OpenBCI Cyton", 250.0, ("AF7", "AF8"))
    assert info.rail_uv == pytest.approx((187_500.0, 187_500.0))


def test_the_microvolts_are_those_that_the_board_was_given(headband: CytonHeadband) -> None:
    started(headband)
    blocks = [headband.read_samples(n, PATIENCE_S) for n in (1, 250, 250, 3, 0, 2000)]
    assert [block.n_samples for block in blocks] == [1, 250, 250, 3, 0, 2000]
    night = contiguous(blocks)
    assert (night.start, night.channels) == (0, ("AF7", "AF8"))
    np.testing.assert_allclose(night.uv, noise_uv(5, 2504), rtol=0, atol=1e-6)
    assert headband.lost == 0


def test_whatever_has_arrived(headband: CytonHeadband) -> None:
    started(headband)
    first = headband.read_samples(10, PATIENCE_S)
    blocks = [first]
    while blocks[-1].end < 5000:
        blocks += headband.read(PATIENCE_S)
    night = contiguous(blocks)
    np.testing.assert_allclose(night.uv, noise_uv(5, night.end), rtol=0, atol=1e-6)


def test_only_the_channels_asked_for_in_their_order(port: PtyPort) -> None:
    headband = started(CytonHeadband(port.path, {"Fp2": 2, "ground": 8, "Fp1": 1}))
    block = headband.read_samples(100, PATIENCE_S)
    truth = noise_uv(5, 100)
    assert block.channels == ("Fp2", "ground", "Fp1")
    np.testing.assert_allclose(block.uv, [truth[1], np.zeros(100), truth[0]], rtol=0, atol=1e-6)
    headband.close()


def test_another_gain_is_set_on_the_board_and_changes_the_scale(port: PtyPort) -> None:
    headband = started(CytonHeadband(port.path, CHANNELS, gain=8))
    assert headband.info.rail_uv == pytest.approx((562_500.0, 562_500.0))
    uv = headband.read_samples(100, PATIENCE_S).uv
    step_uv = 3 * COUNT_UV
    np.testing.assert_allclose(uv, np.rint(NoiseSource(5).render(100) / step_uv) * step_uv, rtol=0, atol=1e-6)
    headband.close()


def test_a_railed_channel_reads_the_rail() -> None:
    with PtyPort(VirtualCyton(NoiseSource(1, rms_uv=1e9))) as port:
        headband = started(CytonHeadband(port.path, CHANNELS))
        uv = headband.read_samples(50, PATIENCE_S).uv
        np.testing.assert_allclose(np.abs(uv), headband.info.rail_uv[0], rtol=1e-6)
        headband.close()


def test_packets_lost_are_nan_at_their_place(port: PtyPort, headband: CytonHeadband) -> None:
    port.fault = faults.drop_packets(0.05, seed=3)
    started(headband)
    block = headband.read_samples(20_000, PATIENCE_S)
    truth = noise_uv(5, 20_100)
    first = int(np.flatnonzero(np.isclose(truth[0], block.uv[0, 0], rtol=0, atol=1e-6))[0])
    there = ~block.lost
    assert headband.lost >= np.count_nonzero(block.lost) > 500
    np.testing.assert_allclose(
        block.uv[:, there], truth[:, first : first + 20_000][:, there], rtol=0, atol=1e-6
    )


@pytest.mark.parametrize("share", [0.0005, 0.005, 0.02])
def test_bytes_lost_make_gaps_and_never_wrong_samples(
    port: PtyPort, headband: CytonHeadband, share: float
) -> None:
    headband.connect()
    port.fault = faults.drop_bytes(share, seed=4)
    headband.start()
    block = headband.read_samples(10_000, PATIENCE_S)
    truth = noise_uv(5, 10_300)
    first = int(np.flatnonzero(np.isclose(truth[0], block.uv[0, 0], rtol=0, atol=1e-6))[0])
    there = ~block.lost
    assert 0 < np.count_nonzero(block.lost) < 10_000 * 33 * share * 1.5
    np.testing.assert_allclose(
        block.uv[:, there], truth[:, first : first + 10_000][:, there], rtol=0, atol=1e-6
    )


def test_a_board_left_streaming_is_stopped_first(port: PtyPort, headband: CytonHeadband) -> None:
    crashed = SerialLink(port.path)
    crashed.write(b"b")
    crashed.read(PATIENCE_S)
    crashed.close()
    started(headband)
    block = headband.read_samples(250, PATIENCE_S)
    assert block.start == 0
    assert not block.lost.any()
    assert headband.lost == 0


def test_the_next_program_finds_the_board_stopped(port: PtyPort, headband: CytonHeadband) -> None:
    started(headband)
    headband.read_samples(100, PATIENCE_S)
    headband.close()
    again = CytonHeadband(port.path, CHANNELS)
    again.connect()
    assert again.read(0.0) == []
    again.close()


def test_stopped_and_started_again_it_counts_from_nothing(headband: CytonHeadband) -> None:
    started(headband)
    headband.read_samples(100, PATIENCE_S)
    headband.stop()
    while headband.read(0.1):
        pass
    headband.start()
    assert headband.read_samples(10, PATIENCE_S).start == 0


# --- trouble ---


def test_a_missing_port(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="no such port"):
        CytonHeadband(str(tmp_path / "ttyUSB0"), CHANNELS).connect()


def test_a_file_is_no_headband(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("no port")
    with pytest.raises(DeviceError, match="not a serial port"):
        CytonHeadband(str(tmp_path / "notes"), CHANNELS).connect()


def test_a_port_in_use_stays_with_its_user(port: PtyPort, headband: CytonHeadband) -> None:
    started(headband)
    with pytest.raises(DeviceError, match="another program uses it"):
        CytonHeadband(port.path, CHANNELS).connect()
    assert not headband.read_samples(1000, PATIENCE_S).lost.any()


def test_a_device_that_is_silent(
    port: PtyPort, headband: CytonHeadband, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "RESET", Command(b"v", "OpenBCI", 0.05))
    port.fault = faults.dead
    with pytest.raises(DeviceError, match=r"no Cyton answers within 0.05 s; switch the board to PC"):
        headband.connect()


def test_a_dongle_without_a_board(port: PtyPort, headband: CytonHeadband) -> None:
    port.fault = lambda _: b"Failure: Communications timeout - Device failed to poll Host$$$"
    with pytest.raises(DeviceError, match=r"the dongle finds no board; .*Communications timeout"):
        headband.connect()


def test_a_board_that_refuses_the_gain(port: PtyPort) -> None:
    port.fault = lambda data: data if data.startswith(b"OpenBCI") else b"Failure: too few chars$$$"
    with pytest.raises(DeviceError, match=r"the board refuses x1040110X \(Failure: too few chars\)"):
        CytonHeadband(port.path, CHANNELS, gain=8).connect()


def test_opening_can_be_broken_off(port: PtyPort, headband: CytonHeadband) -> None:
    port.fault = faults.dead
    with pytest.raises(DeviceError, match="broken off"):
        headband.connect(lambda: True)


def test_after_a_failed_opening_the_port_is_free(port: PtyPort, headband: CytonHeadband) -> None:
    port.fault = faults.dead
    with pytest.raises(DeviceError):
        headband.connect(lambda: True)
    SerialLink(port.path).close()


def test_a_headband_that_is_not_open(headband: CytonHeadband) -> None:
    for use in (headband.start, headband.stop, lambda: headband.read(0.0)):
        with pytest.raises(DeviceError, match="not open"):
            use()
    headband.close()


def test_no_samples_for_too_long(port: PtyPort, headband: CytonHeadband) -> None:
    headband.connect()
    port.fault = faults.dead
    headband.start()
    with pytest.raises(DeviceError, match=r"no samples for 0.1 s; check that the headband is switched on"):
        headband.read_samples(250, 0.1)
    assert headband.read(0.0) == []


def test_bytes_that_are_no_packets_do_not_count_as_samples(port: PtyPort, headband: CytonHeadband) -> None:
    headband.connect()
    port.fault = lambda data: b"Brown-out reset\r\nOpenBCI V3 8-16 channel$$$" * (len(data) // 40)
    headband.start()
    with pytest.raises(DeviceError, match=r"no samples for 0.1 s; the board says: .*OpenBCI V3"):
        headband.read_samples(250, 0.1)


def test_unplugged_while_streaming(port: PtyPort, headband: CytonHeadband) -> None:
    started(headband)
    headband.read_samples(100, PATIENCE_S)
    port.unplug()
    with pytest.raises(DeviceError, match=f"{port.path}: the headband went away"):
        read_on(headband)


def test_plugged_in_again_a_new_connection_works(port: PtyPort, headband: CytonHeadband) -> None:
    started(headband)
    port.unplug()
    with pytest.raises(DeviceError):
        read_on(headband)
    port.replug()
    started(headband)
    assert not headband.read_samples(250, PATIENCE_S).lost.any()


@pytest.mark.parametrize("reached", ["made", "open", "streaming", "stopped", "unplugged", "closed"])
def test_it_closes_in_every_state_and_can_be_opened_again(port: PtyPort, reached: str) -> None:
    headband = CytonHeadband(port.path, CHANNELS)
    steps = [
        ("open", headband.connect),
        ("streaming", headband.start),
        ("stopped", headband.stop),
        ("unplugged", port.unplug),
        ("closed", headband.close),
    ]
    for name, step in steps if reached != "made" else []:
        step()
        if name == reached:
            break
    headband.close()
    headband.close()
    with pytest.raises(DeviceError, match="not open"):
        headband.read(0.0)
    port.replug()
    started(headband)
    assert not headband.read_samples(10, PATIENCE_S).lost.any()
    headband.close()


def opened_on(link: SerialLink, clock: HandClock) -> CytonHeadband:
    """A Cyton that streams through this link."""
    headband = CytonHeadband("port", CHANNELS, realtime=True, clock=clock)
    headband._opened_with = Conversation(link, clock), CytonSession((1, 2), HeadbandOptions())
    headband.start()
    return headband


class Backlog(SerialLink):
    """A port that gives what has waited in pieces, as large as one read brings."""

    def __init__(self, clock: HandClock) -> None:
        self.address, self._clock = "port", clock
        self.pieces: list[bytes] = []

    def plug(self, data: bytes) -> None:
        self.pieces = [data[at : at + MAX_READ_BYTES] for at in range(0, len(data), MAX_READ_BYTES)]

    def read_bytes(self, _timeout_s: float) -> bytes:
        return self.pieces.pop(0) if self.pieces else b""

    def write(self, _data: bytes) -> None: ...

    def close(self) -> None: ...


@pytest.mark.parametrize("lost", [0, 300, 4000])
@pytest.mark.parametrize("waiting", [750, 1900, 2500, 4000])
def test_in_real_time_a_reader_that_was_late_keeps_the_sample_clock(waiting: int, lost: int) -> None:
    if waiting * 33 < OVERRUN_BYTES:
        lost = 0  # buffers that are not full lose nothing
    clock, board = HandClock(), VirtualCyton(CountingSource())
    link = Backlog(clock)
    headband = opened_on(link, clock)
    link.plug(board.packets(250))
    blocks = headband.read(0.0)
    data = board.packets(waiting)
    board.packets(lost)
    clock.now_s += (waiting + lost) / 250
    link.plug(data)
    blocks += headband.read(0.0)
    clock.now_s += 1.0
    link.plug(board.packets(250))
    blocks += headband.read(0.0)
    uv = contiguous(blocks).uv[0]
    there = np.flatnonzero(~np.isnan(uv))
    np.testing.assert_array_equal(np.rint(uv[there] / COUNT_UV), there)
    assert headband.lost == lost


def test_in_real_time_a_silence_longer_than_the_counter_is_counted_whole() -> None:
    with plugged_in(seed=6, pacing="realtime") as port:
        headband = started(CytonHeadband(port.path, CHANNELS, realtime=True))
        headband.read_samples(20, PATIENCE_S)
        port.fault = faults.silence_packets(1.2)
        block = headband.read_samples(340, PATIENCE_S)
        assert headband.lost == np.count_nonzero(block.lost) == 300
        headband.close()
