"""A Mosquitto with lines of one's own, certificates for it, and ports where something else listens."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sanctuary.pods.mqtt.broker import find_mosquitto

PATIENCE_S = 30.0
needs_mosquitto = pytest.mark.skipif(find_mosquitto() is None, reason="mosquitto is not installed")
needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")


def free_port() -> int:
    """A port on which nobody listens now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def mosquitto(folder: Path, *lines: str, port: int | None = None) -> Iterator[int]:
    """Run Mosquitto with these lines of configuration; gives its port."""
    program = find_mosquitto()
    assert program is not None
    port = port or free_port()
    config = folder / f"mosquitto-{port}.conf"
    config.write_text("\n".join(("user root", f"listener {port} 127.0.0.1", *lines)) + "\n")
    child = subprocess.Popen(
        [program, "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait_for(port, child)
        yield port
    finally:
        child.kill()
        child.wait()


def _wait_for(port: int, child: subprocess.Popen[bytes]) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline_s:
        assert child.poll() is None, "mosquitto did not like its configuration"
        with socket.socket() as visitor:
            if visitor.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError("mosquitto did not listen")


class Certificates:
    """An authority, and certificates that it signed; PEM files in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._self_signed("ca")
        self._self_signed("stranger")

    def path(self, name: str) -> Path:
        """Where a file lies, such as ``ca.crt``."""
        return self.folder / name

    def sign(self, name: str, subject: str, days: int = 30) -> list[str]:
        """Make a certificate for a subjectAltName; gives the lines with which Mosquitto uses it."""
        request, extensions = self.path(f"{name}.csr"), self.path(f"{name}.ext")
        extensions.write_text(f"subjectAltName={subject}\n")
        key, made = self.path(f"{name}.key"), self.path(f"{name}.crt")
        self._openssl(
            "req", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", request, "-subj", "/CN=x"
        )
        authority = ("-CA", self.path("ca.crt"), "-CAkey", self.path("ca.key"), "-CAcreateserial")
        self._openssl(
            *("x509", "-req", "-in", request, *authority, "-out", made),
            *("-days", days, "-extfile", extensions),
        )
        return [f"cafile {self.path('ca.crt')}", f"certfile {made}", f"keyfile {key}"]

    def _self_signed(self, name: str) -> None:
        key, made = self.path(f"{name}.key"), self.path(f"{name}.crt")
        self._openssl(
            *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", made),
            *("-days", "30", "-subj", f"/CN={name}"),
        )

    @staticmethod
    def _openssl(*words: object) -> None:
        subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


@contextmanager
def answering(reply: bytes) -> Iterator[int]:
    """Listen, and give everybody the same reply, whatever they say; gives the port."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                visitor, _ = server.accept()
            except OSError:
                return
            with visitor:
                visitor.settimeout(PATIENCE_S)
                try:
                    visitor.recv(1024)
                    visitor.sendall(reply)
                except OSError:
                    continue

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield int(server.getsockname()[1])
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(PATIENCE_S)
