"""What a host says to HDServer to have a ZMax flash or vibrate: the virtual ZMax understands it.

Source: ZmaxHeadband.py of dreamento/dreamento. A stimulation is a line of text::

    LIVEMODE_SENDBYTES <retries> <sequence> <retry ms> 04-R-G-B-R-G-B-PWM1-PWM2-TON-TOFF-REPS-VIB-ALT

with bytes in hex, ended CRLF. The first colour and brightness are taken for the time on, the second ones for
the time off; the source names them by numbers only, and no headband was there to try them.
"""

from __future__ import annotations

from dataclasses import dataclass

STIMULATE = 0x04
MAX_COLOUR = 2
FULL_PWM = 254
"""100 %; 1 % is 2."""
TENTHS = 10
MAX_TENTHS = 255
MAX_REPEATS = 127
RETRIES, RETRY_MS = 15, 111
"""How often, and how soon, the server repeats a command that the headband did not confirm."""
MAX_RETRY_MS = 10_000

Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Stimulation:
    """Flashes of light, with or without vibration.

    Attributes
    ----------
    rgb, second_rgb
        Colours, red, green and blue each 0 to 2.
    percent, second_percent
        Brightness, 0 to 100 %.
    on_s, off_s
        Durations in steps of 0.1 s: 0.1 to 25.5 s on, 0 to 25.5 s off.
    repeats
        1 to 127.
    vibrate
        Whether it vibrates too.
    alternate
        Whether the eyes take turns.

    Raises
    ------
    ValueError
        Out of these ranges.
    """

    rgb: Colour = (0, 0, 2)
    second_rgb: Colour = (0, 0, 2)
    percent: int = 100
    second_percent: int = 0
    on_s: float = 0.1
    off_s: float = 0.3
    repeats: int = 5
    vibrate: bool = False
    alternate: bool = False

    def __post_init__(self) -> None:
        """Refuse what the headband cannot be told."""
        for name, colour in (("rgb", self.rgb), ("second_rgb", self.second_rgb)):
            if len(colour) != 3:
                raise ValueError(f"{name} {colour}: must be red, green and blue")
            for value in colour:
                _check(name, value, 0, MAX_COLOUR)
        _check("percent", self.percent, 0, 100)
        _check("second_percent", self.second_percent, 0, 100)
        _check("on_s", self.on_s, 1 / TENTHS, MAX_TENTHS / TENTHS)
        _check("off_s", self.off_s, 0, MAX_TENTHS / TENTHS)
        _check("repeats", self.repeats, 1, MAX_REPEATS)

    def to_bytes(self) -> bytes:
        """Write the 14 bytes for the headband."""
        brightness = (self.percent * FULL_PWM // 100, self.second_percent * FULL_PWM // 100)
        times = (round(self.on_s * TENTHS), round(self.off_s * TENTHS))
        flags = (self.vibrate, self.alternate)
        return bytes((STIMULATE, *self.rgb, *self.second_rgb, *brightness, *times, self.repeats, *flags))

    def command(self, sequence: int, retries: int = RETRIES, retry_ms: int = RETRY_MS) -> bytes:
        """Write the line for the server.

        Parameters
        ----------
        sequence
            0 to 255, another one each time: a repeated one is taken for a retry.
        retries
            0 to 255.
        retry_ms
            1 to 10 000. The limits of these three are ours; the source has none.

        Raises
        ------
        ValueError
            Out of these ranges.
        """
        _check("sequence", sequence, 0, 255)
        _check("retries", retries, 0, 255)
        _check("retry_ms", retry_ms, 1, MAX_RETRY_MS)
        body = self.to_bytes().hex("-").upper()
        return f"LIVEMODE_SENDBYTES {retries} {sequence} {retry_ms} {body}\r\n".encode()


def _check(name: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise ValueError(f"{name} {value:g}: must be {least:g} to {most:g}")
