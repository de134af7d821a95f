"""Short hand for writing the catalogue: prices in baht, texts in pairs, shared instructions."""

from __future__ import annotations

from .model import (
    UNLIMITED,
    Channel,
    Delivery,
    Kind,
    SeedProduct,
    SeedRelease,
    SeedVariant,
    Status,
)

Pair = tuple[str, str]
DOCS = "https://docs.qr-studios.example"


def tiers(
    standard: int,
    studio: int | None = None,
    trial: int | None = None,
    *,
    was: int | None = None,
    studio_was: int | None = None,
    stock: int = UNLIMITED,
) -> tuple[SeedVariant, ...]:
    """The usual licence tiers of one product; amounts in whole baht."""
    name = ("มาตรฐาน", "Standard")
    result = [_variant("standard", *name, standard, was, stock, 2)]
    if studio is not None:
        name = ("สตูดิโอ", "Studio")
        result.append(_variant("studio", *name, studio, studio_was, stock, 5))
    if trial is not None:
        name = ("ทดลองใช้ 30 วัน", "30-day trial")
        result.append(_variant("trial-30", *name, trial, None, stock, 1, 30))
    return tuple(result)


def release(
    version: str, days_ago: int, th: str, en: str, channel: Channel = "stable"
) -> SeedRelease:
    """One release with its changelog in both languages."""
    return SeedRelease(version, channel, th, en, days_ago)


def product(
    slug: str,
    theme: str,
    category: str,
    *,
    name: Pair,
    summary: Pair,
    th: str,
    en: str,
    features: tuple[Pair, ...],
    tags: str,
    variants: tuple[SeedVariant, ...],
    releases: tuple[SeedRelease, ...],
    days_ago: int,
    sold: int = 0,
    frameworks: str = "esx qbcore qbox",
    needs: str = "ox_lib oxmysql",
    cost_us: int = 10,
    kind: Kind = "script",
    delivery: Delivery = "protected",
    docs: bool = True,
    status: Status = "published",
    featured: bool = False,
    contains: tuple[str, ...] = (),
) -> SeedProduct:
    """One product; every `(Thai, English)` pair is split and the install guide is added."""
    dependencies = tuple(needs.split())
    guide = _bundle_guide(len(contains)) if contains else _guide(slug, dependencies, delivery)
    return SeedProduct(
        slug=slug,
        kind=kind,
        theme=theme,
        category=category,
        name_th=name[0],
        name_en=name[1],
        summary_th=summary[0],
        summary_en=summary[1],
        description_th=f"{th.strip()}\n\n{guide[0]}\n",
        description_en=f"{en.strip()}\n\n{guide[1]}\n",
        features_th=tuple(pair[0] for pair in features),
        features_en=tuple(pair[1] for pair in features),
        tags=tuple(tags.split()),
        frameworks=tuple(frameworks.split()),
        delivery=delivery,
        dependencies=dependencies,
        resource_cost_us=cost_us,
        docs_url=f"{DOCS}/{slug.removeprefix('qr-')}" if docs else None,
        status=status,
        featured=featured,
        days_ago=days_ago,
        sold_count=sold,
        variants=variants,
        releases=releases,
        contains=contains,
    )


def _variant(
    code: str,
    name_th: str,
    name_en: str,
    baht: int,
    was: int | None,
    stock: int,
    slots: int,
    days: int | None = None,
) -> SeedVariant:
    original = None if was is None else was * 100
    return SeedVariant(code, name_th, name_en, baht * 100, original, stock, slots, days)


def _guide(slug: str, dependencies: tuple[str, ...], delivery: str) -> Pair:
    th = ["## วิธีติดตั้ง", ""]
    en = ["## Installation", ""]
    first_th, first_en = "", ""
    if dependencies:
        names = ", ".join(f"`{name}`" for name in dependencies)
        first_th = f"ติดตั้ง {names} ให้เรียบร้อยก่อน แล้ว"
        first_en = f"Make sure {names} starts first, then unpack"
    steps_th = [f"{first_th}แตกไฟล์ลงในโฟลเดอร์ `resources/[qr]/{slug}`"]
    steps_en = [f"{first_en or 'Unpack'} the archive into `resources/[qr]/{slug}`"]
    steps_th.append(f"เพิ่ม `ensure {slug}` ใน `server.cfg` แล้วปรับค่าใน `config.lua` ตามต้องการ")
    steps_en.append(f"Add `ensure {slug}` to `server.cfg` and go through `config.lua`")
    if delivery == "protected":
        steps_th.append('ใส่คีย์จากหน้า "ไลเซนส์ของฉัน" แล้วรีสตาร์ตเซิร์ฟเวอร์หนึ่งครั้ง')
        steps_en.append("Enter the key from your licences page and restart the server once")
    else:
        steps_th.append("รีสตาร์ตเซิร์ฟเวอร์หนึ่งครั้ง ซอร์สเปิดทั้งหมด แก้ไขต่อได้ตามสบาย")
        steps_en.append("Restart once. The source is open, so change whatever you like")
    th += [f"{i}. {step}" for i, step in enumerate(steps_th, 1)]
    en += [f"{i}. {step}" for i, step in enumerate(steps_en, 1)]
    th += ["", "ติดขัดตรงไหนทักมาใน Discord ได้เลย ปกติเราตอบภายในวันเดียวกัน อัปเดตฟรีตลอดอายุไลเซนส์"]
    en.append("")
    en.append(
        "Stuck? Ask on Discord; we usually answer the same day. "
        "Updates are free for as long as your licence runs."
    )
    return "\n".join(th), "\n".join(en)


def _bundle_guide(count: int) -> Pair:
    th = (
        "## ได้อะไรบ้างหลังชำระเงิน\n\n"
        f"- ไลเซนส์แยกทั้ง {count} รายการ ย้ายเซิร์ฟเวอร์ได้อิสระจากกัน\n"
        "- ดาวน์โหลดทีละรายการจากหน้าบัญชี ได้เวอร์ชันล่าสุดเสมอ\n"
        "- ไฟล์ตั้งค่าที่จูนให้ทำงานเข้าชุดกันแล้ว วางทับแล้วใช้ได้ทันที\n\n"
        "ถ้าไม่แน่ใจว่าเฟรมเวิร์กของเซิร์ฟเวอร์ใช้ได้ครบทุกตัวหรือไม่ ทักมาถามก่อนซื้อได้เลย"
    )
    en = (
        "## What you get after paying\n\n"
        f"- A separate licence for each of the {count} products, each moved on its own\n"
        "- Single downloads on your account page, always the newest version\n"
        "- Matching configuration files, tuned so that the parts work together out of the box\n\n"
        "Not sure whether everything fits your framework? Ask us before you buy."
    )
    return th, en
