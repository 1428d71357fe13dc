"""Starts a private Mosquitto: loopback, a free port, nothing kept on disk."""

from __future__ import annotations

import asyncio
import getpass
import os
import re
import shutil
import socket
import tempfile
from contextlib import suppress
from pathlib import Path

from sanctuary.config.errors import BrokerError
from sanctuary.pods.wire.child import Child

HOST = "127.0.0.1"
_SBIN = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin")
"""Where packages put it, and where the PATH of ordinary users does not look."""
_ATTEMPTS = 5
"""A port found free may be taken before Mosquitto binds it; rarely, and never five times in a row."""
_POLL_S = 0.005
_RUNNING = re.compile(r"^\d+: mosquitto version \S+ running$", re.MULTILINE)
_CONFIG = """\
listener {port} {host}
user {user}
allow_anonymous true
persistence false
set_tcp_nodelay true
max_inflight_messages 100
max_queued_messages 100000
log_dest stderr
log_type error
log_type warning
log_type information
"""


def find_mosquitto() -> Path | None:
    """Look for the program, on PATH and where packages put it."""
    found = shutil.which("mosquitto", path=os.pathsep.join([os.environ.get("PATH", ""), *_SBIN]))
    return Path(found) if found else None


async def start_mosquitto(program: Path, timeout_s: float) -> tuple[Child, int]:
    """Start Mosquitto on loopback; give its process and port.

    Raises
    ------
    BrokerError
        It did not come up in time.
    """
    complaints = ""
    for _ in range(_ATTEMPTS):
        port = _free_port()
        with tempfile.TemporaryDirectory(prefix="sanctuary-") as folder:
            # Started by root, Mosquitto would change its user, and with that get rid of its tether.
            config = Path(folder) / "mosquitto.conf"
            config.write_text(_CONFIG.format(host=HOST, port=port, user=getpass.getuser()), encoding="utf-8")
            child = Child([str(program), "-c", str(config)], "Mosquitto")
            try:
                if await _runs(child, timeout_s):
                    return child, port
                complaints = child.complaints()
            except BaseException:
                await child.stop()
                raise
        await child.stop()
        if "in use" not in complaints:
            break
    raise BrokerError(
        f"{program} did not start within {timeout_s:g} s ({complaints or 'no reason given'}); "
        'mend it, or set broker.kind = "embedded"'
    )


async def _runs(child: Child, timeout_s: float) -> bool:
    """Wait until the child says that it runs; False if it ends, or takes too long.

    To connect would prove nothing: whoever took the port first would answer.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            while child.alive():
                if _RUNNING.search(child.complaints()):
                    return True
                await asyncio.sleep(_POLL_S)
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
