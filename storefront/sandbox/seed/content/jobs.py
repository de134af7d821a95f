"""Jobs and gathering."""

from __future__ import annotations

from .build import product, release, tiers

FISHING = product(
    "qr-fishing",
    "fishing",
    "jobs",
    name=("QR Fishing ตกปลาและประมง", "QR Fishing"),
    summary=(
        "ปลา 42 ชนิด เหยื่อและน้ำต่างกัน มินิเกมสู้ปลา และการแข่งขันตกปลาประจำสัปดาห์",
        "42 fish, baits and waters that matter, a fight mini-game and weekly contests.",
    ),
    th="""
งานพักผ่อนที่ผู้เล่นทำได้จริงเป็นชั่วโมง ปลาแต่ละชนิดออกตามเวลา สภาพอากาศ และความลึก
ยิ่งเข้าใจธรรมชาติยิ่งได้ปลาหายาก

## เล่นอย่างไร

- เลือกคัน รอก และเหยื่อให้เหมาะกับแหล่งน้ำ
- สู้ปลาด้วยมินิเกมแรงตึงสาย ไม่ใช่กดปุ่มรัว
- ปลาตัวใหญ่สุดของสัปดาห์ขึ้นกระดานที่ท่าเรือ

## ระบบต้านบอต

จุดตกปลาแห้งลงเมื่อใช้ซ้ำและฟื้นตามเวลา รายได้จึงกระจายไปทั้งเมือง
แอดมินกำหนดราคารับซื้อให้แกว่งตามปริมาณปลาในตลาดได้
""",
    en="""
A calm job that stays interesting for hours. Every fish has its time, weather and depth, and those
who learn the waters land the rare ones.

## How it plays

- Choose rod, reel and bait for the water in front of you
- Fight the fish by line tension, not by mashing a key
- The biggest catch of the week goes on the board at the pier

## Made against bots

Spots run dry when used again and again and recover with time, so income spreads over the map. The
buying price can move with the amount of fish on the market.
""",
    features=(
        ("ปลา 42 ชนิดตามฤดูและเวลา", "42 fish by season and hour"),
        ("มินิเกมแรงตึงสาย", "Line tension mini-game"),
        ("แข่งขันรายสัปดาห์อัตโนมัติ", "Automatic weekly contests"),
        ("ราคาตลาดที่แกว่งตามจริง", "Prices that follow supply"),
        ("เรือประมงและอวน", "Trawlers and nets"),
    ),
    tags="fishing job leisure",
    cost_us=0,
    variants=tiers(590, 1090, was=790),
    releases=(
        release("1.7.0", 20, "เพิ่มปลาน้ำลึก 8 ชนิด", "Adds eight deep-water fish."),
        release("1.6.2", 66, "ปรับความยากของมินิเกม", "Tunes the mini-game."),
    ),
    days_ago=205,
    sold=318,
)  # fmt: skip

FARMING = product(
    "qr-farming",
    "farming",
    "jobs",
    name=("QR Farming ไร่และฟาร์ม", "QR Farming"),
    summary=(
        "ปลูก รดน้ำ เก็บเกี่ยว และแปรรูปผลผลิต แปลงเป็นของผู้เล่น พืชโตต่อแม้ออฟไลน์",
        "Plant, water, harvest and process. Plots belong to players and grow while they sleep.",
    ),
    th="""
ฟาร์มที่พืชโตตามเวลาจริง ผู้เล่นกลับเข้ามาแล้วเห็นผลของสิ่งที่ปลูกไว้
ดิน น้ำ และปุ๋ยมีผลต่อคุณภาพ และคุณภาพมีผลต่อราคา

## วงจรการทำฟาร์ม

- เตรียมดินด้วยรถไถหรือจอบ เลือกพืช 16 ชนิด
- ดูแลน้ำ ศัตรูพืช และปุ๋ย
- ขายสด หรือแปรรูปเป็นแป้ง น้ำผลไม้ และเครื่องดื่ม

## ไม่กินเครื่อง

ไม่มีการวนลูปทุกแปลงบนเซิร์ฟเวอร์ การเติบโตคำนวณจากเวลาเมื่อมีคนเข้าใกล้เท่านั้น
ทดสอบที่ 4,000 แปลงพร้อมกันแล้ว
""",
    en="""
Crops grow in real time, so players come back to see what became of them. Soil, water and
fertiliser decide the quality, and quality decides the price.

## The cycle

- Prepare the soil by tractor or hoe and choose from 16 crops
- Mind water, pests and nutrients
- Sell fresh, or process into flour, juice and drinks

## Light on the server

Nothing loops over every plot: growth is worked out from the clock when somebody comes near. Tested
with 4,000 plots at the same time.
""",
    features=(
        ("พืช 16 ชนิดพร้อมสูตรแปรรูป", "16 crops with processing recipes"),
        ("แปลงส่วนตัวและแปลงเช่า", "Owned and rented plots"),
        ("เติบโตต่อเมื่อออฟไลน์", "Grows while players are away"),
        ("รองรับ 4,000 แปลง", "4,000 plots tested"),
    ),
    tags="farming job crops processing",
    cost_us=0,
    variants=tiers(690, 1290),
    releases=(
        release("1.3.1", 25, "แก้น้ำหนักผลผลิตใน ox_inventory", "Correct weights in ox_inventory."),
        release("1.3.0", 48, "เพิ่มโรงเรือนและพืชฤดูหนาว", "Adds greenhouses and winter crops."),
    ),
    days_ago=175,
    sold=194,
)  # fmt: skip

