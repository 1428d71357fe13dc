"""Which layer wins, what values from outside mean, and what is said of where a value came from."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sanctuary.config.errors import ConfigError, InputError
from sanctuary.config.loading import Loaded, Override, load_model, parse_override
from sanctuary.config.origins import DEFAULT, Layer, Layers, Origin, format_path, leaves
from settings_models import Colour, RootSettings

TEXT = """\
[house]
name = "inn"
lamp.level = 0.25

[[guests]]
id = "a"
signal = { kind = "bell" }
seats = { Window = 2 }

[[guests]]
id = "b"
meals = ["soup",
  "fish"]
[guests.signal]
kind = "gong"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "inn.toml"
    path.write_text(TEXT, encoding="utf-8")
    return path


def load(file: Path | None = None, env: dict[str, str] | None = None, **changes: Any) -> Loaded[RootSettings]:
    return load_model(RootSettings, path=file, env=env, **changes)


def test_without_anything_the_models_defaults_hold_and_say_so() -> None:
    loaded = load()
    assert loaded.settings == RootSettings()
    assert set(map(str, loaded.origins.values())) == {"default"}


def test_each_layer_overrides_those_below() -> None:
    low = {"house": {"lamp": {"low": 2, "high": 20, "level": 0.1, "colour": "blue"}}}
    loaded = load_model(
        RootSettings,
        shipped=low,
        env={"SANCTUARY_HOUSE__LAMP__LOW": "3", "SANCTUARY_HOUSE__LAMP__HIGH": "30", "OTHER": "1"},
        overrides=[Override("--high", "house.lamp.high", 40), Override("--set", "house.lamp.high", "41")],
    )
    lamp = loaded.settings.house.lamp
    assert (lamp.level, lamp.low, lamp.high, lamp.colour) == (0.1, 3, 41, Colour.BLUE)


def test_every_value_knows_its_origin(file: Path) -> None:
    loaded = load(
        file,
        {"SANCTUARY_GUESTS__0__SIGNAL__PITCH_HZ": "220"},
        overrides=[Override("--open", "house.open", value=True)],
    )
    origins = {path: str(origin).replace(str(file), "file") for path, origin in loaded.origins.items()}
    assert origins == {
        "house.name": "file:2",
        "house.folder": "default",
        "house.password": "default",
        "house.port": "default",
        "house.open": "option --open",
        "house.lamp.level": "file:3",
        "house.lamp.colour": "default",
        "house.lamp.low": "default",
        "house.lamp.high": "default",
        "guests[0].id": "file:6",
        "guests[0].signal.kind": "file:7",
        "guests[0].signal.pitch_hz": "env SANCTUARY_GUESTS__0__SIGNAL__PITCH_HZ",
        "guests[0].seats.Window": "file:8",
        "guests[0].meals[0]": "default",
        "guests[1].id": "file:11",
        "guests[1].signal.kind": "file:15",
        "guests[1].signal.weight_kg": "default",
        "guests[1].seats": "default",
        "guests[1].meals[0]": "file:12",
        "guests[1].meals[1]": "file:13",
    }


def test_origins_cover_exactly_the_values(file: Path) -> None:
    loaded = load(file)
    assert list(loaded.origins) == [format_path(path) for path, _ in leaves(loaded.settings)]


def test_a_list_in_a_higher_layer_replaces_the_whole_list(file: Path) -> None:
    loaded = load_model(RootSettings, shipped={"guests": [{"id": "x"}] * 5}, path=file)
    assert [guest.id for guest in loaded.settings.guests] == ["a", "b"]


def test_tables_that_belong_together_leave_together(file: Path) -> None:
    shipped = {"house": {"port": 7, "name": "shipped"}, "guests": [{"id": "x", "signal": {"kind": "bell"}}]}
    together = ("house", "guests")
    replaced = load_model(RootSettings, shipped=shipped, together=together, path=file).settings
    assert replaced.house.port == "auto"
    kept = load_model(
        RootSettings, shipped=shipped, together=together, env={"SANCTUARY_HOUSE__NAME": "x"}
    ).settings
    assert (kept.house.port, kept.house.name, len(kept.guests)) == (7, "x", 1)


