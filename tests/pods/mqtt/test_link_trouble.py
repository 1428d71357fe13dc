"""A broker that lets nobody in is told of in words that fit the reason, with the setting that mends it."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from own_mosquitto import Certificates, answering, free_port, mosquitto, needs_mosquitto, needs_openssl
from sanctuary.config.broker_settings import BrokerSettings
from sanctuary.config.errors import BrokerError
from sanctuary.pods.mqtt.client import MqttClient
from sanctuary.pods.mqtt.link_trouble import (
    AT_ONCE_S,
    TAKEN_AFTER,
    Takeover,
    Trouble,
    advice,
    trouble_of_connack,
    trouble_of_error,
)

TAKEN = "another program connects as harbour-pod-1, and each pushes the other out"
HTTP = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"


def external(**given: Any) -> BrokerSettings:
    return BrokerSettings(kind="external", connect_timeout_s=2.0, reconnect_min_s=0.1, **given)


def told(port: int, host: str = "127.0.0.1", **given: Any) -> str:
    """What a client says that is not let in."""

    async def attempt() -> str:
        async with MqttClient("harbour-pod-1", host, port, settings=external(**given)) as client:
            with pytest.raises(BrokerError) as refused:
                await client.connected()
            return str(refused.value)

    return asyncio.run(attempt())


@pytest.mark.parametrize("trouble", [kind for kind in Trouble if kind is not Trouble.GONE])
def test_every_reason_has_its_advice(trouble: Trouble) -> None:
    assert advice(trouble, external())


def test_what_a_user_and_none_can_mend_differs() -> None:
    assert "set broker.username" in advice(Trouble.NOT_AUTHORISED, external())
    with_user = external(username="bed", password_file=Path("p"))
    assert "correct broker.username" in advice(Trouble.NOT_AUTHORISED, with_user)
    assert "set broker.username" not in advice(Trouble.PASSWORD, with_user)


@pytest.mark.parametrize(
    ("error", "tls", "trouble"),
    [
        (ConnectionRefusedError(111, "refused"), False, Trouble.NOTHING_THERE),
        (socket.gaierror(-2, "Name or service not known"), False, Trouble.NO_SUCH_HOST),
        (TimeoutError(), False, Trouble.SILENT),
        (OSError(113, "No route to host"), False, Trouble.UNREACHABLE),
        (ConnectionResetError(104, "reset"), False, Trouble.HUNG_UP),
        (ConnectionResetError(104, "reset"), True, Trouble.NOT_TLS),
        (ssl.SSLError(1, "odd"), True, Trouble.TLS),
        (None, False, Trouble.OTHER),
    ],
)
def test_what_an_attempt_raises_is_read(error: Exception | None, tls: bool, trouble: Trouble) -> None:
    assert trouble_of_error(error, tls=tls) is trouble


def test_an_answer_that_nobody_has_heard_of_is_no_mistake() -> None:
    assert trouble_of_connack("Use another server") is Trouble.OTHER


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (1, "MQTT 3.1.1"),
        (2, "client id"),
        (3, "takes nobody now"),
        (4, "set broker.username and broker.password_file"),
        (5, "set broker.username and broker.password_file"),
    ],
)
def test_each_answer_of_mqtt_3_has_its_own_advice(code: int, words: str) -> None:
    with answering(bytes([0x20, 2, 0, code])) as port:
        assert words in told(port)


def test_nothing_there_and_no_such_host() -> None:
    assert "nothing listens there" in told(free_port())
    assert "correct broker.host" in told(1883, host="no-such-host.invalid")


def test_a_web_server_is_told_from_a_broker() -> None:
    with answering(HTTP) as port:
        assert "speaks HTTP" in told(port)


def test_something_that_says_nothing_is_told_from_one_that_hangs_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert "nothing answers" in told(server.getsockname()[1])


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@needs_mosquitto
@needs_openssl
@pytest.mark.parametrize(
    ("subject", "days", "authority", "words"),
    [
        ("IP:127.0.0.1", 30, "stranger.crt", "not signed by broker.tls_ca_file"),
        ("DNS:broker.example", 30, "ca.crt", "for another name"),
        ("IP:127.0.0.1", -1, "ca.crt", "out of date"),
    ],
)
def test_a_certificate_that_does_not_do_is_told_for_what_it_is(
    certificates: Certificates,
    stack: ExitStack,
    tmp_path: Path,
    subject: str,
    days: int,
    authority: str,
    words: str,
) -> None:
    lines = certificates.sign("server", subject, days)
    port = stack.enter_context(mosquitto(tmp_path, "allow_anonymous true", *lines))
    assert words in told(port, tls_ca_file=certificates.path(authority))


@needs_mosquitto
@needs_openssl
def test_tls_where_there_is_none_and_none_where_there_is(
    certificates: Certificates, stack: ExitStack, tmp_path: Path
) -> None:
    lines = certificates.sign("server", "IP:127.0.0.1")
    plain = stack.enter_context(mosquitto(tmp_path, "allow_anonymous true"))
    tls = stack.enter_context(mosquitto(tmp_path, "allow_anonymous true", *lines))
    assert "speaks no TLS" in told(plain, tls_ca_file=certificates.path("ca.crt"))
    assert "TLS: " in told(tls)
    assert "broker.tls_ca_file" in told(tls)


@needs_mosquitto
@needs_openssl
def test_a_broker_that_wants_a_certificate_of_us(
    certificates: Certificates, stack: ExitStack, tmp_path: Path
) -> None:
    lines = certificates.sign("server", "IP:127.0.0.1")
    port = stack.enter_context(
        mosquitto(tmp_path, "allow_anonymous true", *lines, "require_certificate true")
    )
    assert "broker.tls_cert_file" in told(port, tls_ca_file=certificates.path("ca.crt"))


@needs_mosquitto
def test_a_user_that_is_missing_or_wrong(stack: ExitStack, tmp_path: Path) -> None:
    (tmp_path / "users").write_text("")
    (tmp_path / "word").write_text("wrong\n")
    lines = ("allow_anonymous false", f"password_file {tmp_path / 'users'}")
    port = stack.enter_context(mosquitto(tmp_path, *lines))
    assert "set broker.username and broker.password_file" in told(port)
    wrong = told(port, username="bed", password_file=tmp_path / "word")
    assert "correct broker.username" in wrong
    assert "wrong\n" not in wrong


def test_links_that_end_at_once_again_and_again_are_a_takeover_and_others_are_not() -> None:
    takeover, now_s = Takeover(), 0.0
    for _ in range(3 * TAKEN_AFTER):  # a bad radio: links hold for a while
        takeover.up(now_s)
        now_s += 2.0 * AT_ONCE_S
        takeover.down(now_s)
    assert not takeover.suspected
    for _ in range(TAKEN_AFTER):
        takeover.up(now_s)
        now_s += 1.0
        takeover.down(now_s)
    assert takeover.suspected
    takeover.up(now_s)
    assert not takeover.has_ended(now_s + AT_ONCE_S)
    assert takeover.has_ended(now_s + 2.0 * AT_ONCE_S)
    assert not takeover.has_ended(now_s + 3.0 * AT_ONCE_S)


@needs_mosquitto
def test_two_clients_of_one_id_are_told_once_what_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> str:
        reasons: list[Any] = []
        settings = external(reconnect_max_s=0.2)
        with mosquitto(tmp_path, "allow_anonymous true") as port:
            pair = [
                MqttClient("harbour-pod-1", "127.0.0.1", port, settings=settings, on_link=reasons.append)
                for _ in range(2)
            ]
            async with pair[0], pair[1]:
                async with asyncio.timeout(60.0):
                    while not any("another program" in getattr(event, "reason", "") for event in reasons):
                        await asyncio.sleep(0.05)
                n = len(reasons)
                async with asyncio.timeout(60.0):  # it goes on, and is not told each time
                    while len(reasons) < n + 10:
                        await asyncio.sleep(0.05)
        return caplog.text

    log = asyncio.run(story())
    assert 1 <= log.count(f"{TAKEN}: does a second Sanctuary") <= 2
    assert log.count("no link to") <= 2 * (TAKEN_AFTER + 1)