CRAFTING = product(
    "qr-crafting",
    "crafting",
    "jobs",
    name=("QR Crafting โต๊ะคราฟต์", "QR Crafting"),
    summary=(
        "โต๊ะคราฟต์ไม่จำกัดจำนวน ต้นไม้ทักษะ พิมพ์เขียว และคิวผลิตที่ทำงานต่อเมื่อผู้เล่นไม่อยู่",
        "Unlimited benches, skill trees, blueprints and queues that keep working offline.",
    ),
    th="""
สร้างสายการผลิตทั้งเมืองจากหน้าแก้ไขในเกม เพิ่มโต๊ะ เพิ่มสูตร และผูกกับอาชีพได้
โดยไม่ต้องรีสตาร์ตแม้แต่ครั้งเดียว

## สิ่งที่ทำได้

- ต้นไม้ทักษะแยกสาย ยิ่งทำยิ่งเร็วและเสียของน้อยลง
- พิมพ์เขียวเป็นไอเทม ซื้อขายหรือหาจากภารกิจ
- คิวผลิตทำงานต่อ กลับมาเก็บของได้ภายหลัง

## คุมสมดุลได้

หน้าสรุปบอกว่าไอเทมแต่ละชิ้นถูกผลิตกี่ชิ้นต่อวันและใช้วัตถุดิบอะไรไปเท่าไร
ปรับสูตรให้พอดีได้จากข้อมูลจริง ไม่ต้องเดา
""",
    en="""
Build the production chains of a whole city in the in-game editor. Add benches and recipes and tie
them to jobs without a single restart.

## What it can do

- Separate skill trees: practice makes faster and wastes less
- Blueprints as items, traded or found on missions
- Queues that go on working, to be collected later

## Balance with numbers

A summary shows how many of each item were made per day and what went into them, so you tune
recipes from data instead of guesswork.
""",
    features=(
        ("แก้ไขสูตรในเกม", "In-game recipe editor"),
        ("ต้นไม้ทักษะหลายสาย", "Several skill trees"),
        ("พิมพ์เขียวแบบไอเทม", "Blueprint items"),
        ("คิวผลิตแบบออฟไลน์", "Offline queues"),
        ("สถิติการผลิตรายวัน", "Daily production figures"),
    ),
    tags="crafting skills blueprint production",
    cost_us=10,
    variants=tiers(750, 1390),
    releases=(
        release("2.0.0", 31, "เพิ่มคิวผลิตแบบออฟไลน์", "Adds offline queues."),
        release("1.9.4", 99, "แสดงวัตถุดิบที่ขาดชัดขึ้น", "Missing materials are easier to see."),
    ),
    days_ago=260,
    sold=229,
)  # fmt: skip

