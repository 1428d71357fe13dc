"""P3 for several pods together: no sequence of cues, arousals and restarts gets past a bound."""

from __future__ import annotations

from math import inf

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from sanctuary.config.headband_settings import SimulatedHeadband
from sanctuary.config.pod_settings import PodEntry, lamp_rules
from sanctuary.config.site_settings import LimiterSettings
from sanctuary.firmware_bridge.cues import AMBER, Cue, Modality, is_saturated_red
from sanctuary.pods.limiter import Limiter, LimiterMemory, flashes_of, lit_s

NAMES = ("pod-1", "pod-2", "pod-3")
TIGHT = LimiterSettings(
    night_budget=9, cues_per_block=3, flashes_per_hour=8, max_flash_hz=1.5, max_level_dba=32.0
)
EPS = 1e-9

names = st.sampled_from(NAMES)
cues = st.builds(
    Cue,
    st.sampled_from([Modality.LIGHT, Modality.LIGHT, *Modality]),
    st.sampled_from([0.02, 0.05, 0.5, 31.0, 60.0]),
    st.sampled_from([0.2, 0.3, 4.0, 8.0, 15.0]),
    st.sampled_from([0.0, 0.1, 1.0]),
    st.just(()),
    st.sampled_from([0.0, 0.0, 0.25, 0.5, 0.75, 1.5, 3.0]),
    st.sampled_from([AMBER, AMBER, (255, 0, 0), (255, 255, 255)]),
)


def entry_of(name: str, sees: frozenset[str], photosensitive: bool | None) -> PodEntry:
    return PodEntry(
        id=name,
        sleeper=name.replace("pod", "sleeper"),
        headband=SimulatedHeadband(kind="simulated", seed=1),
        outputs=("sound", "light", "haptic"),
        sees=tuple(sorted(sees - {name})),
        photosensitive=photosensitive,
    )


