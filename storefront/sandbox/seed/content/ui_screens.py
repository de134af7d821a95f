"""Screens: joining the server, making a character, looking into the bag."""

from __future__ import annotations

from .build import product, release, tiers

INVENTORY = product(
    "qr-inventory",
    "inventory",
    "menus",
    kind="ui",
    name=("QR Inventory หน้ากระเป๋าไอเทม", "QR Inventory"),
    summary=(
        "หน้าตาใหม่สำหรับ ox_inventory ลากวางลื่น ค้นหาไว เห็นสภาพและคำอธิบายชัดเจน",
        "A new face for ox_inventory: smooth dragging, quick search, clear item details.",
    ),
    th="""
ไม่ต้องย้ายระบบ แค่เปลี่ยนหน้าตา QR Inventory วางทับ ox_inventory เดิมของคุณ
ข้อมูลอยู่ครบ ไม่แตะฐานข้อมูลแม้แต่ตารางเดียว

## ใช้งานดีขึ้นตรงไหน

- ลากวางหลายชิ้น แบ่งกอง และรวมกองด้วยคลิกขวา
- ค้นหาภาษาไทยและกรองตามหมวด
- เปรียบเทียบอาวุธและดูสภาพได้ก่อนหยิบ

## ปรับให้เข้ากับเมือง

เปลี่ยนสี ขนาดช่อง และพื้นหลังจากไฟล์เดียว
มาพร้อมไอคอนไอเทม 320 ชิ้นในสไตล์เดียวกัน ใช้ได้ทันที
""",
    en="""
Nothing to migrate: QR Inventory lies on top of the ox_inventory you already run. Your data stays
where it is, and no table is touched.

## What gets better

- Drag several items, split and merge stacks by right click
- Search in Thai and filter by kind
- Compare weapons and see their condition before picking up

## Fits your city

Colours, slot size and background come from one file, and 320 item icons in one style are included.
""",
    features=(
        ("วางทับ ox_inventory ได้ทันที", "Drops onto ox_inventory"),
        ("ไอคอนไอเทม 320 ชิ้น", "320 item icons"),
        ("ค้นหาภาษาไทย", "Thai search"),
        ("เปรียบเทียบอาวุธ", "Weapon comparison"),
        ("ปรับธีมจากไฟล์เดียว", "One-file theming"),
    ),
    tags="inventory items ui",
    needs="ox_lib ox_inventory",
    cost_us=0,
    variants=tiers(890, 1590, was=1090),
    releases=(
        release("2.1.0", 14, "เปรียบเทียบอาวุธ", "Weapon comparison."),
        release("2.0.2", 53, "รองรับ ox_inventory รุ่นล่าสุด", "Works with the latest ox_inventory."),
    ),
    days_ago=165,
    sold=289,
)  # fmt: skip

LOADING = product(
    "qr-loading",
    "loading",
    "screens",
    kind="ui",
    name=("QR Loading หน้าโหลดเข้าเกม", "QR Loading"),
    summary=(
        "หน้าโหลดที่บอกความคืบหน้าจริง ข่าวสาร กฎ และเพลง ปรับทั้งหมดจากไฟล์เดียว",
        "Real progress, news, rules and music on the loading screen, from one settings file.",
    ),
    th="""
ความประทับใจแรกของเซิร์ฟเวอร์ แถบโหลดบอกขั้นตอนจริง ไม่ใช่วิ่งวนไปเรื่อย
ระหว่างรอผู้เล่นอ่านข่าวและกฎได้ครบ

## ใส่อะไรได้บ้าง

- วิดีโอหรือชุดภาพพื้นหลังที่เฟดนุ่ม
- ข่าวสาร กฎ และทีมงานเป็นแท็บ
- เครื่องเล่นเพลงพร้อมจำระดับเสียง

## ปรับง่าย

แก้ไฟล์เดียวได้ทั้งสี ข้อความ ภาพ และเพลง รองรับสองภาษา
ไฟล์รวมเล็กกว่า 400 KB ไม่นับสื่อของคุณ เข้าเกมไม่ช้าลง
""",
    en="""
The first impression of a server. The bar shows real steps instead of spinning for ever, and there
is something to read while waiting.

## What goes on it

- Video or pictures with a soft fade
- News, rules and staff in tabs
- A music player that remembers the volume

## Simple to change

Colours, text, pictures and music live in one file, in two languages. Under 400 KB without your own
media, so nobody joins later.
""",
    features=(
        ("แถบความคืบหน้าจริง", "Real progress"),
        ("ข่าวและกฎแบบแท็บ", "News and rules in tabs"),
        ("เครื่องเล่นเพลง", "Music player"),
        ("สองภาษาไทยและอังกฤษ", "Thai and English"),
    ),
    tags="loading screen ui",
    frameworks="standalone",
    needs="",
    cost_us=0,
    delivery="open_source",
    variants=tiers(290, 490),
    releases=(
        release("1.8.0", 28, "รองรับวิดีโอพื้นหลัง", "Video backgrounds."),
        release("1.7.1", 84, "แก้เพลงไม่หยุดหลังเข้าเกม", "Music stops on entry."),
    ),
    days_ago=360,
    sold=456,
)  # fmt: skip

