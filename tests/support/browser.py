"""A browser without JavaScript: finds a form on a page, fills it in, sends it."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlsplit

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

_TYPED = ("hidden", "text", "number", "search", "email", "date", "datetime-local")


@dataclass
class Form:
    """A form as it would be sent without touching it."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)


def forms_of(page: TestResponse) -> list[Form]:
    """Every form that is sent by POST on a page, with the values that stand in it."""
    reader = _FormReader()
    reader.feed(page.text)
    return reader.forms


def submit(client: FlaskClient, page: TestResponse, action: str, **filled: object) -> TestResponse:
    """Send the first form of the page whose address ends so, with these fields filled in.

    Raises AssertionError when the page has no such form.
    """
    found = [form for form in forms_of(page) if urlsplit(form.action).path.endswith(action)]
    assert found, f"no form leads to {action}: {[form.action for form in forms_of(page)]}"
    data = found[0].fields | {name: str(value) for name, value in filled.items()}
    return client.post(found[0].action, data=data)


def text_of_page(page: TestResponse) -> str:
    """The words of the main part, with white space closed up."""
    reader = _TextReader()
    reader.feed(page.text)
    return " ".join(" ".join(reader.words).split())


class _FormReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._open: Form | None = None
        self._select: str | None = None
        self._area: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = dict(attrs)
        if tag == "form":
            self._open = Form(has.get("action") or "")
            if (has.get("method") or "get").lower() == "post":
                self.forms.append(self._open)
        elif self._open is not None and tag == "input":
            self._read_input(self._open, has)
        elif self._open is not None and tag == "textarea":
            self._area = has.get("name")
            if self._area:
                self._open.fields[self._area] = ""
        elif tag == "select":
            self._select = has.get("name")
        elif self._open is not None and tag == "option" and self._select:
            self._read_option(self._open, self._select, has)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = None
        elif tag == "select":
            self._select = None
        elif tag == "textarea":
            self._area = None

    def handle_data(self, data: str) -> None:
        if self._open is not None and self._area:
            self._open.fields[self._area] += data

    def _read_option(self, form: Form, name: str, has: dict[str, str | None]) -> None:
        if "selected" in has or name not in form.fields:
            form.fields[name] = has.get("value") or ""

    def _read_input(self, form: Form, has: dict[str, str | None]) -> None:
        name, kind = has.get("name"), has.get("type") or "text"
        if name and "disabled" not in has and (kind in _TYPED or "checked" in has):
            form.fields[name] = has.get("value") or ""


class _TextReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self._is_main = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._is_main = self._is_main or tag == "main"

    def handle_endtag(self, tag: str) -> None:
        self._is_main = self._is_main and tag != "main"

    def handle_data(self, data: str) -> None:
        if self._is_main:
            self.words.append(data)
