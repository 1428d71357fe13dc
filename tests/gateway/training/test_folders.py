"""Walking through folders as people have them: links, hidden files, too many."""

from __future__ import annotations

from pathlib import Path

import pytest

from sanctuary.config.errors import InputError
from sanctuary.gateway.training import pairing as folders
from sanctuary.gateway.training.pairing import files_below


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def below(folder: Path) -> list[str]:
    return [str(Path(path).relative_to(folder)) for path in files_below(folder)[0]]


def test_hidden_files_are_passed_over_and_the_order_is_that_of_names(tmp_path: Path) -> None:
    touch(tmp_path, "b/2.edf", "b/1.edf", "a/x.edf", "z.edf", ".git/a.edf", "a/._x.edf", "__MACOSX/x.edf")
    assert below(tmp_path) == ["z.edf", "a/x.edf", "b/1.edf", "b/2.edf"]


def test_links_are_followed_once(tmp_path: Path) -> None:
    touch(tmp_path, "data/n.edf")
    (tmp_path / "data" / "again").symlink_to(tmp_path)
    (tmp_path / "data" / "lost.edf").symlink_to(tmp_path / "none")
    (tmp_path / "other").symlink_to(tmp_path / "data")
    assert below(tmp_path) == ["data/lost.edf", "data/n.edf"]


def test_what_is_too_deep_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "DEEPEST", 1)
    touch(tmp_path, "a/n.edf", "a/b/m.edf")
    found, said = files_below(tmp_path)
    assert [Path(each).name for each in found] == ["n.edf"]
    assert said == [f"{tmp_path / 'a'}: folders below it are not looked into, 1 deep; name them"]


def test_too_many_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "MOST_FILES", 3)
    touch(tmp_path, *(f"{k}.edf" for k in range(4)))
    with pytest.raises(InputError, match="more than 3 files below it"):
        files_below(tmp_path)
