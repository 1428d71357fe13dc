"""What a person is told about a mistake: place, setting, value, what is allowed, and the nearest name."""

from pathlib import Path

import pytest

from sanctuary.config.errors import ConfigError, InputError
from sanctuary.config.loading import Override, load_model
from settings_models import RootSettings

GUEST = '[[guests]]\nid = "a"\nsignal = { kind = "bell" }\n'


def mistakes(tmp_path: Path, text: str, env: dict[str, str] | None = None, *overrides: Override) -> list[str]:
    """The lines of the error, with the file's folder taken out."""
    file = tmp_path / "s.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_model(RootSettings, path=file, env=env, overrides=overrides)
    lines = str(caught.value).replace(f"{tmp_path}/", "").split("\n  ")
    if len(lines) > 1:
        assert lines.pop(0) == f"{len(lines)} mistakes in the settings:"
    return lines


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "[house.lamp]\n\nlevel = 1.5",
            "3: house.lamp.level = 1.5 is refused; allowed: a number from 0.0 to 1.0",
        ),
        ("house.lamp.low = -1", "1: house.lamp.low = -1 is refused; allowed: a whole number from 0"),
        ("house.lamp.low = 1.5", "1: house.lamp.low = 1.5 is refused; allowed: a whole number from 0"),
        ("house.lamp.low = true", "1: house.lamp.low = true is refused; allowed: a whole number from 0"),
        ('house.open = "yes"', '1: house.open = "yes" is refused; allowed: true or false'),
        ("house.open = 1", "1: house.open = 1 is refused; allowed: true or false"),
        (
            'house.lamp.colour = "green"',
            '1: house.lamp.colour = "green" is refused; allowed: "red" or "blue"',
        ),
        (
            'house.name = "The House"',
            '"The House" is refused; allowed: text matching ^[a-z0-9]+$, at most 8 characters',
        ),
        (
            "house.name = 7",
            "1: house.name = 7 is refused; allowed: text matching ^[a-z0-9]+$, at most 8 characters",
        ),
        ("house.folder = []", "1: house.folder = [] is refused; allowed: a path"),
        ("house.port = 1.5", '1: house.port = 1.5 is refused; allowed: a whole number or "auto"'),
        ("house.password = 12", "1: house.password = (hidden) is refused; allowed: text"),
        ("house.lamp.level = nan", "1: house.lamp.level = nan is refused; allowed: a number from 0.0 to 1.0"),
        ("house.name = 2026-01-01", "house.name = "),
        ("house = 1", "1: house = 1 is refused; allowed: a table"),
        ("guests = 1", "1: guests = 1 is refused; allowed: a list, each a table"),
        (
            GUEST + "seats = { x = 1,\n y = 9 }".replace("\n", ""),
            "4: guests[0].seats.y = 9 is refused; allowed: a whole number from 1 to 8",
        ),
        (GUEST + "meals = [\n'soup',\n3]", "6: guests[0].meals[1] = 3 is refused; allowed: text"),
        ('[[guests]]\nsignal = {kind = "bell"}', "1: guests[0].id is missing; give text"),
        (
            '[[guests]]\nid = "a"\nsignal = {}',
            '3: guests[0].signal needs kind = "bell" or "gong"',
        ),
        (
            '[[guests]]\nid = "a"\nsignal.kind = "horn"',
            '3: guests[0].signal.kind = "horn" is not known; allowed: "bell" or "gong"',
        ),
        (
            '[[guests]]\nid = "a"\n[guests.signal]\nkind = "gong"\nweight_kg = 100',
            "5: guests[0].signal.weight_kg = 100 is refused; allowed: a number above 0.0 below 100.0",
        ),
        (GUEST + GUEST, '5: guests[1].id = "a" is taken'),
        (
            "[house.lamp]\nhigh = 3\nlow = 4\nlevel = 0.1",
            "3: house.lamp: low must lie below high (found low = 4, high = 3)",
        ),
    ],
)
def test_a_mistake_is_told_with_line_setting_value_and_what_is_allowed(
    tmp_path: Path, text: str, told: str
) -> None:
    (line,) = mistakes(tmp_path, text)
    assert line.startswith("s.toml, line ")
    assert told in line


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[house]\nnane = 1", "2: house.nane is not a setting; did you mean name?"),
        ("[house]\nNAME = 1", "2: house.NAME is not a setting; did you mean name?"),
        ("[hose]\nname = 1", "1: hose is not a setting; did you mean house?"),
        ("[house]\nlevel = 1", "2: house.level is not a setting; level belongs in [house.lamp]"),
        ("[house.lamp]\nzzz = 1", "2: house.lamp.zzz is not a setting; known here: colour, high, level, low"),
        (
            '[[guests]]\nid = "a"\n[guests.signal]\nkind = "bell"\nweigth_kg = 1',
            "5: guests[0].signal.weigth_kg is not a setting; known here: kind, pitch_hz",
        ),
    ],
)
def test_a_name_that_does_not_exist_comes_with_the_nearest_that_does(
    tmp_path: Path, text: str, told: str
) -> None:
    assert mistakes(tmp_path, text) == [f"s.toml, line {told}"]


