"""Settings of simulated sleepers: bounded, described, and sensible together."""

import pytest
from pydantic import ValidationError

from sanctuary.config.settings_base import Settings
from sanctuary.config.sleeper_settings import (
    DisturbanceSettings,
    NightSettings,
    SleeperSettings,
    VariationSettings,
)

GROUPS: tuple[type[Settings], ...] = (NightSettings, VariationSettings, DisturbanceSettings)


@pytest.mark.parametrize("group", GROUPS)
def test_every_field_has_a_default_and_a_description(group: type[Settings]) -> None:
    for name, field in group.model_fields.items():
        assert not field.is_required(), name
        assert field.description, name


@pytest.mark.parametrize("group", GROUPS)
def test_every_number_is_bounded_on_both_sides(group: type[Settings]) -> None:
    for name, field in group.model_fields.items():
        if field.annotation not in (int, float):
            continue
        bounds = [m for m in field.metadata if hasattr(m, "ge") or hasattr(m, "le")]
        assert len(bounds) == 2, name
        for bad in (min(m.ge for m in bounds if hasattr(m, "ge")) - 1, 1e9, float("nan")):
            with pytest.raises(ValidationError, match=name):
                group(**{name: bad})


@pytest.mark.parametrize(
    ("group", "values", "message"),
    [
        (
            NightSettings,
            {"latency_shortest_min": 30.0, "latency_longest_min": 29.0},
            "latency_shortest_min must not exceed",
        ),
        (NightSettings, {"rem_latency_longest_min": 44.0}, "rem_latency_shortest_min must not exceed"),
        (
            NightSettings,
            {"cycle_shortest_min": 81.0, "cycle_longest_min": 80.0},
            "cycle_shortest_min must not exceed",
        ),
        (VariationSettings, {"side_share_least": 0.5}, "side_share_least must not exceed"),
    ],
)
def test_a_range_upside_down_is_refused(
    group: type[Settings], values: dict[str, float], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        group(**values)


def test_unknown_settings_and_mains_are_refused() -> None:
    with pytest.raises(ValidationError, match="Extra inputs"):
        SleeperSettings.model_validate({"nigth": {}})
    with pytest.raises(ValidationError, match="mains_hz"):
        DisturbanceSettings.model_validate({"mains_hz": 55})


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        setattr(SleeperSettings(), "night", NightSettings())  # noqa: B010 - what a careless caller would do
