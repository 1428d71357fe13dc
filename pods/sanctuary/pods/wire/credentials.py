"""How a client proves who it is, and checks who the broker is."""

from __future__ import annotations

import ssl

from paho.mqtt import client as paho

from sanctuary.config.broker import BrokerSettings
from sanctuary.config.errors import ConfigError


class _ClosedOnFailure(ssl.SSLSocket):
    """A socket that does not stay open when the two sides could not agree; paho leaves that to chance."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except BaseException:
            self.close()
            raise


def set_credentials(client: paho.Client, settings: BrokerSettings) -> None:
    """Give paho the password and the TLS files.

    Raises
    ------
    ConfigError
        One of the files cannot be used.
    """
    if settings.username is not None:
        client.username_pw_set(settings.username, _password(settings))
    if settings.tls_ca_file is None:
        return
    certificate, key = [
        str(path) if path else None for path in (settings.tls_cert_file, settings.tls_key_file)
    ]
    try:
        context = ssl.create_default_context(cafile=str(settings.tls_ca_file))
        context.sslsocket_class = _ClosedOnFailure
        if certificate is not None:
            context.load_cert_chain(certificate, key)
        client.tls_set_context(context)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"broker.tls_ca_file = {settings.tls_ca_file}: this file, or tls_cert_file and tls_key_file, "
            f"cannot be used for TLS ({error}); name PEM files that can be read"
        ) from error


def _password(settings: BrokerSettings) -> str | None:
    if settings.password_file is None:
        return None
    try:
        return settings.password_file.read_text(encoding="utf-8").partition("\n")[0]
    except (OSError, UnicodeError) as error:
        raise ConfigError(
            f"broker.password_file = {settings.password_file}: cannot be read ({error}); "
            "its first line should be the password"
        ) from error
