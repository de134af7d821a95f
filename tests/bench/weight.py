"""What a first visit to a page costs in bytes, as they go over the wire."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urljoin

import requests

_CSS = re.compile(r'<link rel="stylesheet" href="([^"]+)"')
_SCRIPT = re.compile(r'<script src="([^"]+)"')
_FONT = re.compile(r'url\("?([^")]+\.woff2)"?\)')


@dataclass(frozen=True)
class Weight:
    """Compressed bytes. Fonts are all the style sheets name, of which a browser takes only those
    whose letters stand on the page; pictures are not counted."""

    html: int
    css: int
    scripts: int
    fonts: int

    @property
    def total(self) -> int:
        return self.html + self.css + self.scripts + self.fonts


def weigh(url: str) -> Weight:
    """Fetch a page and what it is drawn with. Raises HTTPError."""
    html, size = _fetch(url)
    sheets = {urljoin(url, path): _fetch(urljoin(url, path)) for path in _CSS.findall(html)}
    scripts = [_fetch(urljoin(url, path))[1] for path in _SCRIPT.findall(html)]
    fonts = {
        urljoin(base, path) for base, (text, _) in sheets.items() for path in _FONT.findall(text)
    }
    return Weight(
        html=size,
        css=sum(size for _, size in sheets.values()),
        scripts=sum(scripts),
        fonts=sum(_fetch(font)[1] for font in fonts),
    )


def _fetch(url: str) -> tuple[str, int]:
    """The text (decoded) and the number of bytes that came."""
    raw = requests.get(url, headers={"Accept-Encoding": "br"}, stream=True, timeout=20)
    raw.raise_for_status()
    size = len(raw.raw.read(decode_content=False))
    return requests.get(url, timeout=20).text, size
