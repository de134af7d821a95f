"""Bundles: several products at one price."""

from __future__ import annotations

from .build import product, release, tiers

STARTER = product(
    "qr-starter-city",
    "starter-city",
    "bundles",
    kind="bundle",
    name=("Starter City ชุดเปิดเมือง", "Starter City Bundle"),
    summary=(
        "หกระบบหลักที่เมืองเปิดใหม่ต้องมี จูนให้เข้าชุดกันแล้ว เปิดเซิร์ฟเวอร์ได้ภายในสุดสัปดาห์",
        "The six systems a new city needs, tuned to each other. Open within a weekend.",
    ),
    th="""
ถ้าคุณกำลังจะเปิดเมืองใหม่ เริ่มจากชุดนี้ เราเลือกระบบที่ผู้เล่นใช้ทุกวัน
แล้วตั้งค่าเศรษฐกิจให้พอดีกันตั้งแต่ชั่วโมงแรก

## ในชุดมีอะไร

- โรงรถ ธนาคาร และร้านค้า สำหรับเศรษฐกิจพื้นฐาน
- HUD และแจ้งเตือนหน้าตาเดียวกัน
- แผงแอดมินสำหรับทีมงาน

## ทำไมต้องซื้อเป็นชุด

ประหยัดกว่าซื้อแยกราวหนึ่งในสี่ และได้ไฟล์ราคาสินค้า ค่าจ้าง และค่าปรับ
ที่เราใช้จริงบนเซิร์ฟเวอร์ทดสอบ ปรับต่อได้ทั้งหมด
""",
    en="""
Opening a new city? Start here. We chose what players use every day and set the economy so that it
holds from the first hour.

## What is inside

- Garage, banking and shops as the economic ground
- HUD and notifications in one look
- The admin panel for your staff

## Why a bundle

It costs about a quarter less than the parts, and it comes with the prices, wages and fines from
our own test server, all yours to adjust.
""",
    features=(
        ("6 ระบบหลักสำหรับเมืองใหม่", "Six core systems for a new city"),
        ("ค่าเศรษฐกิจสำเร็จรูป", "Ready-made economy settings"),
        ("ประหยัดกว่าซื้อแยกราว 25%", "About 25% less than single prices"),
        ("คู่มือเปิดเซิร์ฟเวอร์ภาษาไทย", "A step-by-step opening guide"),
    ),
    tags="bundle starter economy",
    cost_us=50,
    variants=tiers(3190, 4990, was=4300),
    releases=(release("1.3.0", 10, "ปรับค่าเศรษฐกิจรอบใหม่", "New economy settings."),),
    contains=("qr-garage", "qr-banking", "qr-shops", "qr-hud", "qr-notify", "qr-admin"),
    featured=True,
    days_ago=120,
    sold=143,
)  # fmt: skip

POLICE = product(
    "qr-police-pack",
    "police-pack",
    "bundles",
    kind="bundle",
    name=("Police Pack ชุดสถานีตำรวจ", "Police Pack"),
    summary=(
        "MDT ศูนย์แจ้งเหตุ แพทย์ฉุกเฉิน และเมนูวงล้อ ทำงานร่วมกันตั้งแต่รับสายจนปิดคดี",
        "MDT, dispatch, EMS and radial menu, working as one from the call to the closed case.",
    ),
    th="""
หน่วยฉุกเฉินทั้งเมืองในชุดเดียว สายแจ้งเหตุกลายเป็นงาน งานกลายเป็นคดี
และผู้บาดเจ็บมีเวชระเบียนที่ตำรวจขอดูได้ตามสิทธิ์

## ในชุดมีอะไร

- แท็บเล็ต MDT และศูนย์แจ้งเหตุที่เชื่อมกันสนิท
- ระบบแพทย์ฉุกเฉินเต็มรูปแบบ
- เมนูวงล้อพร้อมคำสั่งตำรวจและแพทย์

## เหมาะกับ

เซิร์ฟเวอร์ที่อยากให้สองอาชีพนี้เป็นหัวใจของเมือง ไม่ใช่แค่ตำแหน่งสำรอง
""",
    en="""
All emergency services in one set. A call becomes a job, a job becomes a case, and the injured have
records the police may see when they are allowed to.

## What is inside

- The MDT tablet and the dispatch desk, closely linked
- The complete medical system
- A radial menu with police and medic commands ready

## Made for

Servers where these two services are to be the heart of the city rather than spare roles.
""",
    features=(
        ("4 ระบบทำงานร่วมกัน", "Four systems that work together"),
        ("เปิดคดีจากสายแจ้งเหตุ", "Cases from calls"),
        ("เมนูวงล้อสำเร็จรูป", "Ready-made radial menus"),
        ("ประหยัดกว่าซื้อแยก 21%", "21% less than single prices"),
    ),
    tags="bundle police ems",
    cost_us=50,
    variants=tiers(3190, 4990),
    releases=(release("1.1.0", 8, "รวม MDT 3.1", "Includes MDT 3.1."),),
    contains=("qr-mdt", "qr-dispatch", "qr-ems", "qr-radial"),
    days_ago=95,
    sold=88,
)  # fmt: skip