def test_a_mistake_between_layers_is_put_down_to_the_later_one(tmp_path: Path) -> None:
    (line,) = mistakes(tmp_path, "house.lamp.low = 50", {"SANCTUARY_HOUSE__LAMP__HIGH": "40"})
    assert line.startswith("SANCTUARY_HOUSE__LAMP__HIGH: house.lamp: low must lie below high")
    assert line.endswith("(found low = 50, high = 40)")


def test_all_mistakes_of_all_layers_are_listed_at_once_in_their_order(tmp_path: Path) -> None:
    lines = mistakes(
        tmp_path,
        'guests = [{ id = 1, signal = { kind = "gong" } }]\n[house]\nnmae = "x"\n'
        "[house.lamp]\nlevel = 2\nlow = -1",
        {"SANCTUARY_HOUSE__PORT": "none", "SANCTUARY_HUOSE__NAME": "x", "PATH": "/bin"},
        Override("--lamp-high", "house.lamp.high", 100),
    )
    assert [line.split(" ")[0] + line.split(":")[0].rpartition(" line")[2] for line in lines] == [
        "s.toml, 1",
        "s.toml, 3",
        "s.toml, 5",
        "s.toml, 6",
        "SANCTUARY_HOUSE__PORT:SANCTUARY_HOUSE__PORT",
        "SANCTUARY_HUOSE__NAME:SANCTUARY_HUOSE__NAME",
        "--lamp-high:--lamp-high",
    ]
    assert lines[5].endswith("huose is not a setting; did you mean house?")


@pytest.mark.parametrize(
    ("variable", "told"),
    [
        ("SANCTUARY_HOUSE__LAMP__LEVLE", "house.lamp.levle is not a setting; did you mean level?"),
        ("SANCTUARY_HOUSE__NAME__X", "house.name.X is not a setting; house.name is a single value"),
        ("SANCTUARY_GUESTS__1__ID", "guests has no element 1; it has 1, counted from 0"),
        (
            "SANCTUARY_GUESTS__FIRST__ID",
            "guests is a list: choose an element by number, counted from 0, not FIRST",
        ),
        ("SANCTUARY_", " is not a setting"),
    ],
)
def test_an_unknown_environment_variable_is_named(tmp_path: Path, variable: str, told: str) -> None:
    (line,) = mistakes(tmp_path, GUEST, {variable: "x"})
    assert line.startswith(f"{variable}: ")
    assert told in line


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a = 1\nb = = 2", "line 2, column 5: not TOML: invalid value"),
        ("[a]\n[a]", "line 2, column 3: not TOML: cannot declare ('a',) twice"),
        ('a = "x\n', "line 1, column 7: not TOML: "),
        ('a = """x\n\nyz', "line 3, column 3: not TOML: "),
        ("a", "line 1, column 2: not TOML: "),
    ],
)
def test_a_syntax_error_is_told_with_line_and_column(tmp_path: Path, text: str, told: str) -> None:
    (line,) = mistakes(tmp_path, text)
    assert line.startswith(f"s.toml, {told}")


def test_a_missing_file_a_folder_and_text_that_is_not_utf8(tmp_path: Path) -> None:
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b"# fine\n# caf\xe9\n")
    for path, told in (
        (tmp_path / "no.toml", "there is no such settings file"),
        (tmp_path, "is a folder"),
        (latin, "line 2: not UTF-8 text"),
        (latin / "below", "cannot be read: Not a directory"),
    ):
        with pytest.raises(InputError, match=told) as caught:
            load_model(RootSettings, path=path)
        assert str(path) in str(caught.value)


def test_a_long_value_is_shortened(tmp_path: Path) -> None:
    (line,) = mistakes(tmp_path, f'house.name = "{"x" * 500}"')
    assert "xxx... is refused" in line
    assert len(line) < 200
