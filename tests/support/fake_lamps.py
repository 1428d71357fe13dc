"""Lamps as their firmware behaves: messages in, brightness over time out."""

from __future__ import annotations

import json
from dataclasses import dataclass, field


@dataclass
class FadingLamp:
    """Brightness 0 to 255 that moves in a straight line to its target, as WLED and ESPHome do."""

    start_s: float = 0.0
    begin: float = 0.0
    target: float = 0.0
    fade_s: float = 0.0
    refused: list[str] = field(default_factory=list)

    def at(self, now_s: float) -> float:
        if self.fade_s <= 0.0 or now_s >= self.start_s + self.fade_s:
            return self.target
        return self.begin + (self.target - self.begin) * (now_s - self.start_s) / self.fade_s

    def turn(self, now_s: float, target: float, fade_s: float) -> None:
        self.begin, self.start_s, self.target, self.fade_s = self.at(now_s), now_s, target, fade_s


class WledLamp(FadingLamp):
    """WLED: JSON state on ``<topic>/api``; transition in tenths of a second, kept for the next time."""

    def __init__(self, topic: str) -> None:
        super().__init__()
        self.topic, self.brightness, self.transition = topic, 128, 7

    def message(self, now_s: float, topic: str, payload: bytes) -> None:
        if topic != f"{self.topic}/api" or not payload.startswith(b"{"):
            self.refused.append(topic)
            return
        state = json.loads(payload)
        self.transition = int(state.get("transition", self.transition))
        self.brightness = int(state.get("bri", self.brightness))
        self.turn(now_s, self.brightness if state["on"] else 0.0, self.transition / 10.0)


class EsphomeLamp(FadingLamp):
    """ESPHome: a JSON light; transitions of whole seconds only."""

    def __init__(self, prefix: str, object_id: str) -> None:
        super().__init__()
        self.topic = f"{prefix}/light/{object_id}/command"

    def message(self, now_s: float, topic: str, payload: bytes) -> None:
        state = json.loads(payload)
        transition = state.get("transition", 1)
        if topic != self.topic or not isinstance(transition, int):
            self.refused.append(topic)
            return
        self.turn(now_s, state.get("brightness", 255) if state["state"] == "ON" else 0.0, float(transition))
