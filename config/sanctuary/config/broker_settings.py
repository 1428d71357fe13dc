"""Settings of the MQTT broker and of the link to it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from sanctuary.config.settings_base import Finding, Settings, raise_findings

BrokerKind = Literal["auto", "embedded", "mosquitto", "external"]

_EXTERNAL_ONLY = ("username", "password_file", "tls_ca_file", "tls_cert_file", "tls_key_file")
_PARTNERS = {
    "password_file": "username",
    "tls_cert_file": "tls_ca_file",
    "tls_key_file": "tls_cert_file",
}


class BrokerSettings(Settings):
    """Which broker carries the messages, and how patient its clients are."""

    kind: BrokerKind = "auto"
    """`external` for a broker that runs already; `mosquitto` or `embedded` to start a private one on this
    machine for as long as the program runs; `auto` for `mosquitto` if installed, else `embedded`."""
    host: str = Field("127.0.0.1", min_length=1, max_length=253)
    """Host of an external broker."""
    port: int = Field(1883, ge=1, le=65535)
    """TCP port of an external broker; 8883 is usual with TLS."""
    username: str | None = Field(None, min_length=1, max_length=64)
    """User at an external broker; anonymous if left out."""
    password_file: Path | None = None
    """File whose first line is the password of `username`."""
    tls_ca_file: Path | None = None
    """PEM file of the authority that signed the external broker's certificate; turns TLS on."""
    tls_cert_file: Path | None = None
    """PEM file of this gateway's own certificate, where the external broker asks for one."""
    tls_key_file: Path | None = None
    """PEM file of the key to `tls_cert_file`."""
    keepalive_s: int = Field(30, ge=1, le=600)
    """Silence (seconds) after which a client probes the link; a dead link is noticed within twice this."""
    connect_timeout_s: float = Field(5.0, ge=0.1, le=60.0)
    """Patience (seconds) with one attempt to connect, and with a broker that is being started."""
    reconnect_min_s: float = Field(1.0, ge=0.01, le=60.0)
    """Wait (seconds) before the first attempt to reconnect; doubles with every failure."""
    reconnect_max_s: float = Field(30.0, ge=0.01, le=600.0)
    """Longest wait (seconds) between attempts to reconnect."""
    flush_s: float = Field(2.0, ge=0.0, le=60.0)
    """How long (seconds) a client that leaves waits for the broker to take its last messages."""
    max_inbox: int = Field(2000, ge=1, le=1_000_000)
    """Most messages a client keeps that have arrived and were not looked at."""
    max_outgoing: int = Field(2000, ge=1, le=1_000_000)
    """Most messages a client keeps that the broker has not acknowledged."""

    @model_validator(mode="after")
    def _fits_together(self) -> BrokerSettings:
        given = [name for name in _EXTERNAL_ONLY if getattr(self, name) is not None]
        findings: list[Finding] = []
        if self.kind != "external":
            text = (
                f'is for an external broker, but kind = "{self.kind}"; set kind = "external" or leave it out'
            )
            findings += [Finding((name,), text, ("broker", "kind")) for name in given]
        findings += [
            Finding((name,), f"needs {partner} as well", ("broker", partner))
            for name, partner in _PARTNERS.items()
            if name in given and partner not in given
        ]
        if "tls_cert_file" in given and "tls_key_file" not in given:
            findings.append(Finding(("tls_cert_file",), "needs tls_key_file as well"))
        if self.reconnect_max_s < self.reconnect_min_s:
            text = f"= {self.reconnect_max_s} is below reconnect_min_s = {self.reconnect_min_s}"
            findings.append(Finding(("reconnect_max_s",), text, ("broker", "reconnect_min_s")))
        raise_findings(findings)
        return self