UI = product(
    "qr-ui-pack",
    "ui-pack",
    "bundles",
    kind="bundle",
    name=("UI Pack ชุดหน้าตาครบเซ็ต", "Complete UI Pack"),
    summary=(
        "เปลี่ยนหน้าตาทั้งเซิร์ฟเวอร์ให้เป็นชุดเดียวกันใน 7 ชิ้น ตั้งสีครั้งเดียวเปลี่ยนทุกหน้าต่าง",
        "Seven pieces that give the whole server one face; set a colour once and all follow.",
    ),
    th="""
เซิร์ฟเวอร์ที่สวยคือเซิร์ฟเวอร์ที่ทุกหน้าต่างคุยภาษาเดียวกัน
ชุดนี้ใช้ไฟล์ธีมร่วมกัน เปลี่ยนสีหลักครั้งเดียว HUD เมนู และหน้าโหลดเปลี่ยนตามทั้งหมด

## ในชุดมีอะไร

- HUD มินิแมป และแจ้งเตือน
- เมนูวงล้อ รายชื่อผู้เล่น และหน้ากระเป๋า
- หน้าโหลดเข้าเกม

## ของแถม

ไฟล์ธีมสำเร็จรูป 8 โทน พร้อมไฟล์ต้นฉบับสำหรับทำโลโก้และภาพประชาสัมพันธ์
""",
    en="""
A handsome server is one whose windows all speak the same language. These pieces share one theme
file: change the main colour once, and HUD, menus and loading screen follow.

## What is inside

- HUD, minimap and notifications
- Radial menu, scoreboard and inventory
- The loading screen

## On top

Eight ready-made themes, and source files for logos and announcement pictures.
""",
    features=(
        ("7 ชิ้น ธีมเดียวกัน", "Seven pieces, one theme"),
        ("ธีมสำเร็จรูป 8 โทน", "Eight ready-made themes"),
        ("เปลี่ยนสีครั้งเดียวทั้งชุด", "One colour setting for all"),
        ("ประหยัดกว่าซื้อแยกราว 30%", "About 30% less than single prices"),
    ),
    tags="bundle ui theme",
    cost_us=20,
    variants=tiers(1990, 3490),
    releases=(release("2.0.0", 14, "ธีมร่วมรุ่นใหม่", "New shared theme."),),
    contains=(
        "qr-hud", "qr-minimap", "qr-notify", "qr-radial", "qr-scoreboard", "qr-inventory",
        "qr-loading",
    ),
    days_ago=110,
    sold=131,
)  # fmt: skip

JOB = product(
    "qr-job-pack",
    "job-pack",
    "bundles",
    kind="bundle",
    name=("Job Pack ชุดงานและอาชีพ", "Job Pack"),
    summary=(
        "ตกปลา ทำไร่ คราฟต์ และอู่ซ่อม สี่อาชีพที่ส่งต่อวัตถุดิบกันเป็นวงจรเศรษฐกิจ",
        "Fishing, farming, crafting and mechanics: four jobs that feed one another.",
    ),
    th="""
อาชีพจะอยู่ได้นานเมื่อต้องพึ่งพากัน ชุดนี้ผูกสี่งานเข้าด้วยกัน
ปลาและพืชผลเป็นวัตถุดิบ โต๊ะคราฟต์แปรรูป และอู่ต้องใช้ชิ้นส่วนที่ผู้เล่นผลิต

## ในชุดมีอะไร

- ตกปลาและทำไร่สำหรับมือใหม่
- คราฟต์และอู่ซ่อมสำหรับคนที่อยากลงทุน
- สูตรกลางกว่า 60 สูตรที่เชื่อมทั้งสี่ระบบ

## สมดุลมาแล้ว

รายได้ต่อชั่วโมงของทุกอาชีพอยู่ในช่วงเดียวกัน ปรับได้จากตารางเดียว
""",
    en="""
Jobs last when they need each other. This set ties four together: fish and crops are raw material,
benches refine it, and workshops depend on parts that players make.

## What is inside

- Fishing and farming for newcomers
- Crafting and mechanics for those who want to invest
- More than sixty shared recipes between the four

## Balanced

Hourly income lies in one range for all jobs and is adjusted in a single table.
""",
    features=(
        ("4 อาชีพเชื่อมกัน", "Four linked jobs"),
        ("สูตรกลางกว่า 60 สูตร", "More than 60 shared recipes"),
        ("ตารางรายได้เดียว", "One income table"),
        ("ประหยัดกว่าซื้อแยกราว 25%", "About 25% less than single prices"),
    ),
    tags="bundle jobs economy",
    cost_us=30,
    variants=tiers(2490, 4490),
    releases=(release("1.0.2", 20, "เพิ่มสูตรปลาน้ำลึก", "Adds deep-water recipes."),),
    contains=("qr-fishing", "qr-farming", "qr-crafting", "qr-mechanic"),
    days_ago=80,
    sold=74,
)  # fmt: skip

BUNDLES = (STARTER, POLICE, UI, JOB)
