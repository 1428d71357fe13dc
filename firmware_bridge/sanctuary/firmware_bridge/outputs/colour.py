"""Colours of light that must not be shown to a sleeper."""

from __future__ import annotations

SATURATED = 0.8
"""Share of red in the light of a colour from which WCAG 2.2 calls it saturated red."""


def red_share(rgb: tuple[int, int, int]) -> float:
    """Give R / (R + G + B) in linear light of a colour in sRGB, each part 0 to 255; 0 for black.

    References
    ----------
    WCAG 2.2, "general flash and red flash thresholds"; IEC 61966-2-1 (the sRGB transfer curve).
    """
    red, green, blue = (_linear(part) for part in rgb)
    total = red + green + blue
    return red / total if total > 0.0 else 0.0


def is_saturated_red(rgb: tuple[int, int, int]) -> bool:
    """Tell whether a colour is the red that is worst for photosensitive people."""
    return red_share(rgb) >= SATURATED


def _linear(part: int) -> float:
    share = part / 255.0
    return share / 12.92 if share <= 0.04045 else float(((share + 0.055) / 1.055) ** 2.4)
