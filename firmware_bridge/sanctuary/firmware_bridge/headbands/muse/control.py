"""The Muse's conversation: commands of a few letters, answers in JSON that is cut up anywhere.

::

    command   [letters + 1] letters newline
    answer    [n] n bytes of text, padded to 20; pieces join up to JSON objects

One command at a time: answers to commands that overlap may come interleaved. The answers known are flat, so a
piece that begins one while another has no end yet comes after a lost piece.
"""

from __future__ import annotations

import json
import re
from typing import Any

MAX_COMMAND = 32
MAX_TEXT_BYTES = 4096
"""Longest unfinished answer kept; the longest seen has some 400 bytes."""
MAX_BRACKETS = 64
"""More in one answer are rubbish, and might be nested deeper than JSON can be read or written."""

_BEGIN = re.compile(rb'\{"[A-Za-z]')


def encode(text: str) -> bytes:
    """Write a command.

    Raises
    ------
    ValueError
        Not a command: empty, too long, or not ASCII.
    """
    if not text or len(text) > MAX_COMMAND or not text.isascii():
        raise ValueError(f"{text!r}: a command has 1 to {MAX_COMMAND} ASCII letters")
    data = text.encode("ascii") + b"\n"
    return bytes((len(data),)) + data


class ReplyReader:
    """Puts the pieces of answers together."""

    def __init__(self) -> None:
        self._text = b""
        self.dropped = 0
        """Bytes thrown away because no answer came of them."""

    def feed(self, notification: bytes) -> list[dict[str, Any]]:
        """Take the next piece; returns the answers that it ends."""
        length = notification[0] if notification else 0
        piece = notification[1 : 1 + length]
        if _BEGIN.match(piece):
            self._drop(len(self._text))
        self._text += piece
        replies = []
        while (reply := self._next()) is not None:
            if reply:
                replies.append(reply)
        if len(self._text) > MAX_TEXT_BYTES:
            self._drop(len(self._text))
        return replies

    def _next(self) -> dict[str, Any] | None:
        """Cut the first answer off: an empty one where there is rubbish instead; None where it has no end."""
        begin = self._text.find(b"{")
        self._drop(begin if begin >= 0 else len(self._text))
        end = _closing(self._text)
        if end is None:
            return None
        text, self._text = self._text[:end], self._text[end:]
        reply = _read(text)
        if reply is None:
            self.dropped += len(text)
        return reply or {}

    def _drop(self, n: int) -> None:
        self.dropped += n
        self._text = self._text[n:]


def _read(text: bytes) -> dict[str, Any] | None:
    if text.count(b"{") + text.count(b"[") > MAX_BRACKETS:
        return None
    try:
        reply = json.loads(text)
    except ValueError:
        return None
    return reply if isinstance(reply, dict) else None


def _closing(text: bytes) -> int | None:
    """Find where the object that begins here ends; braces within quotes do not count."""
    depth, quoted, escaped = 0, False, False
    for at, byte in enumerate(text):
        if quoted:
            if escaped:
                escaped = False
            elif byte == 0x5C:
                escaped = True
            elif byte == 0x22:
                quoted = False
        elif byte == 0x22:
            quoted = True
        elif byte == 0x7B:
            depth += 1
        elif byte == 0x7D:
            depth -= 1
            if depth == 0:
                return at + 1
    return None
