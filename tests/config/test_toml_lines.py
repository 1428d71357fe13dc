"""Where keys stand in a TOML document; section names are those of the TOML 1.0.0 specification."""

import json
import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sanctuary.config.toml_lines import KeyPath, line_index


def paths_of(value: Any, path: KeyPath = ()) -> set[KeyPath]:
    """Every table, key and element that tomllib finds."""
    members: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        members = list(value.items())
    elif isinstance(value, list):
        members = list(enumerate(value))
    found = {path} if path else set()
    return found.union(*(paths_of(item, (*path, name)) for name, item in members))


def check(text: str, expected: dict[KeyPath, int]) -> None:
    index = line_index(text)
    assert {path: index[path] for path in expected} == expected
    assert set(index) == paths_of(tomllib.loads(text))


def test_keys_bare_quoted_and_dotted() -> None:
    text = 'a = 1\n"b c" = 2\n\'d.e\' = 3\nf . g."h" = 4\n"\\u0041" = 5\n1234 = 6\n'
    check(text, {("a",): 1, ("b c",): 2, ("d.e",): 3, ("f",): 4, ("f", "g", "h"): 4, ("A",): 5, ("1234",): 6})


def test_comments_blank_lines_and_carriage_returns_count() -> None:
    check("# one\r\n\r\n a = 1 # 'x = 2'\r\n\tb = '#'\r\n", {("a",): 3, ("b",): 4})


def test_strings_hide_what_looks_like_toml() -> None:
    text = (
        'a = """\n[no]\nb = 1\\\n"""\nc = \'\'\'\n"""x = 1\n\'\'\'\n'
        'd = "\\"[e]\\\\"\ne = """q"""""\nf = \'\'\'r\'\'\'\'\'\ng = ""\nh = """"""\n'
    )
    check(text, {("a",): 1, ("c",): 5, ("d",): 8, ("e",): 9, ("f",): 10, ("g",): 11, ("h",): 12})


def test_scalars_of_every_kind() -> None:
    text = "a = 1979-05-27 07:32:00Z # t\nb = 1_000.5e-3\nc = -inf\nd = 0xFF\ne = true\nf = 07:32:00.5\n"
    check(text, {("a",): 1, ("b",): 2, ("c",): 3, ("d",): 4, ("e",): 5, ("f",): 6})


def test_arrays_give_a_line_to_each_element() -> None:
    text = "a = [ # first\n  1,\n  [2,\n   3], # ]\n\n  '],[',\n]\nb = []\nc = [1, 2]\n"
    check(text, {("a",): 1, ("a", 0): 2, ("a", 1): 3, ("a", 1, 1): 4, ("a", 2): 6, ("b",): 8, ("c", 1): 9})


def test_tables_stand_at_their_headers() -> None:
    text = "[a]\nx = 1\n[ b . 'c d' ]\ny = 1\n[b]\nz = 1\n[a.e] # [f]\n"
    check(text, {("a",): 1, ("a", "x"): 2, ("b", "c d"): 3, ("b",): 5, ("b", "z"): 6, ("a", "e"): 7})


def test_inline_tables() -> None:
    text = "a = { b = 1, c.d = 2, e = [{ f = 3 },\n { g = '}' }] }\nh = {}\n"
    check(text, {("a", "b"): 1, ("a", "c", "d"): 1, ("a", "e", 0, "f"): 1, ("a", "e", 1, "g"): 2, ("h",): 3})


def test_arrays_of_tables_with_tables_and_arrays_in_them() -> None:
    text = "[[a]]\nx = 1\n[a.b]\ny = 1\n[[a.c]]\n[[a.c]]\nz = 1\n[[a]]\nx = 2\n[[a.c]]\nz.w = 2\n"
    check(
        text,
        {
            ("a",): 1,
            ("a", 0): 1,
            ("a", 0, "b", "y"): 4,
            ("a", 0, "c", 1, "z"): 7,
            ("a", 1): 8,
            ("a", 1, "x"): 9,
            ("a", 1, "c", 0, "z", "w"): 11,
        },
    )


def test_an_empty_document_has_no_keys() -> None:
    assert line_index("") == line_index("\n# nothing\n") == {}


@pytest.mark.parametrize("text", ["a", "a = ", "= 1", "[a", "a = {b}", 'a = "x', "[[a]"])
def test_what_is_not_toml_is_refused_not_misread(text: str) -> None:
    with pytest.raises(ValueError, match="not TOML"):
        line_index(text)


KEYS = st.one_of(
    st.sampled_from(["a", "b-c", "d_1"]), st.text(min_size=1, max_size=4).filter(lambda s: s.isprintable())
)
SCALARS = st.one_of(
    st.integers(-(10**9), 10**9),
    st.booleans(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8).filter(lambda s: s.isprintable()),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)
TABLES = st.dictionaries(KEYS, VALUES, max_size=4)


class Writer:
    """Writes a document and notes on which line it put what."""

    def __init__(self, blanks: st.DataObject) -> None:
        self.lines: list[str] = []
        self.where: dict[KeyPath, int] = {}
        self._draw = blanks.draw

    def header(self, text: str, path: KeyPath) -> None:
        self._blank()
        self.lines.append(text)
        self.where[path] = len(self.lines)

    def pairs(self, table: dict[str, Any], path: KeyPath) -> None:
        for key, value in table.items():
            self._blank()
            at = len(self.lines) + 1
            self.lines.append(
                f"{json.dumps(key, ensure_ascii=False)} = {self._value(value, (*path, key), at)} # x = 1"
            )
            self.where[*path, key] = at

    def _value(self, value: Any, path: KeyPath, at: int) -> str:
        if isinstance(value, dict):
            parts = []
            for key, item in value.items():
                self.where[*path, key] = at
                parts.append(f"{json.dumps(key, ensure_ascii=False)} = {self._value(item, (*path, key), at)}")
            return f"{{{', '.join(parts)}}}"
        if isinstance(value, list):
            parts = []
            for position, item in enumerate(value):
                self.where[*path, position] = at
                parts.append(self._value(item, (*path, position), at))
            return f"[{', '.join(parts)}]"
        return json.dumps(value, ensure_ascii=False)

    def _blank(self) -> None:
        self.lines += self._draw(st.lists(st.sampled_from(["", "# [no]", "\t# no = 1"]), max_size=2))


@given(root=TABLES, plain=TABLES, elements=st.lists(TABLES, max_size=3), data=st.data())
def test_any_document_is_indexed_as_it_was_written(
    root: dict[str, Any], plain: dict[str, Any], elements: list[dict[str, Any]], data: st.DataObject
) -> None:
    writer = Writer(data)
    writer.pairs({key: value for key, value in root.items() if key not in {"plain", "many"}}, ())
    writer.header("[plain]", ("plain",))
    writer.pairs(plain, ("plain",))
    for at, element in enumerate(elements):
        writer.header("[[many]]", ("many", at))
        writer.where.setdefault(("many",), writer.where["many", 0])
        writer.pairs(element, ("many", at))
    text = "\n".join(writer.lines)
    assert paths_of(tomllib.loads(text)) == set(writer.where)
    assert line_index(text) == writer.where
