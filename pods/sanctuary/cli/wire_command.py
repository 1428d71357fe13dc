"""``sanctuary wire``: print what is said over MQTT, as an AsyncAPI 3.0 document."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(wire)


def wire() -> None:
    """Print the contract of every topic, as an AsyncAPI 3.0 document in JSON."""
    import json
    from importlib.metadata import version

    from sanctuary.pods.protocol.asyncapi import document

    typer.echo(json.dumps(document(version("dream-sanctuary")), indent=2, ensure_ascii=False))
