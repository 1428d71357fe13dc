"""How many files of the product one piece of work walks through; a reader has to open as many."""

from sanctuary.commons.entries import key_id, signing_key
from sanctuary.config.settings_base import shipped_designs
from walks import walk


def test_the_tracer_sees_the_files_that_were_entered() -> None:
    key = signing_key(b"\x11" * 32)
    seen = walk(lambda: (key_id(key), shipped_designs(), key_id(key)))
    assert seen.files == ("commons/entries.py", "config/settings_base.py")
    assert (len(seen.files), seen.entries, seen.back) == (2, 3, 1)
