"""Vehicles and racing."""

from __future__ import annotations

from .build import product, release, tiers

GARAGE = product(
    "qr-garage",
    "garage",
    "vehicles",
    name=("QR Garage ระบบโรงรถ", "QR Garage"),
    summary=(
        "เก็บรถ เบิกรถ ยึดรถ และแชร์กุญแจ ครบในหน้าต่างเดียวที่เปิดเร็วจนไม่ต้องรอ",
        "Store, fetch, impound and share vehicles from one window that opens instantly.",
    ),
    th="""
โรงรถคือระบบที่ผู้เล่นเปิดบ่อยที่สุดในเมือง เราจึงทำให้เปิดไวและพังยาก
สภาพรถ น้ำมัน และของแต่งถูกบันทึกทุกครั้งที่จอด รถไม่หายแม้เซิร์ฟเวอร์รีสตาร์ตกลางคัน

## ผู้เล่นได้อะไร

- ค้นหารถด้วยชื่อหรือป้ายทะเบียน พร้อมปักหมุดคันโปรดไว้บนสุด
- ยืมกุญแจให้เพื่อนหรือคนในแก๊งแบบกำหนดเวลา
- เห็นทันทีว่ารถอยู่โรงรถไหน ถูกยึด หรือยังวิ่งอยู่ในเมือง

## เจ้าของเซิร์ฟเวอร์ได้อะไร

- วางจุดโรงรถใหม่ในเกมด้วยคำสั่งเดียว ไม่ต้องแก้ไฟล์
- แยกโรงรถบก เรือ เครื่องบิน และโรงรถของแต่ละอาชีพได้
""",
    en="""
The garage is what players open most, so we made it quick to open and hard to break. Condition,
fuel and tuning are saved on every park, and no car vanishes when the server restarts halfway.

## For players

- Search by name or plate and pin favourites to the top
- Lend keys to a friend or a crew for a set time
- See at a glance whether a car is stored, impounded or still out in the city

## For owners

- Place new garages in game with one command, no files to edit
- Separate garages for land, sea, air and every job
""",
    features=(
        ("บันทึกสภาพรถ น้ำมัน และของแต่งครบ", "Saves condition, fuel and every modification"),
        ("แชร์กุญแจแบบมีวันหมดอายุ", "Shared keys with an expiry"),
        ("ลานยึดรถพร้อมค่าปรับตามระดับ", "Impound lot with graded fees"),
        ("สร้างจุดโรงรถในเกม", "In-game garage creator"),
        ("ย้ายข้อมูลจาก esx_garage และ qb-garages ได้", "Imports esx_garage and qb-garages data"),
    ),
    tags="garage vehicle impound keys",
    cost_us=10,
    variants=tiers(890, 1690, 190, was=1190, studio_was=2190),
    releases=(
        release("2.3.1", 6, "แก้รถซ้อนกันเมื่อเบิกพร้อมกันหลายคน", "No more stacked cars at the gate."),
        release("2.3.0", 34, "เพิ่มการแชร์กุญแจแบบกำหนดเวลา", "Adds time-limited key sharing."),
        release("2.2.0", 88, "รองรับ Qbox เต็มรูปแบบ", "Full Qbox support."),
    ),
    featured=True,
    days_ago=240,
    sold=412,
)  # fmt: skip

