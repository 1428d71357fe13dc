"""Reads a report's HTML strictly enough to notice what a browser would forgive."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = {"meta", "br", "hr", "img", "input", "link", "col", "wbr"}
_LOADING = {"src", "href", "srcset", "data", "action", "formaction", "poster", "background", "ping"}


@dataclass
class Page(HTMLParser):
    """One parsed page; everything of interest is collected while it is fed."""

    text: str
    tags: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    styles: list[str] = field(default_factory=list)
    meta: dict[str, str] = field(default_factory=dict)
    headings: list[str] = field(default_factory=list)
    captions: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)
    handlers: list[str] = field(default_factory=list)
    mistakes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._open: list[str] = []
        self.feed(self.text)
        self.close()
        self.mistakes += [f"<{tag}> is never closed" for tag in self._open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        given = {name: value or "" for name, value in attrs}
        if len(given) != len(attrs):
            self.mistakes.append(f"<{tag}> repeats an attribute")
        if "id" in given:
            self.ids.append(given["id"])
        self.handlers += [name for name in given if name.startswith("on")]
        self.links += [value for name, value in given.items() if name.split(":")[-1] in _LOADING]
        self.styles.append(given.get("style", ""))
        if tag == "meta":
            self.meta[given.get("http-equiv") or given.get("name", "")] = given.get("content", "")
        if tag == "svg" and given.get("aria-hidden") != "true":
            self.labels[given.get("aria-labelledby", "")] = given.get("role", "")

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop() != tag:
            self.mistakes.append(f"</{tag}> closes what is not open")

    def handle_data(self, data: str) -> None:
        inside = self._open[-1] if self._open else ""
        if inside == "style":
            self.styles.append(data)
        elif data.strip():
            self.words.append(data.strip())
            if inside in ("h1", "h2"):
                self.headings.append(data.strip())
            if inside == "caption":
                self.captions.append(data.strip())

    @property
    def prose(self) -> str:
        """All visible text, on one line."""
        return " ".join(" ".join(self.words).split())


def assert_self_contained(page: Page) -> None:
    """Nothing is loaded from anywhere, run, or broken."""
    assert page.mistakes == []
    assert page.handlers == []
    assert not {"script", "link", "iframe", "object", "embed", "base", "form"} & set(page.tags)
    assert all(link.startswith(("#", "data:image/png;base64,")) for link in page.links)
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)
    assert not [style for style in page.styles if "@import" in style or "http" in style]
    assert "http://" not in page.text
    assert "https://" not in page.text
    assert page.meta["Content-Security-Policy"].startswith("default-src 'none';")
    assert len(page.ids) == len(set(page.ids))
    assert all(role == "img" and name in page.ids for name, role in page.labels.items())
    assert page.tags.count("table") == page.tags.count("caption")
    assert "#fe01" not in page.text
    assert "This is not a medical device." in page.prose
    assert "nothing is promised about what is dreamt" in page.prose