@pytest.mark.parametrize(
    ("variable", "text", "value"),
    [
        ("HOUSE__NAME", "007", "007"),
        ("HOUSE__NAME", "true", "true"),
        ("house__name", "x", "x"),
        ("HOUSE__FOLDER", "2026-01-01", Path("2026-01-01")),
        ("HOUSE__FOLDER", "/a b", Path("/a b")),
        ("HOUSE__PORT", "1884", 1884),
        ("HOUSE__PORT", "0x10", 16),
        ("HOUSE__PORT", "auto", "auto"),
        ("HOUSE__PORT", '"auto"', "auto"),
        ("HOUSE__OPEN", "true", True),
        ("HOUSE__LAMP__LEVEL", "1", 1.0),
        ("HOUSE__LAMP__COLOUR", "blue", Colour.BLUE),
        ("GUESTS__1__MEALS", '["x", "y"]', ("x", "y")),
        ("GUESTS__1__MEALS", "[]", ()),
        ("GUESTS__0__SEATS__Door", "3", 3),
        ("GUESTS__0__SEATS", "{ Door = 4 }", {"Window": 2, "Door": 4}),
    ],
)
def test_text_from_the_environment_is_read_as_the_setting_needs_it(
    file: Path, variable: str, text: str, value: object
) -> None:
    found: Any = load(file, {f"SANCTUARY_{variable}": text}).settings
    for name in variable.split("__"):
        if isinstance(found, tuple):
            found = found[int(name)]
        else:
            found = found[name] if isinstance(found, dict) else getattr(found, name.lower())
    assert found == value
    assert type(found) is type(value)


def test_text_with_a_second_line_cannot_set_a_second_value() -> None:
    loaded = load(env={"SANCTUARY_HOUSE__FOLDER": "x\nname = 'y'", "SANCTUARY_CONFIG": "not a setting"})
    assert loaded.settings.house.folder == Path("x\nname = 'y'")


def test_secrets_are_read_as_text() -> None:
    house = load(env={"SANCTUARY_HOUSE__PASSWORD": "1234"}).settings.house
    assert house.password is not None
    assert house.password.get_secret_value() == "1234"


def test_a_byte_order_mark_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "bom.toml"
    path.write_bytes(b'\xef\xbb\xbfhouse.name = "inn"\r\n')
    assert load(path).settings.house.name == "inn"


def test_options_are_read_with_dots_and_positions(file: Path) -> None:
    overrides = [
        parse_override("guests[1].signal.weight_kg=5"),
        parse_override(" house.name = a=b ".replace("=b", "b")),
    ]
    settings = load(file, overrides=overrides).settings
    assert settings.house.name == "ab"
    assert settings.guests[1].signal.model_dump() == {"kind": "gong", "weight_kg": 5.0}


def test_options_reach_keys_in_quotes(file: Path) -> None:
    seats = load(file, overrides=[parse_override('guests[0].seats."By the door"=7')]).settings.guests[0].seats
    assert seats == {"Window": 2, "By the door": 7}


@pytest.mark.parametrize(
    "path",
    [
        "house!name",
        "house..name",
        "house.name\nhouse.open",
        "house.open = true\nx",
        "",
        "[0]",
        "guests[-1].id",
        "a b",
    ],
)
def test_an_option_whose_name_is_no_name_sets_nothing(path: str) -> None:
    with pytest.raises(ConfigError, match=r"^--set: (?s:.*) is not a setting"):
        load(overrides=[Override("--set", path, "x")])


@pytest.mark.parametrize("text", ["", "house.name", "=1", " = 1"])
def test_an_option_without_name_or_value_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="needs NAME=VALUE"):
        parse_override(text)


NAMES = st.sampled_from(["a", "b", "c"])
TREES = st.recursive(
    st.integers() | st.lists(st.integers(), max_size=2),
    lambda inner: st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)
TABLES = st.dictionaries(NAMES, TREES, max_size=3)


def merged(low: Any, high: Any) -> Any:
    """What laying one value over another should give."""
    if not isinstance(low, dict) or not isinstance(high, dict):
        return high
    return low | {name: merged(low.get(name), value) for name, value in high.items()}


def says(table: Any, path: tuple[str | int, ...]) -> bool:
    for name in path:
        try:
            table = table[name]
        except (LookupError, TypeError):
            return False
    return True


@given(low=TABLES, high=TABLES)
def test_laying_tables_merges_them_and_remembers_whose_each_value_is(
    low: dict[str, Any], high: dict[str, Any]
) -> None:
    layers = Layers()
    top = Origin(Layer.ENV, "top")
    layers.lay(low, DEFAULT, {})
    layers.lay(high, top, {})
    assert layers.data == merged(low, high)
    for path, _ in leaves(layers.data):
        assert layers.origin_of(path) == (top if path and says(high, path) else DEFAULT)
