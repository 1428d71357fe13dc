"""Settings of the broker that do not go together are refused."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from sanctuary.config.broker_settings import BrokerSettings


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"username": "pod-1"}, 'is for an external broker, but kind = "auto"'),
        ({"kind": "embedded", "tls_ca_file": "ca.pem"}, 'but kind = "embedded"'),
        ({"kind": "external", "password_file": "secret"}, "needs username as well"),
        ({"kind": "external", "tls_ca_file": "a", "tls_cert_file": "b"}, "needs tls_key_file as well"),
        ({"kind": "external", "tls_ca_file": "a", "tls_key_file": "b"}, "needs tls_cert_file as well"),
        ({"kind": "external", "tls_cert_file": "a", "tls_key_file": "b"}, "needs tls_ca_file as well"),
        ({"reconnect_min_s": 5.0, "reconnect_max_s": 2.0}, "is below reconnect_min_s = 5.0"),
        ({"port": 0}, "greater than or equal to 1"),
        ({"port": 65536}, "less than or equal to 65535"),
    ],
)
def test_mistakes_are_told(changes: dict[str, Any], text: str) -> None:
    with pytest.raises(ValidationError, match=text):
        BrokerSettings.model_validate(changes, strict=False)


def test_an_external_broker_with_everything() -> None:
    settings = BrokerSettings.model_validate(
        {
            "kind": "external",
            "host": "broker.harbour.example",
            "port": 8883,
            "username": "gateway",
            "password_file": "secret",
            "tls_ca_file": "ca.pem",
            "tls_cert_file": "gateway.pem",
            "tls_key_file": "gateway.key",
        }
    )
    assert settings.port == 8883


def test_the_defaults_go_together() -> None:
    assert BrokerSettings().kind == "auto"