DEALERSHIP = product(
    "qr-dealership",
    "dealership",
    "vehicles",
    name=("QR Dealership โชว์รูมรถ", "QR Dealership"),
    summary=(
        "โชว์รูมที่ผู้เล่นบริหารเองได้ หมุนดูรถรอบคัน ทดลองขับ ผ่อนชำระ และจ้างพนักงานขาย",
        "A player-run showroom with turntable viewing, test drives, instalments and sales staff.",
    ),
    th="""
เปลี่ยนร้านขายรถธรรมดาให้เป็นธุรกิจจริง เจ้าของโชว์รูมตั้งราคา สั่งสต็อก และจ่ายค่าคอมให้เซลส์
ลูกค้าหมุนดูรถ เปลี่ยนสี และทดลองขับก่อนตัดสินใจ

## จุดเด่น

- ผ่อนชำระรายสัปดาห์ในเกม ค้างเกินกำหนดรถถูกยึดอัตโนมัติ
- สต็อกจริงต่อโชว์รูม รถหมดคือหมด ต้องสั่งเพิ่ม
- แคตตาล็อกแยกหมวด ค้นหาได้ แสดงสมรรถนะทุกคัน

## เหมาะกับใคร

เซิร์ฟเวอร์ที่อยากให้ราคารถมาจากผู้เล่น ไม่ใช่จากไฟล์ตั้งค่า
และทีมงานที่ไม่อยากนั่งเพิ่มรถทีละคัน เพราะนำเข้ารถทั้งโฟลเดอร์ได้ในครั้งเดียว
""",
    en="""
Turn a plain car shop into a real business. The owner sets prices, orders stock and pays
commission; customers spin the car, change its colour and take it for a drive first.

## Highlights

- Weekly in-game instalments, with repossession when payments stop
- Real stock per showroom: sold out means sold out until you order more
- A searchable catalogue with performance figures for every car

## Who it is for

Servers whose car prices should come from players, not from a configuration file, and teams tired
of adding cars one by one: a whole folder is imported in one go.
""",
    features=(
        ("โชว์รูมหลายแห่ง เจ้าของเป็นผู้เล่น", "Several showrooms, each owned by players"),
        ("ทดลองขับแบบจับเวลา", "Timed test drives"),
        ("ผ่อนชำระและยึดรถอัตโนมัติ", "Instalments with automatic repossession"),
        ("ค่าคอมมิชชันพนักงานขาย", "Sales commission for staff"),
        ("นำเข้ารถทั้งโฟลเดอร์", "Bulk import of vehicle folders"),
        ("บันทึกการขายส่งเข้า Discord", "Sales log to Discord"),
    ),
    tags="dealership vehicle shop business",
    cost_us=20,
    variants=tiers(1490, 2790, 290),
    releases=(
        release("1.6.0", 15, "เพิ่มระบบผ่อนรายสัปดาห์", "Adds weekly instalments."),
        release("1.5.2", 52, "โหลดโมเดลรถเร็วขึ้นเกือบเท่าตัว", "Previews load nearly twice as fast."),
    ),
    days_ago=190,
    sold=203,
)  # fmt: skip

MECHANIC = product(
    "qr-mechanic",
    "mechanic",
    "vehicles",
    name=("QR Mechanic อู่ซ่อมและแต่งรถ", "QR Mechanic"),
    summary=(
        "อู่ที่ช่างต้องลงมือจริง ตรวจอาการ ถอดเปลี่ยนอะไหล่ และออกใบเสนอราคาให้ลูกค้ากดยอมรับ",
        "Hands-on workshops: diagnose, swap parts and send the customer a quote to accept.",
    ),
    th="""
ไม่ใช่แค่กดปุ่มแล้วรถหาย ช่างต้องยกรถ ตรวจอาการ แล้วเปลี่ยนอะไหล่ทีละชิ้น
เครื่องยนต์ เบรก ช่วงล่าง และยางสึกหรอแยกกันตามการใช้งานจริง

## ในอู่มีอะไร

- แท็บเล็ตช่างสำหรับตรวจรถและทำใบเสนอราคา
- คลังอะไหล่ที่ต้องสั่งซื้อและมีต้นทุน
- โหมดแต่งรถเต็มรูปแบบ ลูกค้าเห็นราคารวมก่อนจ่าย

## ตั้งค่าได้ละเอียด

ปรับอัตราสึกหรอ ราคาอะไหล่ และอายุการใช้งานแยกตามคลาสรถ
หรือปิดระบบสึกหรอแล้วใช้เฉพาะงานแต่งก็ได้ มีลิฟต์ยกรถและรถลากให้พร้อมใช้
""",
    en="""
More than a repair button. Mechanics lift the car, find the fault and replace parts one by one;
engine, brakes, suspension and tyres wear separately, depending on how the car is driven.

## In the workshop

- A mechanic's tablet for inspections and quotes
- A parts store that has to be stocked and paid for
- Full tuning mode, with the total shown before the customer pays

## Fine-grained settings

Set wear, part prices and lifetime per vehicle class, or switch wear off and keep only the tuning.
Lifts and a tow truck are included.
""",
    features=(
        ("อะไหล่ 9 กลุ่มสึกหรอแยกกัน", "Nine part groups that wear separately"),
        ("ใบเสนอราคาที่ลูกค้ากดยอมรับ", "Quotes the customer accepts in game"),
        ("คลังอะไหล่และต้นทุนของอู่", "Parts stock and workshop costs"),
        ("ลิฟต์ยกรถและรถลาก", "Car lifts and tow truck"),
        ("หลายอู่ หลายเจ้าของ", "Several workshops with their own owners"),
    ),
    tags="mechanic tuning repair job",
    cost_us=20,
    variants=tiers(1290, 2390),
    releases=(
        release("3.0.2", 9, "แก้ราคารวมผิดเมื่อใช้ส่วนลดพนักงาน", "Fixes the total with staff discounts."),
        release("3.0.0", 41, "เขียนระบบสึกหรอใหม่ทั้งหมด", "Rewritten wear model."),
        release("2.8.4", 120, "ปรับแอนิเมชันยกรถ", "Smoother lift animation."),
    ),
    days_ago=310,
    sold=287,
)  # fmt: skip

