"""Holds payloads against the document of the wire, with a validator that knows nothing of our models."""

from __future__ import annotations

import json
import re
from typing import Any

from jsonschema import Draft7Validator
from referencing import Registry
from referencing.jsonschema import DRAFT7

URI = "urn:test:wire"


class WireDocument:
    """An AsyncAPI document, read as anyone would who has no code of ours.

    Parameters
    ----------
    document
        Parsed JSON.
    """

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self._registry = Registry().with_resource(URI, DRAFT7.create_resource(document))
        self._addresses = {name: _address(channel) for name, channel in document["channels"].items()}

    def channels_of(self, topic: str) -> list[str]:
        """Name the channels whose address fits a topic."""
        return [name for name, address in self._addresses.items() if address.fullmatch(topic)]

    def bindings(self, channel: str) -> tuple[int, bool]:
        """QoS and retain flag of a channel's messages; both ends must say the same."""
        (found,) = {
            (binding["qos"], binding["retain"])
            for operation in self.document["operations"].values()
            if operation["channel"]["$ref"] == f"#/channels/{channel}"
            for binding in [operation["bindings"]["mqtt"]]
        }
        return found

    def problems(self, channel: str, payload: bytes) -> list[str]:
        """Say what is wrong with a payload; nothing if it is one message of the channel."""
        found: dict[str, list[str]] = {}
        for name, reference in self.document["channels"][channel]["messages"].items():
            message = self.message(reference["$ref"])
            try:
                value = parsed(payload, message["contentType"])
            except ValueError as error:
                return [f"not {message['contentType']}: {error}"]
            pointer = reference["$ref"].removeprefix("#")
            found[name] = self.mistakes(f"{pointer}/payload", value)
            if not found[name] and "x-line" in message:
                found[name] = self.mistakes(f"{pointer}/x-line", json.loads(value.split("\n")[2]))
        fitting = [name for name, mistakes in found.items() if not mistakes]
        if len(fitting) == 1:
            return []
        return [f"fits {fitting}"] if fitting else [f"{name}: {text}" for name, text in found.items()]

    def mistakes(self, pointer: str, value: Any) -> list[str]:
        """Hold a value against one schema of the document."""
        validator = Draft7Validator({"$ref": f"{URI}#{pointer}"}, registry=self._registry)
        return [error.message for error in validator.iter_errors(value)]

    def message(self, reference: str) -> dict[str, Any]:
        """Look a message up."""
        return self.document["components"]["messages"][reference.rpartition("/")[2]]


def parsed(payload: bytes, content_type: str) -> Any:
    """Read a payload by its content type alone."""
    text = payload.decode("utf-8")
    if content_type == "text/plain":
        return text
    if content_type == "application/json":
        return json.loads(text)
    assert content_type == "application/x-ndjson"
    if not text.endswith("\n"):
        raise ValueError("the last line does not end")
    return [json.loads(line) for line in text[:-1].split("\n")]


def _address(channel: dict[str, Any]) -> re.Pattern[str]:
    """Make a pattern of an address with parameters in braces."""

    def filled(found: re.Match[str]) -> str:
        return "(?:" + channel["parameters"][found[1]]["x-pattern"][1:-1] + ")"

    return re.compile(re.sub(r"\\{(\w+)\\}", filled, re.escape(channel["address"])))