COURIER = product(
    "qr-courier",
    "courier",
    "jobs",
    name=("QR Courier งานส่งพัสดุ", "QR Courier"),
    summary=(
        "งานส่งของที่เส้นทางไม่ซ้ำ พัสดุแตกหักได้ และบริษัทขนส่งที่ผู้เล่นร่วมหุ้น เร็ว ๆ นี้",
        "Deliveries with fresh routes, fragile parcels and player-owned firms. Coming soon.",
    ),
    th="""
เรากำลังทำงานส่งพัสดุที่ไม่ใช่แค่ขับจากจุดหนึ่งไปอีกจุดหนึ่ง
เส้นทางคำนวณใหม่ทุกกะ พัสดุมีน้ำหนักและแตกหักได้ ขับแรงไปของพัง เงินก็หาย

## แผนที่วางไว้

- บริษัทขนส่งที่ผู้เล่นร่วมหุ้นและแบ่งกำไร
- จัดของขึ้นรถจริงแบบสามมิติ วางผิดของล้ม
- ลูกค้าให้คะแนน ส่งผลต่องานกะถัดไป

## กำหนดการ

ตอนนี้ทดสอบอยู่บนเซิร์ฟเวอร์พันธมิตรสองแห่ง กดแจ้งเตือนไว้เพื่อรับราคาเปิดตัว
""",
    en="""
We are building a delivery job that is more than driving from A to B. Routes are new every shift,
parcels have weight and break: drive hard and the money goes with the porcelain.

## What is planned

- Delivery firms that players own together, sharing the profit
- Loading the van by hand in 3D, where bad stacking falls over
- Customer ratings that decide the next shift

## When

It is being tested on two partner servers now. Switch on the reminder to get the launch price.
""",
    features=(
        ("เส้นทางใหม่ทุกกะ", "New routes every shift"),
        ("พัสดุแตกหักตามการขับ", "Parcels that break"),
        ("บริษัทขนส่งของผู้เล่น", "Player-owned firms"),
        ("คะแนนจากลูกค้า", "Customer ratings"),
    ),
    tags="courier delivery job",
    cost_us=10,
    docs=False,
    variants=tiers(690, 1290),
    releases=(release("0.9.0-beta.2", 3, "รุ่นทดสอบภายใน", "Closed test.", "beta"),),
    status="coming_soon",
    days_ago=3,
)  # fmt: skip

MINING = product(
    "qr-mining",
    "mining",
    "jobs",
    name=("QR Mining เหมืองแร่", "QR Mining"),
    summary=(
        "เหมืองใต้ดินที่ขุดลึกลงเรื่อย ๆ แร่ 11 ชนิด และโรงหลอมที่ต้องทำงานเป็นทีม",
        "A mine that goes deeper, eleven ores and a smelter that takes a team.",
    ),
    th="""
งานเหมืองแบบทีม คนหนึ่งสำรวจ คนหนึ่งขุด คนหนึ่งขนแร่ขึ้นมา
ยิ่งลึกแร่ยิ่งดี แต่ต้องค้ำผนังและดูระดับอากาศ

## โครงร่างตอนนี้

- แร่ 11 ชนิด กระจายตามความลึก
- โรงหลอมที่คุมอุณหภูมิด้วยมือ
- เครื่องมือสึกหรอและซ่อมได้

## สถานะ

ฉบับร่างภายใน ยังไม่เปิดให้ซื้อ รายละเอียดอาจเปลี่ยนก่อนวางขาย
""",
    en="""
Mining as a team: one surveys, one digs, one hauls the ore to the surface. Deeper means richer, but
walls need props and the air has to be watched.

## The outline so far

- Eleven ores by depth
- A smelter whose heat is controlled by hand
- Tools that wear and can be repaired

## Status

An internal draft, not for sale yet; details may change before launch.
""",
    features=(
        ("แร่ 11 ชนิด", "Eleven ores"),
        ("โรงหลอมคุมด้วยมือ", "Hand-controlled smelter"),
        ("งานทีม 3 ตำแหน่ง", "Three roles per team"),
        ("เครื่องมือสึกหรอ", "Tools that wear"),
    ),
    tags="mining job ore",
    docs=False,
    variants=tiers(650),
    releases=(release("0.4.0-beta.1", 2, "โครงร่างแรก", "First outline.", "beta"),),
    status="draft",
    days_ago=2,
)  # fmt: skip

JOBS = (FISHING, FARMING, CRAFTING, COURIER, MINING)