class AnyNight(RuleBasedStateMachine):
    """Three pods side by side, whose sleepers see each other's lamps or not."""

    def __init__(self) -> None:
        super().__init__()
        self.utc_s = 1.8e9
        self.entries: dict[str, PodEntry] = {}
        self.limits: dict[str, LimiterSettings] = {}
        self.cleared: dict[str, bool] = {}
        self.limiters: dict[str, Limiter] = {}
        self.zeros: dict[str, float] = {}
        self.memories: dict[str, LimiterMemory] = {}
        self.played: dict[str, list[tuple[float, Cue]]] = {name: [] for name in NAMES}
        self.aroused_s = dict.fromkeys(NAMES, -inf)
        self.highest: dict[tuple[str, Modality], float] = {}

    @initialize(
        sees=st.tuples(*[st.frozensets(names)] * 3),
        asked=st.tuples(*[st.sampled_from([None, None, False, True])] * 3),
    )
    def lie_down(self, sees: tuple[frozenset[str], ...], asked: tuple[bool | None, ...]) -> None:
        pods = [entry_of(*one) for one in zip(NAMES, sees, asked, strict=True)]
        for pod in pods:
            rules = lamp_rules(pod.id, pods, TIGHT.lamps_in_view)
            self.entries[pod.id] = pod
            self.limits[pod.id] = TIGHT.model_copy(update={"lamps_in_view": rules.lamps_in_view})
            self.cleared[pod.id] = rules.cleared
            self.start(pod.id)

    def start(self, name: str) -> None:
        self.zeros[name] = self.utc_s
        self.limiters[name] = Limiter(self.limits[name], light_cleared=self.cleared[name])

    @rule(name=names, cue=cues)
    def ask(self, name: str, cue: Cue) -> None:
        verdict = self.limiters[name].admit(cue, self.utc_s - self.zeros[name])
        self.keep(name)
        if isinstance(verdict, Cue):
            assert verdict.level <= cue.level + EPS
            self.check(name, verdict)
            self.played[name].append((self.utc_s, verdict))

    @rule(cue=cues)
    def ask_all(self, cue: Cue) -> None:
        """The same step of a design, in all pods at once."""
        for name in NAMES:
            self.ask(name, cue)

    @rule(cue=cues, crashes=st.lists(names, max_size=2))
    def ask_all_again_and_again(self, cue: Cue, crashes: list[str]) -> None:
        """A stretch of a design, in all pods at once, in which some of them crash."""
        for _ in range(3):
            self.utc_s += 20.0
            self.ask_all(cue)
        for name in crashes:
            self.crash(name)
        self.utc_s += 20.0
        self.ask_all(cue)

    @rule(seconds=st.sampled_from([0.5, 5.0, 10.0, 20.0, 20.0, 61.0, 1200.0, 3500.0]))
    def wait(self, seconds: float) -> None:
        self.utc_s += seconds

    @rule(name=names, over=st.booleans())
    def arouse(self, name: str, over: bool) -> None:
        limiter = self.limiters[name]
        limiter.on_arousal(self.utc_s - self.zeros[name])
        self.keep(name)
        self.aroused_s[name] = self.utc_s
        for modality in Modality:
            same = [cue.level for _, cue in self.played[name] if cue.modality is modality]
            if same:
                before = self.highest.get((name, modality), inf)
                self.highest[name, modality] = min(before, same[-1])
        if self.played[name]:
            began_s, cue = self.played[name][-1]
            if self.utc_s <= began_s + cue.duration_s + 30.0:
                sound = cue.modality is Modality.SOUND
                below = cue.level - 6.0 if sound else cue.level / 2.0
                self.highest[name, cue.modality] = min(self.highest[name, cue.modality], below)
        if over:
            limiter.on_calm()
            self.keep(name)

    @rule(name=names)
    def crash(self, name: str) -> None:
        """Start again from what was kept, on a clock with another zero."""
        self.utc_s += 1.0
        memory = self.memories.get(name)
        self.start(name)
        if memory is not None:
            kept = LimiterMemory.model_validate_json(memory.model_dump_json())
            self.limiters[name].recall(kept, self.zeros[name], 0.0)

    def keep(self, name: str) -> None:
        """Keep what changed, as a pod does: nothing that the version does not announce."""
        limiter = self.limiters[name]
        if limiter.version != getattr(limiter, "kept_version", 0):
            limiter.kept_version = limiter.version  # type: ignore[attr-defined]
            self.memories[name] = limiter.memory(self.zeros[name])

    def check(self, name: str, cue: Cue) -> None:
        s, now_s, before = TIGHT, self.utc_s, self.played[name]
        same = [one.level for _, one in before if one.modality is cue.modality]
        sound = cue.modality is Modality.SOUND
        start, rise, top = (30.0, 1.0, s.max_level_dba) if sound else (0.05, 0.01, s.max_share)
        assert cue.level <= min(top, same[-1] + rise if same else start) + EPS
        assert cue.level <= self.highest.get((name, cue.modality), inf) + EPS
        assert not same or self.aroused_s[name] == -inf or cue.level <= same[-1] + EPS or not self.after(name)
        assert now_s >= self.aroused_s[name] + s.arousal_quiet_s
        assert not before or now_s >= before[-1][0] + s.gap_s
        assert len(before) < s.night_budget
        assert self.in_block(name) < s.cues_per_block
        assert cue.fade_s >= (0.1 if cue.modality is Modality.LIGHT else 0.05)
        assert 2 * cue.fade_s <= cue.duration_s <= s.max_duration_s
        if cue.modality is Modality.LIGHT:
            self.check_light(name, cue)

    def after(self, name: str) -> bool:
        """Whether the last cue came before the last arousal."""
        return bool(self.played[name]) and self.played[name][-1][0] <= self.aroused_s[name]

    def in_block(self, name: str) -> int:
        count, later_s = 0, self.utc_s
        for began_s, _ in reversed(self.played[name]):
            if later_s - began_s >= TIGHT.rest_s:
                break
            count, later_s = count + 1, began_s
        return count

    def check_light(self, name: str, cue: Cue) -> None:
        assert not is_saturated_red(cue.rgb)
        assert lit_s(cue) >= 0.25 - EPS
        for sleeper, entry in self.entries.items():
            if sleeper != name and name not in entry.sees:
                continue
            assert not entry.photosensitive
            seen = [
                (began_s, one)
                for lamp in (sleeper, *entry.sees)
                for began_s, one in self.played[lamp]
                if one.modality is Modality.LIGHT
            ]
            now = [one.flash_hz for began_s, one in seen if self.utc_s < began_s + one.duration_s]
            assert cue.flash_hz + sum(now) <= TIGHT.max_flash_hz + EPS, "lamps out of step add up"
            hour = [flashes_of(one) for t_s, one in seen if t_s + one.duration_s > self.utc_s - 3600.0]
            assert flashes_of(cue) + sum(hour) <= TIGHT.flashes_per_hour


AnyNight.TestCase.settings = settings(max_examples=60, stateful_step_count=40)
TestAnyNight = AnyNight.TestCase


def test_an_arousal_is_put_down_to_the_last_cue_that_sounded() -> None:
    limiter = Limiter(LimiterSettings())
    tone = Cue(Modality.SOUND, 30.0, 6.0, 1.0)
    assert isinstance(limiter.admit(tone, 0.0), Cue)
    assert isinstance(limiter.admit(Cue(Modality.HAPTIC, 0.05, 3.0, 0.5), 21.0), Cue)
    limiter.take_back()
    limiter.on_arousal(24.0)
    assert limiter.highest(Modality.SOUND) == 24.0
