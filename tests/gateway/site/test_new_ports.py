"""A serial port that appears while a named one is gone is mentioned once, with the name to use."""

from __future__ import annotations

from sanctuary.gateway.site.headband_start import NewPorts

LASTING = "/dev/serial/by-id/usb-FTDI-if00"


class Machine:
    """Ports that come and go, and what is said of them."""

    def __init__(self, *ports: str, **named: str) -> None:
        self.ports = dict.fromkeys(ports, "") | {port: port for port in ports}
        self.told: list[str] = []
        self.new_ports = NewPorts(
            {pod.replace("_", "-"): port for pod, port in named.items()}, self.told.append, lambda: self.ports
        )
        self.now_s = 0.0
        self.look()

    def look(self, *gone: str) -> list[str]:
        self.told.clear()
        for _ in range(3):
            self.now_s += 6.0
            self.new_ports.look(self.now_s, gone)
        return list(self.told)


def test_a_dongle_that_comes_back_under_another_name_is_mentioned_once() -> None:
    machine = Machine("/dev/ttyUSB0", "/dev/ttyS0", pod_1="/dev/ttyUSB0")
    assert machine.look() == []
    machine.ports = {"/dev/ttyUSB1": LASTING, "/dev/ttyS0": "/dev/ttyS0"}
    (told,) = machine.look("pod-1")
    assert told.startswith("/dev/ttyUSB0 of pod-1 is gone, and a new serial port is there: /dev/ttyUSB1")
    assert LASTING in told
    assert machine.look("pod-1") == []


def test_a_new_port_while_nothing_is_gone_is_nobodys_business() -> None:
    machine = Machine("/dev/ttyUSB0", pod_1="/dev/ttyUSB0")
    machine.ports = machine.ports | {"/dev/ttyUSB1": LASTING}
    assert machine.look() == []


def test_a_port_that_another_pod_names_is_not_taken_for_the_lost_one() -> None:
    machine = Machine(pod_1="/dev/ttyUSB0", pod_2="/dev/ttyUSB1")
    machine.ports = {"/dev/ttyUSB1": LASTING}
    assert machine.look("pod-1") == []


def test_where_no_port_is_named_nothing_is_looked_at() -> None:
    machine = Machine()
    machine.ports = {"/dev/ttyUSB1": LASTING}
    assert machine.look("pod-1") == []
