"""Interface pieces seen while playing."""

from __future__ import annotations

from .build import product, release, tiers

ALL = "esx qbcore qbox standalone"

HUD = product(
    "qr-hud",
    "hud",
    "hud",
    kind="ui",
    name=("QR HUD หน้าปัดและสถานะ", "QR HUD"),
    summary=(
        "HUD ที่ผู้เล่นลากวางเองได้ทุกชิ้น 6 แบบมาตรวัด เบาเพียง 0.01 ms ขณะขับรถ",
        "Every piece can be dragged by the player; six gauges, 0.01 ms while driving.",
    ),
    th="""
HUD ที่อยู่ตรงไหนก็ได้ที่ผู้เล่นอยากให้อยู่ ลากวาง ย่อขยาย และเปลี่ยนสีเองในเกม
ค่าถูกจำไว้ต่อคน ไม่ต้องตั้งใหม่เมื่อเปลี่ยนตัวละคร

## ชุดมาตรวัด

- มาตรความเร็ว 6 แบบ สำหรับรถ เรือ และเครื่องบิน
- สถานะเลือด เกราะ หิว น้ำ เครียด และออกซิเจน
- เข็มขัดนิรภัย ไนตรัส และเกียร์แมนนวล

## เบาจริง

ส่งข้อมูลเฉพาะเมื่อค่าเปลี่ยน ไม่วนทุกเฟรม
ซ่อนเองเมื่อเปิดเมนูหรือโหมดถ่ายรูป และมีโหมดภาพยนตร์ในปุ่มเดียว
""",
    en="""
A HUD that sits wherever the player wants: drag, scale and recolour every piece in game. Settings
belong to the person and survive a change of character.

## Gauges

- Six speedometers for cars, boats and aircraft
- Health, armour, hunger, thirst, stress and oxygen
- Seat belt, nitrous and manual gears

## Truly light

Data is sent when a value changes, not on every frame. It hides by itself behind menus and the
camera, and cinema mode is one key away.
""",
    features=(
        ("ลากวางและย่อขยายได้ทุกชิ้น", "Drag and scale every piece"),
        ("มาตรวัด 6 แบบ", "Six gauges"),
        ("โหมดภาพยนตร์", "Cinema mode"),
        ("จำค่าต่อผู้เล่น", "Settings per player"),
        ("0.01 ms ขณะขับรถ", "0.01 ms while driving"),
    ),
    tags="hud speedometer status ui",
    frameworks=ALL,
    needs="ox_lib",
    cost_us=10,
    variants=tiers(490, 890, was=690, studio_was=1190),
    releases=(
        release("3.4.0", 5, "เพิ่มมาตรวัดเครื่องบิน", "Adds the aircraft gauge."),
        release("3.3.1", 40, "แก้ HUD ซ้อนบนจอ 21:9", "Fixes overlap on 21:9 screens."),
    ),
    featured=True,
    days_ago=290,
    sold=587,
)  # fmt: skip

MINIMAP = product(
    "qr-minimap",
    "minimap",
    "hud",
    kind="ui",
    name=("QR Minimap แผนที่และเข็มทิศ", "QR Minimap"),
    summary=(
        "แผนที่โทนมืดคมชัด ชื่อถนนภาษาไทย เข็มทิศ และกรอบมินิแมปทรงเหลี่ยมหรือวงกลม",
        "A crisp dark map, Thai street names, a compass and square or round frames.",
    ),
    th="""
แผนที่ที่อ่านออกในพริบตา เราวาดไทล์ใหม่ทั้งเกาะในโทนมืด
ถนนหลักเด่น ถนนรองไม่รก และชื่อย่านเป็นภาษาไทย

## ในชุดนี้มี

- ไทล์แผนที่ความละเอียดสูงสองโทน
- กรอบมินิแมปวงกลมและเหลี่ยมตัดมุม
- เข็มทิศพร้อมชื่อถนนและหลักเลขที่บ้าน

## ใช้ร่วมกับของเดิม

สตรีมไฟล์อย่างเดียว ไม่แตะสคริปต์อื่น เปิดปิดแต่ละส่วนได้จากไฟล์ตั้งค่า
ทำงานคู่กับ QR HUD โดยจัดตำแหน่งให้อัตโนมัติ
""",
    en="""
A map that is read at a glance. We redrew the whole island in a dark tone: main roads stand out,
side streets keep quiet, and districts carry Thai names.

## In the package

- High-resolution map tiles in two tones
- Round and cut-corner minimap frames
- A compass with street names and postal numbers

## Plays along

It streams files only and touches no other script; each part has a switch. With QR HUD it finds its
place by itself.
""",
    features=(
        ("ไทล์แผนที่ 2 โทน", "Map tiles in two tones"),
        ("ชื่อย่านภาษาไทย", "Thai district names"),
        ("เข็มทิศและเลขที่บ้าน", "Compass and postals"),
        ("กรอบวงกลมและเหลี่ยม", "Round and angular frames"),
    ),
    tags="map minimap compass ui",
    frameworks=ALL,
    needs="",
    cost_us=0,
    delivery="open_source",
    variants=tiers(390, 690),
    releases=(
        release("1.3.0", 47, "เพิ่มโทนกลางคืน", "Adds the night tone."),
        release("1.2.1", 102, "แก้รอยต่อไทล์ตอนเหนือ", "Fixes tile seams in the north."),
    ),
    days_ago=200,
    sold=271,
)  # fmt: skip

