"""Money, trade and the phone that ties them together."""

from __future__ import annotations

from .build import product, release, tiers

BANKING = product(
    "qr-banking",
    "banking",
    "economy",
    name=("QR Banking ธนาคารและตู้ ATM", "QR Banking"),
    summary=(
        "บัญชีส่วนตัว บัญชีองค์กร บัตรจริงในกระเป๋า และประวัติธุรกรรมที่ตรวจย้อนหลังได้ทุกบาท",
        "Personal and company accounts, cards as items, and a statement that adds up.",
    ),
    th="""
ระบบธนาคารที่เงินไม่งอกและไม่หาย ทุกการโอนบันทึกแบบบัญชีคู่
แอดมินเปิดดูย้อนหลังได้ว่าเงินก้อนนี้มาจากไหนและไปที่ใคร

## ความสามารถหลัก

- บัญชีองค์กรพร้อมสิทธิ์แยกตามตำแหน่ง ถอนเกินวงเงินไม่ได้
- บัตรเป็นไอเทมจริง มีรหัส PIN ถูกขโมยแล้วอายัดได้
- ใบแจ้งหนี้ส่งหากันได้ รองรับการจ่ายบางส่วน

## ปลอดภัยจากการปั๊มเงิน

ทุกคำสั่งตรวจฝั่งเซิร์ฟเวอร์ จำกัดความถี่ และแจ้งเตือนเข้า Discord
เมื่อมียอดผิดปกติเกินค่าที่คุณตั้งไว้
""",
    en="""
A bank in which money neither grows nor vanishes. Every transfer is booked on both sides, and
staff can trace any amount back to where it came from.

## What it does

- Company accounts with rights and limits per rank
- Cards are real items with a PIN, and can be frozen when stolen
- Invoices between players, partial payment included

## Safe from money glitches

Every request is checked on the server and rate limited, and Discord hears about amounts above the
threshold you set.
""",
    features=(
        ("บัญชีคู่ ตรวจยอดย้อนหลังได้", "Double-entry records that can be audited"),
        ("บัญชีองค์กรและสิทธิ์ตามตำแหน่ง", "Company accounts with rank permissions"),
        ("บัตร ATM เป็นไอเทม มี PIN", "ATM cards as items with a PIN"),
        ("ใบแจ้งหนี้และจ่ายบางส่วน", "Invoices with partial payment"),
        ("แจ้งเตือนธุรกรรมผิดปกติ", "Alerts on unusual transfers"),
        ("API สำหรับสคริปต์อื่น", "Exports for other scripts"),
    ),
    tags="banking money atm invoice",
    cost_us=10,
    variants=tiers(990, 1890, 190),
    releases=(
        release("2.1.0", 11, "เพิ่มการอายัดบัตรจากโทรศัพท์", "Freeze a card from the phone."),
        release("2.0.3", 45, "ปรับความเร็วหน้าประวัติธุรกรรม", "Faster statement page."),
    ),
    days_ago=270,
    sold=368,
)  # fmt: skip

