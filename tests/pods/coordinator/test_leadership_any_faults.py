"""C3 under whatever happens: no two gateways' commands are ever in force at once."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gateway_world import ONE, World, settled
from sanctuary.pods.coordinator.claims import preference

NAMES = st.sampled_from(("gateway-1", "gateway-2", "gateway-3"))
WHO = st.sampled_from(("leader", "leader", "gateway-1", "gateway-2", "gateway-3"))
TROUBLE = st.sampled_from(("hung", "mute", "deaf"))
SECONDS = st.sampled_from((0.05, 0.5, 1.9, 2.1, 3.0, 5.3, 7.2))


class AnyFaults(RuleBasedStateMachine):
    """Gateways command whenever they may; `World.command` fails where another's command is in force."""

    def __init__(self) -> None:
        super().__init__()
        self.world: World = settled(3, for_s=9.0)

    def who(self, name: str) -> str:
        """Give the leader, or whoever comes first where there is none."""
        if name != "leader":
            return name
        return (self.world.leaders() or list(self.world.names))[0]

    @rule(seconds=SECONDS, who=WHO, what=TROUBLE)
    def trouble_one(self, seconds: float, who: str, what: str) -> None:
        self.world.run(seconds, **{what: frozenset({self.who(who)})})

    @rule(seconds=SECONDS, who=NAMES, what=TROUBLE, other=NAMES, what_else=TROUBLE, coarse=st.booleans())
    def trouble_two(
        self, seconds: float, who: str, what: str, other: str, what_else: str, coarse: bool
    ) -> None:
        troubles = {what: frozenset({who})}
        troubles[what_else] = troubles.get(what_else, frozenset()) | {other}
        self.world.run(seconds, **troubles, step_s=1.0 if coarse else 0.1)

    @rule(seconds=st.sampled_from((0.5, 3.0, 8.0, 12.0)))
    def run_in_peace(self, seconds: float) -> None:
        self.world.run(seconds)

    @rule(who=WHO, will=st.booleans())
    def cut(self, who: str, will: bool) -> None:
        self.world.cut(self.who(who), will=will)

    @rule(name=NAMES)
    def notice(self, name: str) -> None:
        self.world.notice(name)

    @rule(name=NAMES, resend=st.booleans())
    def connect(self, name: str, resend: bool) -> None:
        if self.world.machines[name].alive:
            self.world.connect(name, resend=resend)

    @rule(who=WHO, will=st.booleans())
    def kill(self, who: str, will: bool) -> None:
        self.world.kill(self.who(who), will=will)

    @rule(name=NAMES, forgetful=st.booleans())
    def start(self, name: str, forgetful: bool) -> None:
        self.world.start(name, forgetful=forgetful)

    @rule(who=WHO)
    def stop(self, who: str) -> None:
        name = self.who(who)
        if self.world.machines[name].alive:
            self.world.stop(name)

    @rule(name=NAMES, quiet=st.booleans())
    def rest(self, name: str, quiet: bool) -> None:
        self.world.machines[name].quiet = quiet

    @rule(back=st.frozensets(NAMES))
    def restart_broker(self, back: frozenset[str]) -> None:
        self.world.restart_broker()
        for name in sorted(back):
            self.connect(name, resend=True)

    @rule()
    def recover(self) -> None:
        """Liveness: once everything works again, some gateway leads soon, later the preferred one."""
        for name, machine in self.world.machines.items():
            if not machine.alive:
                self.world.start(name)
            elif machine.link is None or not machine.noticed:
                self.world.connect(name)
        for _ in range(40):
            if self.world.leaders():
                break
            self.world.run(0.25)
        assert self.world.leaders(), self.world.records[-6:]
        for machine in self.world.machines.values():
            machine.quiet = True
        self.world.run(45.0)
        assert self.world.leaders() == preference(ONE, self.world.names)[:1], self.world.records[-6:]

    @invariant()
    def at_most_one_may_command(self) -> None:
        for name, machine in self.world.machines.items():
            if machine.alive:
                self.world._do(name, machine.leadership.check_authority(self.world.now(name)))


AnyFaults.TestCase.settings = settings(
    max_examples=60, stateful_step_count=25, suppress_health_check=list(HealthCheck)
)
TestAnyFaults = AnyFaults.TestCase
