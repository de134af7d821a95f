"""Script archives of the demo: small but real FiveM resources, the same bytes every time."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass, field
from string import Template

from . import archives_lua as lua
from . import archives_lua_special as special
from . import archives_web as web
from .content import SeedProduct, SeedRelease

# ZIP cannot hold a date before 1980; any fixed one keeps the bytes the same.
FIXED_DATE = (2026, 1, 1, 0, 0, 0)

LuaValue = int | float | bool | str | list["LuaValue"] | dict[str, "LuaValue"]


@dataclass(frozen=True)
class Recipe:
    """Which code a theme gets, and the product's own settings."""

    client: str
    server: str
    config: dict[str, LuaValue] = field(default_factory=dict)
    web: bool = False
    loadscreen: bool = False


def build_archive(product: SeedProduct, release: SeedRelease) -> bytes:
    """The .zip a buyer downloads: one folder named after the product.

    Entries are sorted and dated alike, so equal input gives equal bytes and one SHA-256.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path, text in sorted(resource_files(product, release).items()):
            entry = zipfile.ZipInfo(f"{product.slug}/{path}", FIXED_DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, wherever the archive is made
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, text.encode())
    return buffer.getvalue()


def resource_files(product: SeedProduct, release: SeedRelease) -> dict[str, str]:
    """Every file of the resource by its path inside the product's folder."""
    recipe = recipe_of(product)
    names = {
        "slug": product.slug,
        "command": product.slug.removeprefix("qr-").replace("-", ""),
        "name": product.name_en,
        "accent": "#a78bfa" if product.kind == "ui" else "#22d3ee",
    }

    def fill(text: str) -> str:
        return Template(text).substitute(names)

    files = {
        "fxmanifest.lua": _manifest(product, release, recipe),
        "config.lua": _config(product, recipe),
        "shared/locale.lua": lua.LOCALE,
        "client/main.lua": fill(recipe.client),
        "server/main.lua": fill(recipe.server),
        "locales/th.json": _locale(product, "th"),
        "locales/en.json": _locale(product, "en"),
        "README.md": _readme(product, release, recipe, names["command"]),
    }
    if recipe.web:
        files["web/index.html"] = fill(web.INDEX)
        files["web/style.css"] = fill(web.STYLE)
        files["web/app.js"] = fill(web.APP)
    return files


def recipe_of(product: SeedProduct) -> Recipe:
    """The code for a product's theme; a theme without its own gets the usual for its kind."""
    if product.contains:
        return Recipe(
            special.BUNDLE_CLIENT, special.BUNDLE_SERVER, {"Parts": list(product.contains)}
        )
    if product.theme in SPECIAL:
        return SPECIAL[product.theme]
    if product.theme in ZONES:
        return _zones(*ZONES[product.theme])
    config: dict[str, LuaValue] = {
        "Key": PANEL_KEYS.get(product.theme, "F6"),
        "NeedsMouse": product.theme not in {"hud", "minimap", "notify"},
        "AlwaysVisible": product.theme in {"hud", "minimap"},
        "RefreshMs": 200,
        "MinRequestMs": 1000,
    }
    return Recipe(lua.PANEL_CLIENT, lua.PANEL_SERVER, config, web=True)


PANEL_KEYS = {
    "phone": "F1", "mdt": "F5", "dispatch": "F7", "admin": "F10", "radial": "F3",
    "scoreboard": "HOME", "inventory": "TAB", "creator": "F9", "multichar": "F11",
}  # fmt: skip

