"""Serial ports that are missing, forbidden, taken, not serial, or go away: one clear sentence each."""

import errno
import os
import termios
import threading
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import serial

from sanctuary.config.errors import DeviceError
from sanctuary.firmware_bridge.links.serial_link import MAX_READ_BYTES, SerialLink
from virtual_boards import PATIENCE_S, plugged_in, wait_until

NOBODY = 65_534
TERMINAL_BYTES = 4095
"""What a terminal gives at a time."""


@contextmanager
def unprivileged() -> Iterator[None]:
    """Without the powers of root, which may open everything."""
    uid = os.geteuid()
    if uid == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(uid)


def refusal(path: str) -> str:
    with pytest.raises(DeviceError) as caught:
        SerialLink(path)
    assert str(caught.value).startswith(f"{path}: cannot be opened: ")
    return str(caught.value)


def test_a_missing_port() -> None:
    assert "no such port; plug the dongle in" in refusal("/dev/ttyUSB-none")


def test_a_forbidden_port() -> None:
    with plugged_in() as port:
        device = Path(port.path).resolve()
        Path(port.path).parent.chmod(0o755)
        device.chmod(0)
        with unprivileged():
            text = refusal(port.path)
    assert "permission denied; add yourself to the group `dialout`" in text


def test_a_port_that_another_program_holds() -> None:
    with plugged_in() as port:
        first = SerialLink(port.path)
        assert "another program uses it" in refusal(port.path)
        first.close()
        SerialLink(port.path).close()


def test_a_file_and_a_folder_are_no_ports(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("no port")
    assert "not a serial port" in refusal(str(file))
    assert "a folder, not a serial port" in refusal(str(tmp_path))


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.EBUSY, "another program uses it"), (errno.EIO, "does not answer"), (errno.ENODEV, "no device")],
)
def test_other_refusals_of_the_system(monkeypatch: pytest.MonkeyPatch, number: int, words: str) -> None:
    def refuse(*_args: object, **_more: object) -> None:
        raise serial.SerialException(number, f"could not open port: {os.strerror(number)}")

    monkeypatch.setattr(serial, "Serial", refuse)
    assert words in refusal("/dev/ttyUSB0")


def test_a_port_that_goes_away_while_it_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    def hung_up(*_args: object) -> None:
        raise termios.error(errno.EIO, os.strerror(errno.EIO))

    with plugged_in() as port:
        with monkeypatch.context() as patched:
            patched.setattr(termios, "tcflush", hung_up)
            assert "the port does not answer" in refusal(port.path)
        with monkeypatch.context() as patched:
            patched.setattr(termios, "tcgetattr", hung_up)
            assert "the port does not answer" in refusal(port.path)
        SerialLink(port.path).close()


def test_a_port_that_went_away_says_so_at_reading_and_writing_and_still_closes() -> None:
    with plugged_in() as port:
        link = SerialLink(port.path)
        port.unplug()
        with pytest.raises(DeviceError, match=f"{port.path}: the headband went away"):
            link.read_bytes(PATIENCE_S)
        with pytest.raises(DeviceError, match=f"{port.path}: the headband takes no commands"):
            link.write(b"v")
        link.close()
        link.close()
        with pytest.raises(DeviceError):
            link.read_bytes(0.0)


def test_reading_waits_for_the_first_byte_only() -> None:
    with plugged_in() as port:
        link = SerialLink(port.path)
        assert link.read_bytes(0.0) == b""
        link.write(b"V")
        heard = b""
        while len(heard) < 9:
            heard += link.read_bytes(PATIENCE_S)
        assert heard == b"v3.1.5$$$"
        link.close()


def test_a_backlog_comes_at_once_and_bounded() -> None:
    with plugged_in() as port:
        link = SerialLink(port.path)
        link.write(b"b")
        wait_until(lambda: link._serial.in_waiting >= TERMINAL_BYTES)
        assert TERMINAL_BYTES < len(link.read_bytes(PATIENCE_S)) <= MAX_READ_BYTES
        link.close()


def test_behind_a_backlog_a_stream_in_step_ends_the_read() -> None:
    master, slave = os.openpty()
    tty.setraw(slave)
    link = SerialLink(os.ttyname(slave))
    over = threading.Event()

    def stream() -> None:
        while not over.wait(0.005):  # more often than the grace of a backlog
            os.write(master, bytes(40))

    os.write(master, bytes(3000))
    sender = threading.Thread(target=stream)
    sender.start()
    try:
        assert 3000 <= len(link.read_bytes(PATIENCE_S)) < MAX_READ_BYTES // 4
    finally:
        over.set()
        sender.join()
        link.close()
        os.close(master)
        os.close(slave)


def test_a_port_that_only_pyserial_knows_is_refused_in_words() -> None:
    assert "name a path or socket://host:port" in refusal("loop://")