PHONE = product(
    "qr-phone",
    "phone",
    "economy",
    name=("QR Phone โทรศัพท์มือถือ", "QR Phone"),
    summary=(
        "โทรศัพท์ภาษาไทยเต็มรูปแบบ 18 แอป วิดีโอคอล โซเชียล ตลาดซื้อขาย และร้านแอปให้นักพัฒนาต่อยอด",
        "A complete phone with 18 apps, video calls, social feed, marketplace and an app SDK.",
    ),
    th="""
โทรศัพท์ที่ออกแบบมาเพื่อผู้เล่นไทยตั้งแต่แรก ตัวอักษรไทยไม่ขาดวรรณยุกต์
พิมพ์ไทยได้ทุกแอป และหน้าจอตอบสนองไวแม้ในเครื่องสเปกกลาง

## แอปที่มากับเครื่อง

- โทร วิดีโอคอล แชตกลุ่ม และสมุดรายชื่อ
- ฟีดโซเชียลพร้อมรูป ตลาดมือสอง และประกาศงาน
- แอปธนาคาร โรงรถ และบ้าน ที่เชื่อมกับสคริปต์ของเรา

## สำหรับนักพัฒนา

สร้างแอปของตัวเองด้วย HTML แล้วลงทะเบียนผ่าน export เดียว
มีตัวอย่างพร้อมคู่มือภาษาไทย ข้อความและรูปเก็บในฐานข้อมูลของคุณเอง
""",
    en="""
A phone designed for Thai players from the start: no clipped vowels, Thai input in every app, and
a screen that stays responsive on mid-range machines.

## Included apps

- Calls, video calls, group chat and contacts
- Social feed with pictures, second-hand market and job board
- Banking, garage and housing, linked to our own scripts

## For developers

Build an app in plain HTML and register it with a single export; samples and a guide are included.
Messages and pictures stay in your own database.
""",
    features=(
        ("18 แอปพร้อมใช้", "18 apps out of the box"),
        ("วิดีโอคอลและกล้องถ่ายรูป", "Video calls and camera"),
        ("โซเชียลฟีดและตลาดมือสอง", "Social feed and marketplace"),
        ("SDK สร้างแอปเอง", "SDK for your own apps"),
        ("รองรับ pma-voice และ saltychat", "Works with pma-voice and saltychat"),
        ("ธีมสว่างและมืด", "Light and dark theme"),
        ("สำรองข้อมูลเมื่อเปลี่ยนเครื่อง", "Backup when a player changes phone"),
    ),
    tags="phone social apps communication",
    cost_us=20,
    variants=tiers(2990, 4990, 390, was=3490),
    releases=(
        release("4.2.0", 4, "วิดีโอคอลกลุ่มสูงสุด 4 คน", "Group video calls for up to four."),
        release("4.1.2", 29, "แก้แจ้งเตือนซ้ำเมื่อเปลี่ยนตัวละคร", "No repeated alerts after a switch."),
        release("4.3.0-beta.1", 1, "ทดสอบแอปแผนที่ใหม่", "Trial of the new maps app.", "beta"),
    ),
    featured=True,
    days_ago=400,
    sold=534,
)  # fmt: skip

SHOPS = product(
    "qr-shops",
    "shops",
    "economy",
    name=("QR Shops ร้านค้าผู้เล่น", "QR Shops"),
    summary=(
        "ร้านสะดวกซื้อ ตลาดนัด และร้านของผู้เล่น ที่มีสต็อก ต้นทุน และชั้นวางสินค้าให้จัดเอง",
        "Convenience stores, market stalls and player shops with stock, costs and shelves.",
    ),
    th="""
ร้านค้าในเมืองควรมีเจ้าของ QR Shops ให้ผู้เล่นเช่าร้าน สั่งของจากโกดัง
ตั้งราคาเอง และดูกำไรรายวันจากหน้าเดียว

## ระบบหน้าร้าน

- ตะกร้าหลายชิ้น จ่ายเงินสด บัตร หรือเครดิตร้าน
- ป้ายลดราคาตั้งเวลาเริ่มและจบได้
- ขายอาวุธโดยตรวจใบอนุญาตอัตโนมัติ

## ระบบหลังร้าน

- รายงานกำไรขาดทุนรายวัน
- จ้างพนักงาน กำหนดสิทธิ์หยิบเงินและเติมของ
- ร้านที่ไม่มีเจ้าของขายตามปกติ เมืองจึงไม่ขาดของ
""",
    en="""
City stores deserve owners. QR Shops lets players rent a shop, order goods from the warehouse, set
prices and watch the daily profit on one page.

## Up front

- A basket for many items, paid by cash, card or store credit
- Sale tags with a start and an end
- Weapon counters that check the permit by themselves

## Behind the counter

- Daily profit and loss report
- Staff with separate rights for the till and the shelves
- Shops without an owner sell as usual, so the city never runs dry
""",
    features=(
        ("ผู้เล่นเช่าและบริหารร้านเอง", "Shops rented and run by players"),
        ("สต็อกและต้นทุนจริง", "Real stock and purchase costs"),
        ("โปรโมชันแบบตั้งเวลา", "Timed promotions"),
        ("ตรวจใบอนุญาตอัตโนมัติ", "Automatic permit checks"),
        ("รายงานกำไรรายวัน", "Daily profit reports"),
    ),
    tags="shop business stock economy",
    cost_us=10,
    needs="ox_lib oxmysql ox_inventory",
    delivery="open_source",
    variants=tiers(790, 1490),
    releases=(
        release("1.4.0", 18, "เพิ่มเครดิตร้านค้า", "Adds store credit."),
        release("1.3.3", 63, "แก้ชั้นวางไม่อัปเดตเมื่อของหมด", "Shelves update when an item runs out."),
    ),
    days_ago=150,
    sold=176,
)  # fmt: skip