# Theme: blip sprite, colour, seconds between two uses, amount, places (label, x, y, z).
Place = tuple[str, float, float, float]
ZONES: dict[str, tuple[int, int, int, int, tuple[Place, ...]]] = {
    "garage": (357, 38, 3, 150, (("Legion Square", 215.8, -810.1, 30.7),
                                 ("Sandy Shores", 1737.6, 3710.2, 34.1))),
    "dealership": (326, 27, 10, 500, (("Downtown Showroom", -56.5, -1096.6, 26.4),)),
    "mechanic": (446, 47, 15, 850, (("Burton Workshop", -337.4, -135.9, 39.0),
                                    ("Route 68 Workshop", 1174.6, 2640.6, 37.8))),
    "racing": (315, 46, 60, 1000, (("Docks Start Line", 1029.4, -3104.7, 5.9),)),
    "banking": (108, 2, 2, 2000, (("Fleeca Legion", 149.9, -1040.5, 29.4),
                                  ("Pacific Standard", 242.1, 225.0, 106.3))),
    "shops": (52, 25, 2, 60, (("Strawberry Store", 25.7, -1347.3, 29.5),
                              ("Mirror Park Store", 1163.4, -323.8, 69.2))),
    "housing": (40, 3, 5, 4500, (("Integrity Way", -47.5, -585.9, 37.9),)),
    "fishing": (68, 18, 20, 35, (("Del Perro Pier", -1850.1, -1248.6, 8.6),
                                 ("Alamo Sea", 1300.2, 4217.6, 33.9))),
    "farming": (238, 25, 30, 45, (("Grapeseed Fields", 2228.5, 5147.6, 57.4),)),
    "crafting": (566, 47, 12, 1, (("La Mesa Bench", 713.8, -961.4, 30.4),)),
    "courier": (478, 17, 45, 180, (("Post Depot", 78.8, 111.9, 81.2),)),
    "mining": (618, 56, 25, 55, (("Davis Quartz", 2945.9, 2792.3, 40.4),)),
    "ems": (61, 1, 30, 250, (("Pillbox Hospital", 307.2, -595.2, 43.3),)),
    "territory": (437, 6, 120, 5, (("Grove Street", 105.9, -1940.6, 20.8),
                                   ("Vinewood Hills", -174.8, 314.6, 97.9))),
    "clothing": (73, 48, 5, 300, (("Suburban", 121.8, -224.7, 54.6),)),
}  # fmt: skip

SPECIAL = {
    "loading": Recipe(
        special.LOADING_CLIENT,
        special.LOADING_SERVER,
        {"FadeMs": 800, "Tips": ["กด F1 เพื่อเปิดโทรศัพท์", "Read the rules on Discord first"]},
        web=True,
        loadscreen=True,
    ),
    "weather": Recipe(
        special.WEATHER_CLIENT,
        special.WEATHER_SERVER,
        {
            "StartHour": 8,
            "SecondsPerMinute": 2,
            "ChangeEveryMinutes": 120,
            "BlendSeconds": 45,
            "Sky": [
                {"name": "EXTRASUNNY", "weight": 5},
                {"name": "CLOUDS", "weight": 3},
                {"name": "RAIN", "weight": 3},
                {"name": "THUNDER", "weight": 1},
            ],
        },
    ),
    "queue": Recipe(
        special.QUEUE_CLIENT,
        special.QUEUE_SERVER,
        {"RefreshMs": 2000, "HoldSeatSeconds": 300, "SecondsPerPoint": 60, "Priority": {}},
    ),
    "shield": Recipe(
        special.SHIELD_CLIENT,
        special.SHIELD_SERVER,
        {
            "KickAt": 0,
            "WindowMs": 10000,
            "DecayEveryMs": 60000,
            "Limits": {"explosion": 5, "entity": 40},
        },
    ),
}

TEXTS = {
    "th": {
        "too_far": "คุณอยู่ไกลเกินไป",
        "wait": "กรุณารออีก %d วินาที",
        "done": "สำเร็จที่ %s จำนวน %d",
        "stats": "คุณใช้งานไปแล้ว %d ครั้ง",
        "hint": "กด ~INPUT_CONTEXT~ เพื่อใช้งาน",
        "kicked": "คุณถูกนำออกจากเซิร์ฟเวอร์โดยระบบป้องกัน",
    },
    "en": {
        "too_far": "You are too far away",
        "wait": "Please wait %d more seconds",
        "done": "Done at %s, amount %d",
        "stats": "You have used this %d times",
        "hint": "Press ~INPUT_CONTEXT~ to use",
        "kicked": "Removed from the server by its protection",
    },
}
OWN_HINTS = {
    "queue": ("ลำดับของคุณ %d จาก %d คน", "Your place is %d of %d"),
    "shield": ("ตรวจพบ %s: %s", "Noticed %s: %s"),
    "bundle": ("ยังไม่ได้เปิดใช้: %s", "Not started yet: %s"),
    "panel": ("เปิดหรือปิดหน้าต่าง", "Open or close the window"),
}
BUNDLE_DONE = ("ครบทั้ง %d รายการ", "All %d parts are running")


def _zones(
    sprite: int, colour: int, seconds: int, amount: int, places: tuple[Place, ...]
) -> Recipe:
    rows: list[LuaValue] = [{"label": n, "x": x, "y": y, "z": z} for n, x, y, z in places]
    config: dict[str, LuaValue] = {
        "Blip": {"sprite": sprite, "colour": colour},
        "Reach": 2.5,
        "CooldownSeconds": seconds,
        "Amount": amount,
        "Places": rows,
    }
    return Recipe(lua.ZONES_CLIENT, lua.ZONES_SERVER, config)


