"""The contract of the wire as an AsyncAPI 3.0 document.

Schemas come from the models that pods and coordinators read and write with, channels from `CONTRACT`,
examples from `examples`: nothing in it is said twice, so nothing can differ.

A signed payload is two lines, a JSON object and a JSON string, and is described as what it is: a sequence
of JSON values (``application/x-ndjson``), written in the schema as an array of exactly those two.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from sanctuary.commons.entries import HEADER
from sanctuary.config.broker_settings import BrokerSettings
from sanctuary.pods.protocol.contract import CONTRACT, ChannelContract, Party
from sanctuary.pods.protocol.envelope import Kind
from sanctuary.pods.protocol.examples import EXAMPLES, PUBLIC_KEY, example_payload, example_wire
from sanctuary.pods.protocol.messages import MAX_PAYLOAD_BYTES

BINDING = "0.2.0"
ID_PATTERN = "^[a-z0-9-]{1,64}$"
JSON, JSON_LINES, TEXT = "application/json", "application/x-ndjson", "text/plain"

Node = dict[str, Any]

_ABOUT = f"""\
What the pods and gateways of one sanctuary say to each other over MQTT 3.1.1. Each gateway runs a
coordinator; one of them at a time commands a circle.

The coordinator proposes, the pod disposes: nothing said here can make a pod play a cue against its own
sleep staging, its sleeper's signed consent or its limiter. A shared-dream window means simultaneous REM with
a common cue; nothing is promised about dreams, and this is not a medical device.

* Ids are `{ID_PATTERN}`; a pod's id stands for a pseudonym, never for a person's name.
* Times ending in `_s` are seconds on the sanctuary clock unless they are lengths.
* A payload has at most {MAX_PAYLOAD_BYTES} bytes; fields that a schema does not name are refused.
* Delivery is at least once. Receivers tell duplicates by the id or number in the payload; expiry is judged by
  the receiver, never by the broker.
* Signed payloads are two lines, each ended by a line feed: the message as JSON, and the base64 Ed25519
  signature as a JSON string. It is made over the text `sanctuary-KIND/v1`, a line feed, and the first line
  with its line feed, exactly as sent.
* A consent entry is text: the line `{HEADER}`, the name of the sanctuary's ledger, the entry as one line of
  JSON (`x-line` names its schema), an empty line, and a C2SP signed-note signature line of the sleeper's key.
* No EEG, no names and no reports are sent.
* The channels `up/metrics`, `up/signal/STREAM` and `down/desired` of a pod are reserved; nothing is said on
  them.
"""

_PARAMETERS: Mapping[str, tuple[str, str]] = {
    "site": ("The sanctuary.", "harbour"),
    "pod": ("The pod; also its name at the broker.", "pod-1"),
    "circle": ("The circle.", "commons"),
    "gateway": ("The gateway.", "gateway-1"),
}

_PARTIES: Mapping[Party, str] = {
    Party.POD: "One sleeping place.",
    Party.COORDINATOR: "Offers, opens, keeps alive and closes windows, and tells the time.",
    Party.SLEEPER: "A device that holds a sleeper's key.",
}


_NOTE: Node = {
    "type": "string",
    "description": "A signed note: header, origin, the entry, an empty line, the signature.",
    "pattern": rf"^{HEADER}\n[^\n]+\n\{{[^\n]*\}}\n\n— [0-9a-f]{{64}} [A-Za-z0-9+/]{{91}}=\n$",
}


def document(version: str) -> Node:
    """Write the document.

    Parameters
    ----------
    version
        Of the program.

    Returns
    -------
    dict
        An AsyncAPI 3.0.0 document; plain values only, always in the same order.
    """
    return {
        "asyncapi": "3.0.0",
        "id": "urn:sanctuary:wire:v1",
        "info": {
            "title": "Sanctuary wire",
            "version": version,
            "description": _ABOUT,
            "license": {"name": "MIT"},
            "tags": [{"name": str(party), "description": text} for party, text in _PARTIES.items()],
        },
        "defaultContentType": JSON,
        "servers": {"broker": _server()},
        "channels": {entry.name: _channel(entry) for entry in CONTRACT},
        "operations": dict(operation for entry in CONTRACT for operation in _operations(entry)),
        "components": {"schemas": _schemas(), "messages": _messages()},
    }


def _server() -> Node:
    status = next(entry for entry in CONTRACT if entry.name == "podStatus")
    offline = next(example for example in EXAMPLES if example.name == "offline")
    return {
        "host": "{host}:{port}",
        "protocol": "mqtt",
        "protocolVersion": "3.1.1",
        "description": "The sanctuary's own broker.",
        "variables": {
            "host": {"default": BrokerSettings().host},
            "port": {"default": str(BrokerSettings().port)},
        },
        "bindings": {
            "mqtt": {
                "clientId": "{site}-{pod}",
                "cleanSession": False,
                "keepAlive": BrokerSettings().keepalive_s,
                "lastWill": {
                    "topic": status.address,
                    "qos": status.qos,
                    "message": example_wire(offline, None).decode(),
                    "retain": status.retain,
                },
                "bindingVersion": BINDING,
            }
        },
    }


def _channel(entry: ChannelContract) -> Node:
    used = [name for name in _PARAMETERS if f"{{{name}}}" in entry.address]
    return {
        "address": entry.address,
        "description": entry.about,
        "servers": [{"$ref": "#/servers/broker"}],
        "parameters": {name: _parameter(name) for name in used},
        "messages": {
            _name(model): {"$ref": f"#/components/messages/{message_name(entry, model)}"}
            for model in entry.messages
        },
        "x-outlives-a-crash": entry.lasting,
    }


def _parameter(name: str) -> Node:
    about, example = _PARAMETERS[name]
    return {"description": about, "examples": [example], "x-pattern": ID_PATTERN}


def _operations(entry: ChannelContract) -> list[tuple[str, Node]]:
    """Give both ends of a channel; each end's tag says whose it is."""
    ends = ((entry.sender, "send"), (entry.receiver, "receive"))
    return [
        (
            f"{party}{action.capitalize()}s{entry.name[0].upper()}{entry.name[1:]}",
            {
                "action": action,
                "channel": {"$ref": f"#/channels/{entry.name}"},
                "summary": f"The {party} {action}s this.",
                "tags": [{"name": str(party)}],
                "bindings": {
                    "mqtt": {"qos": entry.qos, "retain": entry.retain, "bindingVersion": BINDING},
                },
                "messages": [
                    {"$ref": f"#/channels/{entry.name}/messages/{_name(model)}"} for model in entry.messages
                ],
            },
        )
        for party, action in ends
    ]