HOUSING = product(
    "qr-housing",
    "housing",
    "economy",
    name=("QR Housing บ้านและคอนโด", "QR Housing"),
    summary=(
        "ซื้อ เช่า แต่งบ้าน และแจกกุญแจ พร้อมโหมดวางเฟอร์นิเจอร์อิสระกว่า 600 ชิ้น",
        "Buy, rent and furnish homes, hand out keys, and place 600+ props freely.",
    ),
    th="""
ให้ผู้เล่นมีบ้านที่เป็นของตัวเองจริง ๆ เลือกทำเล เลือกแบบภายใน
แล้ววางเฟอร์นิเจอร์ได้ทุกมุมแบบหมุนและยกได้ละเอียดถึงเซนติเมตร

## สำหรับผู้อยู่อาศัย

- กุญแจถาวรและกุญแจชั่วคราวสำหรับแขก
- ตู้เก็บของ ตู้เสื้อผ้า และโรงรถในบ้าน
- กล้องหน้าบ้านดูผ่านโทรศัพท์ได้

## สำหรับนายหน้าและแอดมิน

สร้างบ้านใหม่ในเกมด้วยตัวช่วยสี่ขั้นตอน รองรับทั้งแบบ shell และ MLO
เก็บค่าเช่าและภาษีอัตโนมัติ ค้างเกินกำหนดล็อกบ้านให้เอง
""",
    en="""
Give players a home that is really theirs: pick a place and an interior, then set furniture down
anywhere, turned and raised to the centimetre.

## For residents

- Permanent keys, and guest keys that run out
- Storage, wardrobe and a garage in the house
- A door camera to watch from the phone

## For agents and staff

Create a house in game in four steps, as a shell or an MLO. Rent and tax are collected by
themselves, and the door locks when payment stays away too long.
""",
    features=(
        ("เฟอร์นิเจอร์กว่า 600 ชิ้น", "More than 600 furniture props"),
        ("รองรับ shell และ MLO", "Shells and MLOs"),
        ("อาชีพนายหน้าอสังหาริมทรัพย์", "Estate agent job"),
        ("ค่าเช่าและภาษีอัตโนมัติ", "Automatic rent and tax"),
        ("กล้องหน้าบ้าน", "Door cameras"),
        ("กุญแจแขกแบบหมดอายุ", "Expiring guest keys"),
    ),
    tags="housing furniture rent realestate",
    cost_us=20,
    variants=tiers(1890, 3490, 290, was=2290),
    releases=(
        release("2.5.0", 13, "วางเฟอร์นิเจอร์ด้วยกิซโมแบบใหม่", "New gizmo for placing furniture."),
        release("2.4.1", 57, "บ้านโหลดเร็วขึ้นในเซิร์ฟเวอร์ใหญ่", "Homes load faster on large servers."),
    ),
    days_ago=220,
    sold=241,
)  # fmt: skip

ECONOMY = (BANKING, PHONE, SHOPS, HOUSING)
