"""What shoppers type and what they should find among the demo's products. Prints its score:
`pytest tests/storefront/catalog/search/test_queries.py -s`."""

from __future__ import annotations

from datetime import UTC, datetime

from storefront.catalog.counts import CountCache
from storefront.catalog.filters import Filters, Sort
from storefront.catalog.listing import list_products
from storefront.db import Database
from tests.support import demo_catalog

HIT_FLOOR, RANK_FLOOR = 0.95, 0.90

# Each line: what is typed, and the product that should be among the first three.
QUERIES = {
    "English words": """
        garage | qr-garage
        phone | qr-phone
        police | qr-police-pack
        mechanic | qr-mechanic
        fishing | qr-fishing
        anticheat | qr-shield
        loading screen | qr-loading
        radial menu | qr-radial
        minimap | qr-minimap
        speedometer | qr-hud
        impound | qr-garage
        warrants | qr-mdt
        hospital | qr-ems
        furniture | qr-housing
        blueprint | qr-crafting
        compass | qr-minimap
        leaderboard | qr-racing
        player shops | qr-shops
        the garage for my server | qr-garage
        job | qr-job-pack
    """,
    "Thai words": """
        โรงรถ | qr-garage
        ธนาคาร | qr-banking
        ตำรวจ | qr-mdt
        โทรศัพท์ | qr-phone
        ตกปลา | qr-fishing
        แพทย์ | qr-ems
        บ้าน | qr-housing
        แจ้งเตือน | qr-notify
        กระเป๋า | qr-inventory
        แก๊ง | qr-territory
        เมนูวงล้อ | qr-radial
        แผนที่ | qr-minimap
        กันโกง | qr-shield
        เสื้อผ้า | qr-clothing
        ร้านค้า | qr-shops
        หมายจับ | qr-mdt
        กุญแจ | qr-garage
        เข็มทิศ | qr-minimap
        ผ่อนชำระ | qr-dealership
        บาดแผล | qr-ems
    """,
    "Thai without spaces, and words inside a sentence": """
        ระบบโรงรถ | qr-garage
        ยึดรถ | qr-garage
        อยากได้ระบบธนาคาร | qr-banking
        แท็บเล็ตตำรวจ | qr-mdt
        ระบบคิวเข้าเซิร์ฟเวอร์ | qr-queue
        หาระบบตกปลาสำหรับเซิร์ฟเวอร์ | qr-fishing
        ร้านซ่อมรถ | qr-mechanic
        แต่งรถ | qr-mechanic
        รถแข่ง | qr-racing
        หน้าโหลดเข้าเกม | qr-loading
        ลากวาง | qr-hud
        สภาพอากาศและเวลา | qr-weather
        ชุดเปิดเมือง | qr-starter-city
    """,
    "Half words, as they are typed": """
        gar | qr-garage
        ga | qr-garage
        ban | qr-banking
        inv | qr-inventory
        โรง | qr-garage
        ธนา | qr-banking
        โทร | qr-phone
        ตำ | qr-mdt
        แอด | qr-admin
        ระบบโรง | qr-garage
        การา | qr-garage
        กา | qr-garage
        อินเว | qr-inventory
        dispat | qr-dispatch
        เข็ม | qr-minimap
    """,
    "Slips of the finger": """
        garrage | qr-garage
        polcie | qr-police-pack
        bankng | qr-banking
        inventry | qr-inventory
        mechanik | qr-mechanic
        dealorship | qr-dealership
        ตำรจว | qr-mdt
        ธนาคา | qr-banking
        โรงรด | qr-garage
        โทรศัพ | qr-phone
        เซิฟเวอร์คิว | qr-queue
        แทบเลต | qr-mdt
        คราฟ | qr-crafting
        แกงค์ | qr-territory
    """,
    "Both languages at once, frameworks and labels": """
        โรงรถ esx | qr-garage
        ระบบ phone | qr-phone
        garage โรงรถ | qr-garage
        hud หน้าปัด | qr-hud
        ร้านเสื้อผ้า qbcore | qr-clothing
        standalone queue | qr-queue
        qbox banking | qr-banking
        ox_inventory | qr-inventory
        bundle police | qr-police-pack
        ui pack | qr-ui-pack
        atm | qr-banking
        เอทีเอ็ม | qr-banking
    """,
    "Words together and apart": """
        qrgarage | qr-garage
        score board | qr-scoreboard
        mini map | qr-minimap
        QR-GARAGE | qr-garage
        multi character | qr-multichar
        jobpack | qr-job-pack
    """,
}


def test_what_shoppers_type_finds_what_they_mean(database: Database) -> None:
    demo_catalog.fill(database)
    hits = reciprocal = total = 0.0
    missed = []
    for kind, lines in QUERIES.items():
        of_kind = [line.split("|") for line in lines.strip().splitlines()]
        ranks = [place_of(database, typed.strip(), slug.strip()) for typed, slug in of_kind]
        found = sum(1 for rank in ranks if rank <= 3)
        missed += [
            f"{typed.strip()} ({rank})"
            for (typed, _), rank in zip(of_kind, ranks, strict=True)
            if rank > 3
        ]
        print(f"\n{kind}: {found} of {len(ranks)} among the first three", end="")
        hits, total = hits + found, total + len(ranks)
        reciprocal += sum(1 / rank for rank in ranks)
    hit_at_3, mean_rank = hits / total, reciprocal / total
    print(f"\nAll {total:.0f}: hit@3 {hit_at_3:.3f}, MRR {mean_rank:.3f}; missed: {missed}")

    assert total >= 60
    assert hit_at_3 >= HIT_FLOOR, missed
    assert mean_rank >= RANK_FLOOR


def place_of(database: Database, typed: str, slug: str) -> float:
    """The rank of a product for a phrase; infinite when the first page does not show it."""
    with database.reading() as session:
        found = list_products(
            session,
            Filters(phrase=typed),
            Sort.RELEVANCE,
            cursor=None,
            now=datetime.now(UTC),
            counts=CountCache(),
        )
    slugs = [card.slug for card in found.page.items]
    return slugs.index(slug) + 1 if slug in slugs else float("inf")
