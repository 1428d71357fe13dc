"""The settings of a sanctuary: what ships, and the checks that span tables."""

from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from sanctuary.config.errors import ConfigError
from sanctuary.config.fields import SchemaNode
from sanctuary.config.headband_settings import CytonPort, SimulatedHeadband
from sanctuary.config.loading import load_settings
from sanctuary.config.sanctuary import SanctuarySettings
from sanctuary.config.settings_base import OutputName, Settings, shipped_designs
from sanctuary.firmware_bridge.cues import Modality

KEY = "ab" * 32


def pod(name: str, headband: str = '{ kind = "simulated" }', more: str = "") -> str:
    return f'[[pods]]\nid = "{name}"\nsleeper = "s-{name}"\nheadband = {headband}\n{more}\n'


def circle(members: str = '["a", "b"]', more: str = "") -> str:
    return f'[[circles]]\nid = "c"\nmembers = {members}\n{more}\n'


def refused(tmp_path: Path, text: str) -> str:
    file = tmp_path / "s.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_settings(file)
    return str(caught.value).removeprefix(f"{file}, ")


def accepted(tmp_path: Path, text: str) -> SanctuarySettings:
    file = tmp_path / "s.toml"
    file.write_text(text, encoding="utf-8")
    return load_settings(file).settings


def models(model: type[BaseModel] = SanctuarySettings) -> list[type[BaseModel]]:
    places = [SchemaNode(info.annotation) for info in model.model_fields.values()]
    inner = [m for place in places for m in (*place.models, *SchemaNode(place.element).models)]
    return [model, *(below for m in inner for below in models(m))]


def test_the_shipped_circle_is_four_simulated_sleepers_of_whom_any_two_suffice() -> None:
    settings = load_settings().settings
    assert [type(entry.headband) for entry in settings.pods] == [SimulatedHeadband] * 4
    assert (
        len({entry.headband.seed for entry in settings.pods if isinstance(entry.headband, SimulatedHeadband)})
        == 4
    )
    (commons,) = settings.circles
    assert commons.id == "commons"
    assert commons.members == tuple(entry.id for entry in settings.pods)
    assert commons.quorum == 2


def test_a_file_with_pods_of_its_own_has_nothing_of_the_shipped_circle(tmp_path: Path) -> None:
    settings = accepted(tmp_path, pod("mine"))
    assert [entry.id for entry in settings.pods] == ["mine"]
    assert settings.circles == ()


def test_a_file_without_pods_keeps_the_shipped_circle(tmp_path: Path) -> None:
    assert accepted(tmp_path, '[site]\nid = "quay"').circles == load_settings().settings.circles


@pytest.mark.parametrize(
    "name", [name for name in SanctuarySettings.model_fields if name not in {"pods", "circles"}]
)
def test_a_table_that_sets_nothing_equals_no_table(tmp_path: Path, name: str) -> None:
    assert accepted(tmp_path, f"[{name}]") == load_settings().settings


@pytest.mark.parametrize("model", models(), ids=lambda model: model.__name__)
def test_every_model_is_frozen_closed_and_described(model: type[BaseModel]) -> None:
    assert issubclass(model, Settings)
    assert model.model_config.get("frozen") is True
    assert model.model_config.get("extra") == "forbid"
    assert [name for name, info in model.model_fields.items() if not (info.description or "").strip()] == []


def numbers(model: type[BaseModel]) -> list[tuple[str, Any]]:
    return [(name, info) for name, info in model.model_fields.items() if info.annotation in (int, float)]


@pytest.mark.parametrize("model", models(), ids=lambda model: model.__name__)
def test_every_number_has_a_lower_and_an_upper_bound(model: type[BaseModel]) -> None:
    for name, info in numbers(model):
        kinds = {type(item).__name__ for item in info.metadata}
        assert kinds & {"Ge", "Gt"}, name
        assert kinds & {"Le", "Lt"}, name


@pytest.mark.parametrize("name", ["Harbour", "a b", "", "x" * 33, "a_b", "hafen\u00e4", "a\\n"])
def test_ids_are_short_and_plain(tmp_path: Path, name: str) -> None:
    assert refused(tmp_path, f'[site]\nid = "{name}"').startswith("line 2: site.id = ")