CREATOR = product(
    "qr-creator",
    "creator",
    "screens",
    kind="ui",
    name=("QR Creator สร้างตัวละคร", "QR Creator"),
    summary=(
        "สร้างหน้าตาละเอียดทุกสัดส่วน กล้องอิสระ แสงสตูดิโอ และย้อนกลับได้ทุกขั้น",
        "Shape every feature under studio light, with a free camera and undo at each step.",
    ),
    th="""
ผู้เล่นใช้เวลากับหน้านี้นานที่สุดในวันแรก เราจึงทำให้มันสวยและย้อนกลับได้เสมอ
แสงสตูดิโอสามแบบช่วยให้เห็นหน้าจริงก่อนเข้าเมือง

## เครื่องมือ

- ปรับโครงหน้า 20 จุดด้วยการลากบนใบหน้าโดยตรง
- ทรงผม รอยสัก และแต่งหน้าพร้อมภาพตัวอย่าง
- ย้อนกลับ ทำซ้ำ และบันทึกแบบร่างได้

## รุ่นพิเศษจำนวนจำกัด

รวมบริการทำฉากสตูดิโอให้เข้ากับธีมเซิร์ฟเวอร์ของคุณ
เรารับทำเพียง **3 เซิร์ฟเวอร์ต่อเดือน** เท่านั้น
""",
    en="""
On their first day players spend the longest time here, so we made it beautiful and forgiving.
Three studio lights show the true face before it meets the city.

## Tools

- Twenty facial points, dragged on the face itself
- Hair, tattoos and make-up with previews
- Undo, redo and saved drafts

## Limited edition

It includes a studio scene made for the theme of your server, and we take **three servers a month**
only.
""",
    features=(
        ("ลากปรับบนใบหน้าโดยตรง", "Drag on the face itself"),
        ("แสงสตูดิโอ 3 แบบ", "Three studio lights"),
        ("ย้อนกลับและทำซ้ำ", "Undo and redo"),
        ("รองรับ illenium-appearance", "Works with illenium-appearance"),
        ("ฉากสตูดิโอเฉพาะเซิร์ฟเวอร์", "A studio scene of your own"),
    ),
    tags="character creator appearance ui",
    cost_us=0,
    variants=tiers(1290, stock=3),
    releases=(
        release("1.1.0", 16, "เพิ่มแบบร่าง", "Adds drafts."),
        release("1.0.2", 43, "แก้สีคิ้วไม่ถูกบันทึก", "Eyebrow colour is saved."),
    ),
    days_ago=60,
    sold=29,
)  # fmt: skip

MULTICHAR = product(
    "qr-multichar",
    "multichar",
    "screens",
    kind="ui",
    name=("QR Multichar เลือกตัวละคร", "QR Multichar"),
    summary=(
        "ฉากเลือกตัวละครแบบภาพยนตร์ ท่าทางตามอาชีพ และเลือกจุดเกิดบนแผนที่",
        "A cinematic character line-up with poses by job and spawn choice on the map.",
    ),
    th="""
เปลี่ยนหน้าเลือกตัวละครให้เป็นฉากเปิดเรื่อง ตัวละครยืนในสถานที่จริงของเมือง
พร้อมท่าทางที่บอกอาชีพและฐานะ

## รายละเอียด

- ฉาก 5 แห่ง เลือกตามเวลาหรือสุ่ม
- ข้อมูลย่อ เงิน อาชีพ และเวลาที่เล่น
- เลือกจุดเกิด บ้าน โรงพยาบาล หรือจุดล่าสุด

## สถานะสินค้า

เรากำลังเขียนฉากใหม่ให้รองรับแผนที่รุ่นถัดไป จึง **หยุดขายชั่วคราว**
ลูกค้าเดิมได้อัปเดตฟรีตามปกติ
""",
    en="""
Turn the character menu into an opening scene. Characters stand in real places of the city, in
poses that tell of their job and fortune.

## Details

- Five scenes, by hour or at random
- A summary with money, job and time played
- Spawn at home, at the hospital or where you left

## Availability

We are rebuilding the scenes for the next map version, so **sales are paused**. Existing customers
get the update free, as always.
""",
    features=(
        ("ฉากภาพยนตร์ 5 แห่ง", "Five cinematic scenes"),
        ("ท่าทางตามอาชีพ", "Poses by job"),
        ("เลือกจุดเกิดบนแผนที่", "Spawn choice on the map"),
        ("จำกัดจำนวนช่องตามยศ Discord", "Slots by Discord role"),
    ),
    tags="multicharacter spawn ui",
    cost_us=0,
    variants=tiers(690, 1190, stock=0),
    releases=(
        release("1.6.3", 49, "แก้กล้องทะลุผนัง", "The camera stays out of walls."),
        release("1.6.0", 130, "เพิ่มฉากชายหาด", "Adds the beach scene."),
    ),
    days_ago=255,
    sold=198,
)  # fmt: skip

UI_SCREENS = (INVENTORY, LOADING, CREATOR, MULTICHAR)