RACING = product(
    "qr-racing",
    "racing",
    "vehicles",
    name=("QR Racing แข่งรถใต้ดิน", "QR Racing"),
    summary=(
        "วาดสนามเองในเกม เปิดห้องแข่ง เก็บสถิติ และไต่อันดับ ELO ในวงการแข่งรถใต้ดิน",
        "Draw tracks in game, host races, keep lap records and climb an ELO ladder.",
    ),
    th="""
ชุดแข่งรถที่ทดสอบกับผู้แข่งพร้อมกัน 32 คันโดยไม่มีใครหลุดจุดเช็กพอยต์
ผู้เล่นวาดสนามเองแล้วแชร์รหัสให้เพื่อนได้ทันที

## โหมดการแข่ง

- สปรินต์ วนรอบ และดริฟต์ที่คิดคะแนนจากมุมและความเร็ว
- แข่งจับเวลากับรถเงาของเจ้าของสถิติ
- ทัวร์นาเมนต์แบบแพ้คัดออก พร้อมตารางสาย

## หมายเหตุเรื่องจำนวน

รุ่นนี้รวมการดูแลแบบใกล้ชิดโดยทีมงาน เราจึงเปิดขายเป็นรอบ
**รอบนี้เต็มแล้ว** กดแจ้งเตือนไว้ เราจะบอกทันทีที่เปิดรอบถัดไป
""",
    en="""
A racing suite tested with 32 cars at once without a single missed checkpoint. Players draw a
track, get a code and share it with friends on the spot.

## Modes

- Sprint, circuit, and drift scored by angle and speed
- Time trials against the ghost of the record holder
- Knock-out tournaments with a bracket

## About availability

This edition comes with hands-on help from us, so we sell it in batches. **The current batch is
full.** Switch the reminder on and we will tell you when the next one opens.
""",
    features=(
        ("สร้างสนามในเกมและแชร์ด้วยรหัส", "In-game track editor with share codes"),
        ("อันดับ ELO แยกตามคลาสรถ", "ELO ranking per vehicle class"),
        ("รถเงาของเจ้าของสถิติ", "Ghost of the record lap"),
        ("ทัวร์นาเมนต์แบบแพ้คัดออก", "Knock-out tournaments"),
    ),
    tags="racing drift leaderboard",
    cost_us=30,
    variants=tiers(1190, 2190, stock=0),
    releases=(
        release("1.9.0", 22, "เพิ่มโหมดดริฟต์", "Adds drift mode."),
        release("1.8.1", 70, "แก้เวลานับถอยหลังไม่ตรงกัน", "Countdown is now in step for everyone."),
    ),
    days_ago=160,
    sold=120,
)  # fmt: skip

VEHICLES = (GARAGE, DEALERSHIP, MECHANIC, RACING)
