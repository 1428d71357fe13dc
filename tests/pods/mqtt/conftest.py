"""A broker of each kind, once per module; nothing may be left behind by any test."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from mqtt_support import PATIENCE_S, leftovers
from sanctuary.pods.mqtt.broker import find_mosquitto, start_embedded, start_mosquitto


@pytest.fixture(params=["embedded", "mosquitto"], scope="module")
def kind(request: pytest.FixtureRequest) -> str:
    if request.param == "mosquitto" and find_mosquitto() is None:
        pytest.skip("mosquitto is not installed")
    return str(request.param)


@pytest.fixture(scope="module")
def port(kind: str) -> Iterator[int]:
    program = find_mosquitto()
    if kind == "mosquitto" and program is not None:
        child, number = asyncio.run(start_mosquitto(program, PATIENCE_S))
    else:
        child, number = asyncio.run(start_embedded(PATIENCE_S))
    yield number
    asyncio.run(child.stop())


@pytest.fixture
def root(request: pytest.FixtureRequest) -> str:
    """A topic of this test's own."""
    return "".join(letter if letter.isalnum() else "-" for letter in request.node.name)


@pytest.fixture(autouse=True)
def _no_leaks() -> Iterator[None]:
    before = leftovers()
    yield
    for then, now in zip(before, leftovers(), strict=True):
        assert not now - then
