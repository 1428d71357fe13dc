"""Lamps as their firmware behaves: messages in, brightness over time out."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from math import inf


@dataclass
class FadingLamp:
    """Brightness 0 to 255 that moves in a straight line to its target, as WLED and ESPHome do.

    It may have been told when to go dark by itself.
    """

    start_s: float = 0.0
    begin: float = 0.0
    target: float = 0.0
    fade_s: float = 0.0
    dark_s: float = inf
    refused: list[str] = field(default_factory=list)

    def at(self, now_s: float) -> float:
        if now_s >= self.dark_s:
            return 0.0
        if self.fade_s <= 0.0 or now_s >= self.start_s + self.fade_s:
            return self.target
        return self.begin + (self.target - self.begin) * (now_s - self.start_s) / self.fade_s

    def turn(self, now_s: float, target: float, fade_s: float, dark_s: float = inf) -> None:
        self.begin, self.start_s, self.target, self.fade_s = self.at(now_s), now_s, target, fade_s
        self.dark_s = dark_s


class WledLamp(FadingLamp):
    """WLED: JSON state on ``<topic>/api``; transition in tenths of a second, kept for the next time.

    The nightlight counts whole minutes from when it is switched on; mode 0 then sets ``tbri`` at once.
    """

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
        night, dark_s = state.get("nl", {}), self.dark_s
        if "on" in night:
            dark_s = inf
        if night.get("on") and night["mode"] == 0 and night["tbri"] == 0:
            dark_s = now_s + 60.0 * int(night["dur"])
        self.turn(now_s, self.brightness if state["on"] else 0.0, self.transition / 10.0, dark_s)


class EsphomeLamp(FadingLamp):
    """ESPHome: a JSON light; transitions of whole seconds only, and no transition together with a flash.

    A flash lasts whole seconds and then goes back to what was before it, or before the flash it follows.
    """

    def __init__(self, prefix: str, object_id: str) -> None:
        super().__init__()
        self.topic = f"{prefix}/light/{object_id}/command"

    def message(self, now_s: float, topic: str, payload: bytes) -> None:
        state = json.loads(payload)
        flash, transition = state.get("flash"), state.get("transition", 0 if "flash" in state else 1)
        whole = isinstance(transition, int) and (flash is None or (isinstance(flash, int) and flash > 0))
        if topic != self.topic or not whole or (flash is not None and "transition" in state):
            self.refused.append(topic)
            return
        target = state.get("brightness", 255) if state["state"] == "ON" else 0.0
        self.turn(now_s, target, float(transition), inf if flash is None else now_s + flash)
