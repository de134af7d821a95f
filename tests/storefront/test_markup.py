"""The one sanitiser: what people write never becomes more than text with a little shape."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storefront.markup import render_markdown

HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '<a href="javascript:alert(1)">x</a>',
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](java&#115;cript:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](vbscript:msgbox(1))",
    "<javascript:alert(1)>",
    "![x](https://evil.example/pixel.gif)",
    "<iframe src=https://evil.example></iframe>",
    "<style>*{display:none}</style>",
    '<p style="position:fixed">x</p>',
    "<svg/onload=alert(1)>",
    "<form action=https://evil.example><button>x</button></form>",
    '[x](https://example.com "onmouseover=alert(1)")',
    "[x]: javascript:alert(1)\n\n[x]",
    "`<script>alert(1)</script>`",
)
TAG = re.compile(r"<(/?)([a-z0-9]+)((?:\s[^<>]*)?)>")
KNOWN = {
    *("p", "br", "hr", "h2", "h3", "h4", "ul", "ol", "li", "strong", "em", "del", "a"),
    *("blockquote", "code", "pre", "table", "thead", "tbody", "tr", "th", "td"),
}


def check(html: str) -> None:
    """Only known tags; only links have attributes, and those lead to the web."""
    for _, tag, attributes in TAG.findall(html):
        assert tag in KNOWN
        for name, value in re.findall(r'([\w-]+)="([^"]*)"', attributes):
            assert tag == "a"
            assert name in ("href", "title", "rel")
            if name == "href":
                assert not re.match(r"(?i)\s*(javascript|data|vbscript)", value)
    assert "<" not in TAG.sub("", html)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_made_harmless(text: str) -> None:
    check(str(render_markdown(text)))


@given(
    st.lists(st.sampled_from([*HOSTILE, "\n\n", "[", "](", ")", "<", ">", '"', "&#", "`", "# "]))
)
def test_mixing_hostile_pieces_makes_nothing_new(pieces: list[str]) -> None:
    check(str(render_markdown("".join(pieces))))


def test_plain_shape_is_kept() -> None:
    html = render_markdown("# Install\n\n- **one**\n- ~~two~~\n\n|a|b|\n|-|-|\n|1|2|\n")

    assert "<h2>Install</h2>" in html
    assert "<strong>one</strong>" in html
    assert "<td>1</td>" in html
    assert "<h1>" not in html


def test_links_to_the_web_tell_search_engines_nothing() -> None:
    html = render_markdown("[docs](https://docs.example.com/a?b=1&c=2)")

    assert 'href="https://docs.example.com/a?b=1&amp;c=2"' in html
    assert 'rel="nofollow noopener"' in html


def test_raw_html_is_shown_as_the_text_it_is() -> None:
    assert "&lt;script&gt;" in render_markdown("<script>alert(1)</script>")