NOTIFY = product(
    "qr-notify",
    "notify",
    "menus",
    kind="ui",
    name=("QR Notify แจ้งเตือนและแถบทำงาน", "QR Notify"),
    summary=(
        "แจ้งเตือน แถบความคืบหน้า และข้อความช่วยเหลือในหน้าตาเดียวกันทั้งเซิร์ฟเวอร์",
        "Notifications, progress bars and help text in one look for the whole server.",
    ),
    th="""
เปลี่ยนแจ้งเตือนทั้งเซิร์ฟเวอร์ให้เป็นหน้าตาเดียวกันโดยไม่ต้องแก้สคริปต์ทีละตัว
รับคำสั่งของ ESX, QBCore และ ox_lib แล้วแสดงผลแบบเดียวกัน

## มีอะไรบ้าง

- แจ้งเตือน 5 ระดับ พร้อมเสียงและการรวมข้อความซ้ำ
- แถบความคืบหน้าแบบเส้นและวงกลม
- ข้อความช่วยเหลือและกล่องยืนยัน

## ใส่ใจรายละเอียด

ตัวหนังสือไทยไม่โดนตัดหัว อ่านออกบนพื้นสว่าง และลดการเคลื่อนไหวได้
ตำแหน่งตั้งได้เก้าจุด ผู้เล่นเลือกเองได้
""",
    en="""
Give every notification on the server one look without editing scripts one by one: calls meant for
ESX, QBCore and ox_lib all arrive here.

## What is inside

- Five levels with sound, and repeats folded into one
- Progress as a line or a ring
- Help text and confirm boxes

## Details we care about

Thai is never clipped, text reads well on bright scenes, and motion can be reduced. Nine positions,
chosen by the player.
""",
    features=(
        ("แทนที่แจ้งเตือนเดิมอัตโนมัติ", "Replaces existing notifications"),
        ("รวมข้อความซ้ำ", "Folds repeats"),
        ("แถบความคืบหน้า 2 แบบ", "Two progress styles"),
        ("ลดการเคลื่อนไหวได้", "Reduced motion"),
    ),
    tags="notify progress ui",
    frameworks=ALL,
    needs="",
    cost_us=0,
    delivery="open_source",
    variants=tiers(250, 450),
    releases=(
        release("2.0.1", 21, "แก้เสียงซ้อนกัน", "No overlapping sounds."),
        release("2.0.0", 58, "ดีไซน์ใหม่ทั้งหมด", "New design."),
    ),
    days_ago=320,
    sold=498,
)  # fmt: skip

