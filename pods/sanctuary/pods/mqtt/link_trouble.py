"""Why there is no link to a broker, what to do about each reason, and what is logged of it.

Pure but for the types of errors and the log; times are arguments.
"""

from __future__ import annotations

import logging
import socket
import ssl
from collections.abc import Mapping
from enum import StrEnum

from sanctuary.config.broker_settings import BrokerSettings
from sanctuary.config.errors import BrokerError

_LOG = logging.getLogger(__name__)


class Trouble(StrEnum):
    """Why there is no link."""

    GONE = "gone"
    """There was one, and the broker or the network ended it."""
    NOTHING_THERE = "nothing there"
    NO_SUCH_HOST = "no such host"
    UNREACHABLE = "unreachable"
    SILENT = "silent"
    """Nothing answered in time."""
    HUNG_UP = "hung up"
    """Whoever is there ended the connection without a word."""
    NOT_TLS = "not TLS"
    NEEDS_TLS = "needs TLS"
    HTTP = "HTTP"
    NEEDS_CERTIFICATE = "needs a certificate"
    UNKNOWN_CERTIFICATE = "unknown certificate"
    OTHER_HOST = "certificate of another host"
    EXPIRED = "expired certificate"
    TLS = "TLS failed"
    PASSWORD = "bad password"  # noqa: S105  the name of a reason
    NOT_AUTHORISED = "not authorised"
    CLIENT_ID = "bad client id"
    PROTOCOL = "no MQTT 3.1.1"
    FULL = "full"
    BANNED = "banned"
    UNAVAILABLE = "unavailable"
    OTHER = "other"


_ANSWERS: Mapping[str, Trouble] = {
    "Unsupported protocol version": Trouble.PROTOCOL,
    "Client identifier not valid": Trouble.CLIENT_ID,
    "Bad user name or password": Trouble.PASSWORD,
    "Bad authentication method": Trouble.PASSWORD,
    "Not authorized": Trouble.NOT_AUTHORISED,
    "Server unavailable": Trouble.UNAVAILABLE,
    "Server busy": Trouble.UNAVAILABLE,
    "Banned": Trouble.BANNED,
    "Quota exceeded": Trouble.FULL,
    "Connection rate exceeded": Trouble.FULL,
}
"""CONNACK's reasons (MQTT 5, 3.2.2.2), by the names that paho gives also to the five of MQTT 3.1.1."""
_CERTIFICATE_EXPIRED, _NOT_YET, _HOST_MISMATCH, _IP_MISMATCH = 10, 9, 62, 64
"""OpenSSL's verify results, X509_V_ERR_*."""


def trouble_of_connack(name: str) -> Trouble:
    """Translate the name of a CONNACK's reason."""
    return _ANSWERS.get(name, Trouble.OTHER)


def trouble_of_error(error: BaseException | None, *, tls: bool) -> Trouble:
    """Translate what an attempt to connect raised; `tls` says whether it was to be encrypted."""
    match error:
        case ssl.SSLCertVerificationError():
            return _of_certificate(error.verify_code)
        case ssl.SSLError():
            reason = getattr(error, "reason", "")
            return Trouble.NOT_TLS if reason == "WRONG_VERSION_NUMBER" else Trouble.TLS
        case socket.gaierror():
            return Trouble.NO_SUCH_HOST
        case ConnectionRefusedError():
            return Trouble.NOTHING_THERE
        case TimeoutError():
            return Trouble.SILENT
        case ConnectionError():
            return Trouble.NOT_TLS if tls else Trouble.HUNG_UP
        case OSError():
            return Trouble.UNREACHABLE
    return Trouble.OTHER


def _of_certificate(verify_code: int) -> Trouble:
    if verify_code in (_CERTIFICATE_EXPIRED, _NOT_YET):
        return Trouble.EXPIRED
    return (
        Trouble.OTHER_HOST if verify_code in (_HOST_MISMATCH, _IP_MISMATCH) else Trouble.UNKNOWN_CERTIFICATE
    )


_SEE_LOG = "see the broker's log"
_ADVICE: Mapping[Trouble, str] = {
    Trouble.NOTHING_THERE: "nothing listens there: start the broker, or correct broker.host and broker.port",
    Trouble.NO_SUCH_HOST: "correct broker.host, or see to this machine's name service",
    Trouble.UNREACHABLE: "see to the network, or correct broker.host",
    Trouble.SILENT: "nothing answers: see to a firewall on the way, or correct broker.host and broker.port",
    Trouble.NOT_TLS: "what listens there speaks no TLS: set the broker.port of its TLS listener (often "
    "8883), or leave broker.tls_ca_file out",
    Trouble.NEEDS_TLS: "it wants TLS: set broker.tls_ca_file, or the broker.port of its listener without "
    "(often 1883)",
    Trouble.HTTP: "what listens there speaks HTTP: set the broker.port of its MQTT listener (often 1883, or "
    "8883 with TLS; WebSockets do not do)",
    Trouble.NEEDS_CERTIFICATE: "it wants a certificate of this machine: set broker.tls_cert_file "
    "and broker.tls_key_file",
    Trouble.UNKNOWN_CERTIFICATE: "its certificate is not signed by broker.tls_ca_file: name the PEM file "
    "of the authority that signed it",
    Trouble.OTHER_HOST: "its certificate is for another name: set broker.host to a name that stands in it, "
    "or have one made for this name",
    Trouble.EXPIRED: "its certificate is out of date, or this machine's clock is wrong: see `date`, then "
    "have the certificate renewed",
    Trouble.TLS: "TLS failed: see the broker's log, and broker.tls_ca_file, tls_cert_file and tls_key_file",
    Trouble.CLIENT_ID: "it does not like our client id: shorten site.id, or let its rules allow the id",
    Trouble.PROTOCOL: "it does not speak MQTT 3.1.1, which this program does: let it",
    Trouble.FULL: "it takes no more connections: raise its limit (Mosquitto: max_connections), or wait",
    Trouble.BANNED: "it has banned this client: see the broker's log and its rules",
    Trouble.UNAVAILABLE: "it is there and takes nobody now: see the broker's log",
    Trouble.OTHER: _SEE_LOG,
}
_USER = "broker.username and the first line of broker.password_file"