def _manifest(product: SeedProduct, release: SeedRelease, recipe: Recipe) -> str:
    files = ["locales/*.json"] + (["web/*"] if recipe.web else [])
    lines = [
        "fx_version 'cerulean'",
        "game 'gta5'",
        "lua54 'yes'",
        "",
        f"name '{product.slug}'",
        f"version '{release.version}'",
        "author 'QR Studios'",
        f"description {_quote(product.summary_en)}",
        "",
        "shared_scripts { 'config.lua', 'shared/locale.lua' }",
        "client_scripts { 'client/main.lua' }",
        "server_scripts { 'server/main.lua' }",
        "files { " + ", ".join(f"'{path}'" for path in files) + " }",
    ]
    if recipe.loadscreen:
        lines += ["loadscreen 'web/index.html'", "loadscreen_manual_shutdown 'yes'"]
    elif recipe.web:
        lines.append("ui_page 'web/index.html'")
    if product.dependencies:
        names = ", ".join(f"'{name}'" for name in product.dependencies)
        lines.append(f"dependencies {{ {names} }}")
    return "\n".join(lines) + "\n"


def _config(product: SeedProduct, recipe: Recipe) -> str:
    head = f"-- {product.name_en}: every setting you may change.\nConfig = {{}}\n\n"
    values: dict[str, LuaValue] = {"Locale": "th", **recipe.config}
    body = "".join(f"Config.{key} = {_lua(value)}\n" for key, value in values.items())
    return head + body


def _lua(value: LuaValue, depth: int = 0) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _quote(value)
    if isinstance(value, int | float):
        return str(value)
    if not value:
        return "{}"
    pad = "    " * (depth + 1)
    if isinstance(value, dict):
        if all(not isinstance(item, dict | list) for item in value.values()):
            return "{ " + ", ".join(f"{k} = {_lua(v)}" for k, v in value.items()) + " }"
        rows = [f"{pad}{key} = {_lua(item, depth + 1)}," for key, item in value.items()]
    else:
        rows = [f"{pad}{_lua(item, depth + 1)}," for item in value]
    return "{\n" + "\n".join(rows) + "\n" + "    " * depth + "}"


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    return f"'{escaped}'"


def _locale(product: SeedProduct, language: str) -> str:
    index = 0 if language == "th" else 1
    title = (product.name_th, product.name_en)[index]
    texts = {"title": title, **TEXTS[language]}
    kind = "bundle" if product.contains else product.theme
    if kind in OWN_HINTS or (kind not in ZONES and kind not in SPECIAL):
        texts["hint"] = OWN_HINTS.get(kind, OWN_HINTS["panel"])[index]
    if product.contains:
        texts["done"] = BUNDLE_DONE[index]
    return json.dumps(texts, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def _readme(product: SeedProduct, release: SeedRelease, recipe: Recipe, command: str) -> str:
    needs = ", ".join(product.dependencies) or "-"
    frameworks = ", ".join(product.frameworks)
    key_th = key_en = command_th = command_en = ""
    if product.delivery == "protected":
        line = f'`set qr_license_{product.slug} "XXXX-XXXX-XXXX-XXXX"`'
        key_th = f"3. ใส่คีย์ใน `server.cfg`: {line}\n"
        key_en = f"3. Put the key into `server.cfg`: {line}\n"
    if "RegisterCommand" in recipe.client + recipe.server:
        command_th, command_en = f"- คำสั่ง: `/{command}`\n", f"- Command: `/{command}`\n"
    return (
        f"# {product.name_en} {release.version}\n\n"
        f"## ภาษาไทย\n\n{product.summary_th}\n\n"
        f"- เฟรมเวิร์ก: {frameworks}\n- สคริปต์ที่ต้องมี: {needs}\n{command_th}\n"
        f"1. วางโฟลเดอร์ `{product.slug}` ไว้ใน `resources/[qr]`\n"
        f"2. เพิ่ม `ensure {product.slug}` ใน `server.cfg`\n{key_th}\n"
        f"มีอะไรใหม่: {release.changelog_th}\n\n"
        f"## English\n\n{product.summary_en}\n\n"
        f"- Frameworks: {frameworks}\n- Needs: {needs}\n{command_en}\n"
        f"1. Put the folder `{product.slug}` into `resources/[qr]`\n"
        f"2. Add `ensure {product.slug}` to `server.cfg`\n{key_en}\n"
        f"What is new: {release.changelog_en}\n"
    )