RADIAL = product(
    "qr-radial",
    "radial",
    "menus",
    kind="ui",
    name=("QR Radial เมนูวงล้อ", "QR Radial"),
    summary=(
        "เมนูวงล้อที่เปลี่ยนตามบริบท รู้ว่าอยู่ในรถ ใกล้ผู้เล่น หรือเข้าเวร แล้วแสดงเฉพาะที่ใช้ได้",
        "A wheel that knows where you are and shows only what you can do.",
    ),
    th="""
กดปุ่มเดียว เลือกด้วยทิศทางเมาส์ ปล่อยปุ่มแล้วคำสั่งทำงาน
คนที่ใช้คล่องแล้วแทบไม่ต้องมองหน้าจอ

## ฉลาดตามบริบท

- ในรถมีประตู ไฟ และเข็มขัด นอกรถมีท่าทางและไอเทมด่วน
- อาชีพที่เข้าเวรเห็นเครื่องมือของตัวเอง
- ผู้เล่นปักคำสั่งโปรดไว้ที่ตำแหน่งเดิมเสมอ

## เพิ่มเมนูเอง

ลงทะเบียนรายการใหม่ด้วย export เดียว มีเงื่อนไข ไอคอน และเมนูย่อยได้ไม่จำกัดชั้น
เปลี่ยนสีทั้งชุดจากไฟล์ตั้งค่าบรรทัดเดียว
""",
    en="""
Hold a key, point, let go. Those who know it hardly look at the screen any more.

## Aware of the situation

- In a car: doors, lights, belt. On foot: emotes and quick items
- Jobs on duty see their own tools
- Favourites stay in the same place, so hands remember them

## Make it yours

Register an entry with one export, with conditions, icons and sub-menus to any depth. One line in
the settings recolours the whole wheel.
""",
    features=(
        ("เปลี่ยนตามบริบท", "Context aware"),
        ("ปักคำสั่งโปรด", "Pinned favourites"),
        ("เมนูย่อยไม่จำกัดชั้น", "Nested menus"),
        ("รองรับจอยสติ๊ก", "Works with a controller"),
    ),
    tags="radial menu interaction ui",
    frameworks=ALL,
    needs="ox_lib",
    cost_us=0,
    variants=tiers(350, 650),
    releases=(
        release("1.5.2", 24, "แก้โฟกัสค้างหลังปิดเมนู", "Focus is always given back."),
        release("1.5.0", 71, "รองรับจอยสติ๊ก", "Controller support."),
    ),
    days_ago=185,
    sold=233,
)  # fmt: skip

SCOREBOARD = product(
    "qr-scoreboard",
    "scoreboard",
    "menus",
    kind="ui",
    name=("QR Scoreboard รายชื่อผู้เล่น", "QR Scoreboard"),
    summary=(
        "รายชื่อผู้เล่นที่ค้นหาได้ นับหน่วยที่เข้าเวร และสถานะงานปล้นที่เปิดอยู่",
        "A searchable player list with units on duty and open heists.",
    ),
    th="""
หน้ารวมที่ตอบคำถามประจำวันของผู้เล่น ตำรวจกี่นาย หมอกี่คน ปล้นได้ไหม
เปิดด้วยปุ่มเดียวและปิดเองเมื่อปล่อย

## แสดงอะไรได้บ้าง

- จำนวนเจ้าหน้าที่ต่ออาชีพ และงานที่เปิดตามจำนวนนั้น
- ไอดีลอยเหนือหัวขณะกดค้าง
- ค้นหาและจัดกลุ่มผู้เล่นได้

## รักษาบทบาท

ซ่อนชื่อจริงและแสดงเฉพาะไอดีได้ หรือให้เห็นเต็มเฉพาะทีมงาน
ทุกคอลัมน์เปิดปิดได้จากไฟล์ตั้งค่า
""",
    en="""
One view for the daily questions: how many officers, how many medics, is the bank open? It appears
on a key and goes when you let go.

## What it shows

- Staff per job, and the activities their number allows
- Ids above heads while the key is held
- Search and groups

## Keeps role-play intact

Hide names and show ids only, or let staff alone see everything. Each column has a switch.
""",
    features=(
        ("นับหน่วยที่เข้าเวร", "Units on duty"),
        ("สถานะงานปล้น", "Heist availability"),
        ("ค้นหาผู้เล่น", "Player search"),
        ("โหมดซ่อนชื่อ", "Hidden names"),
    ),
    tags="scoreboard players ui",
    frameworks=ALL,
    needs="",
    cost_us=0,
    delivery="open_source",
    variants=tiers(290, 490),
    releases=(
        release("1.4.1", 36, "เรียงตามอาชีพได้", "Sort by job."),
        release("1.4.0", 95, "เพิ่มสถานะงานปล้น", "Adds heist status."),
    ),
    days_ago=245,
    sold=302,
)  # fmt: skip

UI_HUD = (HUD, MINIMAP, NOTIFY, RADIAL, SCOREBOARD)
