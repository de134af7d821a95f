"""The files of the loader for one product: our Lua as it stands in `lua/`, and what the shop fills
in."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import cache
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from storefront.kit.signing import PublicKey

FOLDER = "license/"
# In the order in which the game server has to load them; `config.lua` is the generated one.
SCRIPTS = ("config.lua", "sha256.lua", "rsa.lua", "proof.lua", "lease.lua", "license.lua")
# Stands in the first line of every file, so that an update knows what it may replace.
MARK = "Licence check of the shop"
LICENSES_PATH = "/account/licenses"
VERIFY_PATH = "/api/licenses/verify"
_LUA = Path(__file__).parent / "lua"
_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


class OnRefusal(StrEnum):
    """What a script does that the shop refused: say so, answer `isLicensed()` with no, or stop
    itself. It never stops the game server."""

    WARN = "warn"
    DEGRADE = "degrade"
    STOP = "stop"


def loader_files(
    *,
    product_slug: str,
    verify_url: str,
    public_keys: Sequence[PublicKey],
    on_refusal: OnRefusal = OnRefusal.STOP,
) -> Mapping[str, bytes]:
    """The loader's files by their paths inside a resource.

    With an empty `product_slug` it takes a key of any product. `verify_url` is where it asks;
    the licences page that its messages name is on the same host. The script believes answers
    signed by any of `public_keys`. The same arguments always give the same bytes. Raises
    ValueError for a slug, an address or a set of keys that cannot be right.
    """
    if product_slug and not _SLUG.fullmatch(product_slug):
        raise ValueError("not a product's slug")
    address = urlsplit(verify_url)
    if address.scheme not in ("http", "https") or not address.hostname or not public_keys:
        raise ValueError("an address and at least one public key are needed")
    config = _CONFIG.format(
        mark=MARK,
        product=lua_string(product_slug),
        url=lua_string(verify_url),
        page=lua_string(urljoin(verify_url, LICENSES_PATH)),
        on_refusal=lua_string(on_refusal),
        keys="".join(_key_line(key) for key in public_keys),
    )
    return {f"{FOLDER}config.lua": config.encode(), **_unchanging_files()}


def verify_url(public_url: str) -> str:
    """Where loaders ask the shop that has this address."""
    return public_url.rstrip("/") + VERIFY_PATH


def lua_string(text: str) -> str:
    """The text as a string of Lua, whatever stands in it."""
    escaped = (
        chr(byte) if 32 <= byte < 127 and chr(byte) not in '"\\' else f"\\{byte:03d}"
        for byte in text.encode()
    )
    return f'"{"".join(escaped)}"'


_CONFIG = """\
-- {mark}: what the shop filled in. A new release brings this file anew.

ShopLicense = ShopLicense or {{}}

ShopLicense.config = {{
    -- The product the key has to be for; "" takes a key of any product.
    product = {product},
    -- Where to ask, and the page that messages name.
    url = {url},
    page = {page},
    -- What a refusal does: "warn", "degrade" or "stop". See README.txt.
    onRefusal = {on_refusal},
    -- Whose signatures are believed, by the names the shop gives its keys.
    publicKeys = {{
{keys}    }},
}}
"""


def _key_line(key: PublicKey) -> str:
    modulus = lua_string(f"{int(key.modulus, 16):0512x}")
    return f"        [{lua_string(key.kid)}] = {{ e = {key.exponent}, n = {modulus} }},\n"


@cache
def _unchanging_files() -> Mapping[str, bytes]:
    names = (*SCRIPTS[1:], "README.txt")
    return {FOLDER + name: (_LUA / name).read_bytes() for name in names}