def test_outputs_are_the_modalities_of_cues() -> None:
    assert set(get_args(OutputName)) == set(Modality)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (pod("a") + pod("a"), 'line 7: pods[1].id = "a" belongs to pods[0] already'),
        (
            pod("a", '{kind = "cyton"}') + pod("b", '{kind = "cyton"}'),
            'line 9: pods[1].headband.port = "/dev/ttyUSB0" belongs to pods[0] already',
        ),
        (pod("a", more=f'sleeper_key = "{KEY[:-1]}"'), "line 5: pods[0].sleeper_key = "),
        (
            pod("a", more='outputs = ["sound", "sound"]'),
            'line 5: pods[0].outputs[1] = "sound" stands in the list',
        ),
        (pod("a", '{kind="cyton", channels={}}'), "line 4: pods[0].headband.channels = a table is refused"),
        (
            pod("a", '{kind="cyton", channels={AF7=1, AF8=1}}'),
            "line 4: pods[0].headband.channels.AF8 = 1 is the input of AF7 already",
        ),
        (pod("a", '{kind="cyton", channels={"A F"=1}}'), "line 4: pods[0].headband.channels"),
        (
            pod("a") + pod("b") + circle('["a", "a"]'),
            'line 13: circles[0].members[1] = "a" stands in the list already',
        ),
        (
            pod("pod-1") + pod("b") + circle('["pod-1",\n"pod1"]'),
            'line 14: circles[0].members[1] = "pod1" is not the id of a pod; did you mean pod-1?',
        ),
        (pod("a") + circle('["a"]'), "line 8: circles[0].members = "),
        (
            pod("a") + pod("b") + circle(more="quorum = 3"),
            "line 14: circles[0].quorum = 3 can never be reached by 2 members; allowed: 2 to 2",
        ),
        (pod("a") + pod("b") + circle(more="quorum = 1"), "line 14: circles[0].quorum = 1 is refused"),
        (
            pod("a") + pod("b") + circle() + circle(),
            'line 16: circles[1].id = "c" belongs to circles[0] already',
        ),
        (
            pod("a") + pod("b") + circle(more='design = "tied"'),
            'line 14: circles[0].design = "tied": no such design',
        ),
        (
            pod("a", '{kind = "cyton"}') + pod("b") + circle(),
            'line 13: circles[0].members[0] = "a" has no sleeper_key: a person takes part by consent signed',
        ),
        (circle(), 'line 3: circles[0].members[0] = "a" is not the id of a pod; pods: none'),
        ("[coordinator]\nlead_s = 1.0", "line 2: coordinator.lead_s = 1.0 leaves no time for delivery"),
        ("[pod]\nkeepalive_limit_s = 4.0", "line 2: coordinator.valid_for_s = 5.0 would be refused by pods"),
        (
            "[pod]\nmax_lead_s = 2.0\n[coordinator]\nlead_s = 3.0",
            "line 4: coordinator.lead_s = 3.0 would be refused",
        ),
    ],
)
def test_checks_that_span_settings_name_the_very_value(tmp_path: Path, text: str, told: str) -> None:
    message = refused(tmp_path, text)
    assert told in message


def test_a_wrong_pod_does_not_make_its_circle_wrong(tmp_path: Path) -> None:
    message = refused(tmp_path, pod("a", more="outputs = 1") + pod("b") + circle())
    assert "circles" not in message
    assert "\n" not in message


def test_a_person_may_be_recorded_without_a_key_but_not_join_a_circle(tmp_path: Path) -> None:
    cyton = '{kind = "cyton"}'
    assert isinstance(accepted(tmp_path, pod("a", cyton)).pods[0].headband, CytonPort)
    with_key = pod("a", cyton, f'sleeper_key = "{KEY}"') + pod("b") + circle()
    assert accepted(tmp_path, with_key).circles[0].members == ("a", "b")


def test_designs_are_shipped_names_or_paths(tmp_path: Path) -> None:
    for name in (*shipped_designs(), "mine.toml", "/designs/mine.toml"):
        text = pod("a") + pod("b") + circle(more=f'design = "{name}"')
        assert accepted(tmp_path, text).circles[0].design == name


def test_no_setting_lifts_the_safety_bounds(tmp_path: Path) -> None:
    text = "[limiter]\nmax_level_dba = 45.1\nmax_flash_hz = 2.5\ngap_s = 5\nnight_budget = 61\n"
    text += "[chain.gate]\nminimum_sleep_min = 30\n[pod]\nstale_s = 4\n"
    message = refused(tmp_path, text)
    assert message.startswith("6 mistakes in the settings:")
    assert "limiter.max_level_dba = 45.1 is refused; allowed: a number from 0.0 to 45.0" in message
