"""On which line of a TOML document each key stands.

``tomllib`` gives values without positions. This scanner gives positions without values: it walks a
document that ``tomllib`` has already accepted, so it need not find mistakes, only boundaries.
Source: TOML v1.0.0 (https://toml.io/en/v1.0.0), sections Keys, String, Array, Table, Inline Table and
Array of Tables.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right

KeyPath = tuple[str | int, ...]
"""Names of tables and keys, and positions in arrays, from the root down."""

_STRINGS = re.compile(r'"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:\\.|[^"\\])*"|\'[^\']*\'', re.DOTALL)
_BLANK = re.compile(r"[ \t]*")
_BLANK_LINES = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR = re.compile(r"[^,\]}#\r\n]*")


def line_index(text: str) -> dict[KeyPath, int]:
    """Give the line, counted from 1, of every table, key and array element.

    Parameters
    ----------
    text
        A document that ``tomllib.loads`` accepts; anything else gives an arbitrary answer or
        `ValueError`.

    Returns
    -------
    dict
        A table stands at its header, or where a dotted key or deeper header first names it; a key at
        its own line, even where its value goes on below; an element of an array at its first line.
    """
    return _Scanner(text).document()


class _Scanner:
    """One pass over one document."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line_starts = [0, *(match.end() for match in re.finditer(r"\n", text))]
        self._lines: dict[KeyPath, int] = {}
        self._sizes: dict[KeyPath, int] = {}

    def document(self) -> dict[KeyPath, int]:
        """Read header after header and pair after pair to the end."""
        table: KeyPath = ()
        self._skip(_BLANK_LINES)
        while self._at < len(self._text):
            if self._next_is("[["):
                table = self._header("[[", "]]")
            elif self._next_is("["):
                table = self._header("[", "]")
            else:
                self._pair(table)
            self._skip(_BLANK_LINES)
        return self._lines

    def _header(self, opening: str, closing: str) -> KeyPath:
        line = self._line()
        self._expect(opening)
        names = self._key()
        self._expect(closing)
        table: KeyPath = ()
        for name in names[:-1]:
            table = self._within((*table, name), line)
        table = (*table, names[-1])
        if opening == "[":
            self._lines[table] = line
            return table
        self._lines.setdefault(table, line)
        self._sizes[table] = self._sizes.get(table, 0) + 1
        element = (*table, self._sizes[table] - 1)
        self._lines[element] = line
        return element

    def _within(self, table: KeyPath, line: int) -> KeyPath:
        """Step into a parent table of a header; of an array of tables, into its last element."""
        self._lines.setdefault(table, line)
        return (*table, self._sizes[table] - 1) if table in self._sizes else table

    def _pair(self, table: KeyPath) -> None:
        line = self._line()
        path = table
        for name in self._key():
            path = (*path, name)
            self._lines.setdefault(path, line)
        self._expect("=")
        self._skip(_BLANK)
        self._value(path)

    def _key(self) -> list[str]:
        names = [self._simple_key()]
        while self._next_is("."):
            self._expect(".")
            names.append(self._simple_key())
        return names

    def _simple_key(self) -> str:
        self._skip(_BLANK)
        quoted = self._text[self._at : self._at + 1] in ("'", '"')
        name = self._take(_STRINGS if quoted else _BARE_KEY)
        self._skip(_BLANK)
        return str(tomllib.loads(f"name = {name}")["name"]) if quoted else name

    def _value(self, path: KeyPath) -> None:
        if self._next_is("["):
            self._array(path)
        elif self._next_is("{"):
            self._inline_table(path)
        elif self._next_is('"') or self._next_is("'"):
            self._take(_STRINGS)
        else:
            self._take(_SCALAR)

    def _array(self, path: KeyPath) -> None:
        self._expect("[")
        self._skip(_BLANK_LINES)
        position = 0
        while not self._next_is("]"):
            self._lines[*path, position] = self._line()
            self._value((*path, position))
            position += 1
            self._separator(_BLANK_LINES)
        self._expect("]")

    def _inline_table(self, path: KeyPath) -> None:
        self._expect("{")
        self._skip(_BLANK_LINES)
        while not self._next_is("}"):
            self._pair(path)
            self._separator(_BLANK_LINES)
        self._expect("}")

    def _separator(self, blank: re.Pattern[str]) -> None:
        self._skip(blank)
        if self._next_is(","):
            self._expect(",")
            self._skip(blank)

    def _line(self) -> int:
        return bisect_right(self._line_starts, self._at)

    def _next_is(self, mark: str) -> bool:
        return self._text.startswith(mark, self._at)

    def _expect(self, mark: str) -> None:
        if not self._next_is(mark):
            raise ValueError(f"line {self._line()}: not TOML: {mark!r} expected")
        self._at += len(mark)

    def _skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self._text, self._at)
        self._at = match.end() if match else self._at

    def _take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._at)
        if match is None or match.end() == self._at:
            raise ValueError(f"line {self._line()}: not TOML")
        self._at = match.end()
        return match.group()