def message_name(entry: ChannelContract, model: type[BaseModel]) -> str:
    """Name a message of a channel in the components."""
    return _name(model) if entry.name != "broadcast" else f"{_name(model)}ToAll"


def _messages() -> Node:
    return {
        message_name(entry, model): _message(entry, model) for entry in CONTRACT for model in entry.messages
    }


def _message(entry: ChannelContract, model: type[BaseModel]) -> Node:
    payload: Node = {"$ref": f"#/components/schemas/{_name(model)}"}
    examples = [example for example in EXAMPLES if type(example.message) is model]
    node: Node = {
        "name": _name(model),
        "title": _name(model),
        "summary": _first_sentence(model),
        **_form(entry, payload),
        "examples": [
            {"name": each.name, "summary": each.about, "payload": example_payload(each, entry.signed)}
            for each in examples
        ],
    }
    if entry.signed is not None:
        node["x-signed"] = {
            "kind": str(entry.signed),
            "header": entry.signed.header.decode(),
            "by": str(entry.sender),
            "example": {
                "publicKey": PUBLIC_KEY,
                "wire": example_wire(examples[0], entry.signed).decode(),
            },
        }
    return node


def _form(entry: ChannelContract, payload: Node) -> Node:
    """Say how the message is written."""
    if entry.note:
        return {"contentType": TEXT, "payload": _NOTE, "x-line": payload}
    if entry.signed is None:
        return {"contentType": JSON, "payload": payload}
    return {"contentType": JSON_LINES, "payload": _envelope(entry.signed, payload)}


def _envelope(kind: Kind, payload: Node) -> Node:
    """Describe the two lines of a signed payload."""
    return {
        "type": "array",
        "description": f"Two lines of JSON: the message, and its signature as a {kind}.",
        "items": [payload, {"$ref": "#/components/schemas/Signature"}],
        "minItems": 2,
        "maxItems": 2,
        "additionalItems": False,
    }


def _schemas() -> Node:
    models = dict.fromkeys(model for entry in CONTRACT for model in entry.messages)
    mode: JsonSchemaMode = "serialization"
    _, found = models_json_schema(
        [(model, mode) for model in models], by_alias=True, ref_template="#/components/schemas/{model}"
    )
    made = {name.removesuffix("Message"): _draft7(schema) for name, schema in found["$defs"].items()}
    made["Signature"] = {
        "type": "string",
        "description": "Ed25519, base64 of its 64 bytes.",
        "pattern": "^[A-Za-z0-9+/]{86}==$",
    }
    return dict(sorted(made.items()))


def _draft7(schema: Any, *, fields: bool = False) -> Any:
    """Turn a schema of pydantic's into one of JSON Schema draft 7, which AsyncAPI's own schemas follow.

    Titles made of field names say nothing and go. What always has one value is always there.
    """
    if isinstance(schema, list):
        return [_draft7(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if fields:
        return {name: _draft7(each) for name, each in schema.items()}
    made: Node = {}
    for key, value in schema.items():
        match key:
            case "title":
                continue
            case "prefixItems":
                made["items"], made["additionalItems"] = _draft7(value), False
            case "properties":
                made[key] = _draft7(value, fields=True)
                fixed = [name for name, field in value.items() if "const" in field]
                made["required"] = [*fixed, *(n for n in schema.get("required", ()) if n not in fixed)]
            case "required":
                made.setdefault(key, value)
            case _:
                made[key] = _draft7(value)
    return made


def _name(model: type[BaseModel]) -> str:
    return model.__name__.removesuffix("Message")


def _first_sentence(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").split("\n", 1)[0]