def advice(trouble: Trouble, settings: BrokerSettings) -> str:
    """Say what to do, in a clause that names the setting; empty where waiting is all there is to do."""
    match trouble:
        case Trouble.PASSWORD | Trouble.NOT_AUTHORISED if settings.username is None:
            return "it lets nobody in without a name: set broker.username and broker.password_file"
        case Trouble.PASSWORD:
            return f"correct {_USER}"
        case Trouble.NOT_AUTHORISED:
            return f"correct {_USER}, or let the broker's rules allow the user {settings.username}"
        case Trouble.HUNG_UP if settings.tls_ca_file is None:
            return "it is no MQTT broker, or wants TLS: correct broker.port, or set broker.tls_ca_file"
        case Trouble.HUNG_UP if settings.tls_cert_file is None:
            return _ADVICE[Trouble.NEEDS_CERTIFICATE]
        case Trouble.HUNG_UP:
            return "it is no MQTT broker, or refuses our certificate: see its log, and broker.tls_cert_file"
    return _ADVICE.get(trouble, "")


TAKEN_AFTER = 4
"""So many links in a row that were ended at once are no accident."""
AT_ONCE_S = 10.0
"""Another program that wants our client id has it back within its own wait to reconnect."""


class Takeover:
    """Suspects that another program uses our client id: MQTT 3.1.1 just hangs up on the older of the two.

    Attributes
    ----------
    suspected
        Until a link has held for a while.
    """

    def __init__(self) -> None:
        self.suspected = False
        self._up_s: float | None = None
        self._in_a_row = 0

    def up(self, now_s: float) -> None:
        """Note that the broker has let us in; monotonic seconds."""
        self._up_s = now_s

    def down(self, now_s: float) -> None:
        """Note that the link was ended, not by us."""
        if self._up_s is None:
            return
        held_s, self._up_s = now_s - self._up_s, None
        self._in_a_row = self._in_a_row + 1 if held_s < AT_ONCE_S else 0
        self.suspected = self._in_a_row >= TAKEN_AFTER

    def has_ended(self, now_s: float) -> bool:
        """Tell, once, that a link has held again after a suspicion; wanted now and then."""
        held = self._up_s is not None and now_s - self._up_s >= 2.0 * AT_ONCE_S
        if not (self.suspected and held):
            return False
        self.suspected, self._in_a_row = False, 0
        return True


class LinkReport:
    """How one client's link stands, and what is logged of it: each trouble once, and once that it is over.

    All times are monotonic seconds.

    Attributes
    ----------
    place
        Where the broker is.
    trouble, reason
        Why there is no link, or was none; the latter for people.
    """

    def __init__(self, client_id: str, host: str, port: int, settings: BrokerSettings) -> None:
        self.place = f"{host}:{port}"
        self.trouble, self.reason = Trouble.SILENT, "no answer yet"
        self._client_id, self._settings = client_id, settings
        self._takeover = Takeover()
        self._told = set[str]()

    def accepted(self, now_s: float) -> None:
        """Note that the broker let the client in."""
        self._takeover.up(now_s)

    def up(self) -> None:
        """Note that every subscription is in force."""
        if "down" in self._told and not self._takeover.suspected:
            self._told.discard("down")
            _LOG.warning("%s: link to %s restored", self._client_id, self.place)

    def down(self, trouble: Trouble, reason: str, now_s: float) -> None:
        """Note that there is no link, and why."""
        self.trouble, self.reason = trouble, reason
        if trouble is Trouble.GONE:
            self._takeover.down(now_s)
        if self._takeover.suspected and trouble is Trouble.GONE:
            self.reason = f"another program connects as {self._client_id}, and each pushes the other out"
            self.warn_once(
                "taken", f"{self.reason}: does a second Sanctuary use a copy of this data folder? End it"
            )
        todo = advice(trouble, self._settings)
        self.warn_once(
            "down", f"no link to {self.place} ({self.reason}); {todo + '; ' if todo else ''}trying again"
        )

    def tick(self, now_s: float) -> None:
        """Find out whether a link has held for a while; wanted about once a second."""
        if self._takeover.has_ended(now_s):
            self._told -= {"taken", "down"}
            _LOG.warning("%s: the link to %s holds again", self._client_id, self.place)

    def warn_once(self, what: str, text: str) -> None:
        if what not in self._told:
            self._told.add(what)
            _LOG.warning("%s: %s", self._client_id, text)

    def timed_out(self, patience_s: float, trouble: Trouble) -> BrokerError:
        """Make the error that says that no link came about in time, what stood in the way, and what to do."""
        return BrokerError(
            f"{self._client_id}: no link to the MQTT broker at {self.place} within {patience_s:g} s "
            f"({self.reason}); {advice(trouble, self._settings) or _SEE_LOG}"
        )
