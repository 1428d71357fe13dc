"""Settings written out: the merged file with origins, and the reference page."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sanctuary.config.loading import load_model, load_settings
from sanctuary.config.reference import reference_markdown, reference_rows, render_toml, toml_value
from settings_models import RootSettings

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "docs" / "sanctuary.example.toml"


def test_what_is_shown_loads_again_as_the_same_settings(tmp_path: Path) -> None:
    loaded = load_settings(EXAMPLE, {"SANCTUARY_LIMITER__GAP_S": "30"})
    file = tmp_path / "shown.toml"
    file.write_text(render_toml(loaded), encoding="utf-8")
    assert load_settings(file).settings == loaded.settings


def test_every_value_shown_says_where_it_came_from() -> None:
    loaded = load_settings(EXAMPLE, {"SANCTUARY_LIMITER__GAP_S": "30"})
    shown = render_toml(loaded)
    values = [line for line in shown.splitlines() if line and not line.startswith("[")]
    assert values
    assert all(" # " in line for line in values)
    assert "gap_s = 30.0                                # env SANCTUARY_LIMITER__GAP_S\n" in shown
    quorum = (
        EXAMPLE.read_text(encoding="utf-8")
        .splitlines()
        .index(
            next(
                line for line in EXAMPLE.read_text(encoding="utf-8").splitlines() if line.startswith("quorum")
            )
        )
    )
    assert f"# {EXAMPLE}:{quorum + 1}\n" in shown


def test_secrets_are_not_shown_and_unset_values_are_comments() -> None:
    hidden = load_model(RootSettings, env={"SANCTUARY_HOUSE__PASSWORD": "hush"})
    assert "hush" not in render_toml(hidden)
    assert "# password is hidden                        # env SANCTUARY_HOUSE__PASSWORD\n" in render_toml(
        hidden
    )
    assert "# password is not set                       # default\n" in render_toml(load_model(RootSettings))


@given(
    st.recursive(
        st.booleans()
        | st.integers(-(2**63), 2**63 - 1)
        | st.floats(allow_nan=False)
        | st.text(st.characters(exclude_categories=["Cs"])),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc d"), inner, max_size=3)
        ),
        max_leaves=8,
    )
)
def test_any_value_survives_being_written_as_toml(value: object) -> None:
    assert tomllib.loads(f"value = {toml_value(value)}") == {"value": value}


def test_the_reference_page_is_what_the_models_say() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert page == reference_markdown(), "renew it: sanctuary config reference > docs/configuration.md"


def test_the_reference_holds_every_setting_with_its_default() -> None:
    rows = {row.path: row for row in reference_rows()}
    loaded = load_settings()
    lists = {path.partition("[]")[0] for path in rows if "[]" in path}
    simple = [path for path in loaded.origins if "[" not in path and path not in lists]
    assert len(simple) > 40
    assert set(simple) <= set(rows)
    for path in simple:
        value: object = loaded.settings
        for name in path.split("."):
            value = getattr(value, name)
        assert rows[path].default == ("not set" if value is None else toml_value(value))


def test_the_reference_gives_bounds_choices_and_members_of_unions() -> None:
    rows = {(row.path, row.condition): row for row in reference_rows(RootSettings)}
    assert rows["house.lamp.level", ""].allowed == "a number from 0.0 to 1.0"
    assert rows["house.lamp.level", ""].description == "Share of full output."
    assert rows["house.lamp.colour", ""].allowed == '"red" or "blue"'
    assert rows["house.lamp.colour", ""].default == '"red"'
    assert rows["guests[].signal.weight_kg", 'kind = "gong"'].table == "[guests.signal]"
    assert rows["guests[].id", ""].default == ""
    assert rows["guests[].id", ""].table == "[[guests]]"
    assert rows["guests[].meals", ""].allowed == "a list, each text"


def uncommented() -> str:
    """The example with every setting that it shows as a comment brought into force."""
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    return "\n".join(
        line.removeprefix("# ") if line.startswith("# ") and _is_setting(line[2:]) else line for line in lines
    )


def _is_setting(text: str) -> bool:
    name, equals, _ = text.partition(" = ")
    return bool(equals) and name.isidentifier()


def test_the_example_fits_a_pi_with_one_cyton_and_three_simulated_pods() -> None:
    settings = load_settings(EXAMPLE).settings
    assert [entry.headband.kind for entry in settings.pods] == [
        "cyton",
        "simulated",
        "simulated",
        "simulated",
    ]
    assert settings.circles[0].members == tuple(entry.id for entry in settings.pods)


def test_what_the_example_shows_as_comments_are_the_defaults(tmp_path: Path) -> None:
    file = tmp_path / "all.toml"
    file.write_text(uncommented(), encoding="utf-8")
    assert file.read_text(encoding="utf-8") != EXAMPLE.read_text(encoding="utf-8")
    assert load_settings(file).settings == load_settings(EXAMPLE).settings


@pytest.mark.parametrize("table", sorted({row.table for row in reference_rows()}))
def test_the_example_has_every_table(table: str) -> None:
    assert table in EXAMPLE.read_text(encoding="utf-8")
