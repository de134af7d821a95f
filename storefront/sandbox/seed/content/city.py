"""City life: crews, weather, clothes."""

from __future__ import annotations

from .build import product, release, tiers

TERRITORY = product(
    "qr-territory",
    "territory",
    "city-life",
    name=("QR Territory แก๊งและเขตอิทธิพล", "QR Territory"),
    summary=(
        "แบ่งเมืองเป็นเขต ยึดและรักษาพื้นที่ด้วยกิจกรรมจริง พร้อมซีซันและรางวัลที่คุมสมดุลได้",
        "Split the city into districts, won and held by activity, with seasons and fair rewards.",
    ),
    th="""
สงครามแก๊งที่ไม่ได้วัดกันที่ใครออนไลน์ตอนตีสาม อิทธิพลเพิ่มจากกิจกรรมหลายแบบ
และการบุกเปิดเฉพาะช่วงเวลาที่คุณกำหนด

## กติกาที่เล่นสนุก

- เขตรูปทรงอิสระ วาดบนแผนที่ในเกม
- บุกยึดได้เฉพาะช่วงเวลา พร้อมแจ้งล่วงหน้าทั้งสองฝ่าย
- ซีซันรีเซ็ตอัตโนมัติ พร้อมหอเกียรติยศ

## จำนวนจำกัด

เราช่วยวาดเขตและจูนสมดุลให้ทุกเซิร์ฟเวอร์ที่ซื้อ
รอบนี้จึง **รับเพียง 3 เซิร์ฟเวอร์** เพื่อให้ดูแลได้ทั่วถึง
""",
    en="""
Crew wars that are not decided by who is awake at three in the morning. Influence grows from many
kinds of activity, and attacks open only in the hours you choose.

## Rules that stay fun

- Districts of any shape, drawn on the map in game
- Takeovers in set hours, announced to both sides
- Seasons that reset by themselves, with a hall of fame

## Limited places

We draw the districts and tune the balance with every buyer, so this round is for **three servers
only**.
""",
    features=(
        ("เขตวาดเองในเกม", "Districts drawn in game"),
        ("ช่วงเวลาบุกที่กำหนดได้", "Attack windows"),
        ("ซีซันและหอเกียรติยศ", "Seasons and hall of fame"),
        ("รายได้ตามเขตที่ถือครอง", "Income by district"),
        ("กันฝ่ายคนเยอะด้วยเพดานผู้ร่วมบุก", "Caps against sheer numbers"),
    ),
    tags="gang territory pvp seasons",
    cost_us=30,
    variants=tiers(1590, stock=3),
    releases=(
        release("1.2.0", 19, "เพิ่มซีซัน", "Adds seasons."),
        release("1.1.1", 44, "แก้เส้นเขตเพี้ยนเมื่อซูม", "District borders stay true on zoom."),
    ),
    days_ago=75,
    sold=37,
)  # fmt: skip

WEATHER = product(
    "qr-weather",
    "weather",
    "city-life",
    name=("QR Weather สภาพอากาศและเวลา", "QR Weather"),
    summary=(
        "ซิงก์เวลาและอากาศให้ตรงกันทุกคน มีพยากรณ์ล่วงหน้า ฤดูฝนแบบไทย และน้ำท่วมถนน",
        "Time and weather in step for everyone, with a forecast and a proper rainy season.",
    ),
    th="""
สคริปต์เล็กที่ทุกเซิร์ฟเวอร์ต้องมี เวลาและอากาศตรงกันทั้งเมือง เปลี่ยนนุ่มไม่กระตุก
และใช้ทรัพยากรน้อยจนแทบมองไม่เห็นใน resmon

## ทำอะไรได้บ้าง

- ฤดูกาลแบบไทย ร้อน ฝน หนาว ปรับสัดส่วนได้
- พยากรณ์ล่วงหน้า 12 ชั่วโมงในเกมสำหรับแอปและป้าย
- โซนอากาศแยก เช่น หมอกบนเขา แต่เมืองแดดออก

## ใช้งานง่าย

คำสั่งแอดมินครบ หยุดเวลา ข้ามคืน หรือเรียกพายุได้ทันที
พร้อม export ให้งานเกษตรและประมงอ่านสภาพอากาศไปใช้
""",
    en="""
The small script every server needs: time and weather agree all over the city, change without a
jump, and barely show in resmon.

## What it does

- Thai seasons, hot, rainy and cool, with a mix you can adjust
- A twelve-hour in-game forecast for apps and signs
- Local zones: fog in the hills while the city has sun

## Easy to run

Commands to stop time, skip a night or call a storm, and exports so that farming and fishing can
read the sky.
""",
    features=(
        ("ฤดูกาลแบบไทย", "Thai seasons"),
        ("พยากรณ์อากาศล่วงหน้า", "Forecast"),
        ("โซนอากาศแยกพื้นที่", "Local weather zones"),
        ("เปลี่ยนอากาศแบบนุ่มนวล", "Smooth transitions"),
    ),
    tags="weather time sync",
    frameworks="esx qbcore qbox standalone",
    needs="",
    cost_us=0,
    delivery="open_source",
    variants=tiers(190),
    releases=(
        release("1.5.0", 27, "เพิ่มโซนอากาศ", "Adds weather zones."),
        release("1.4.2", 90, "แก้เวลาเพี้ยนหลังรีสตาร์ต", "Time survives a restart."),
    ),
    days_ago=350,
    sold=612,
)  # fmt: skip

CLOTHING = product(
    "qr-clothing",
    "clothing",
    "city-life",
    name=("QR Clothing ร้านเสื้อผ้า", "QR Clothing"),
    summary=(
        "ร้านเสื้อผ้าที่ลองได้ครบทุกมุม บันทึกชุด แชร์ลุคด้วยรหัส และเสื้อผ้าเป็นไอเทม เร็ว ๆ นี้",
        "Try outfits from every side, save and share looks, clothes as items. Coming soon.",
    ),
    th="""
ร้านเสื้อผ้ารุ่นใหม่ที่เราเขียนขึ้นทั้งหมด กล้องหมุนอิสระ ภาพตัวอย่างทุกชิ้น
และค้นหาด้วยสีหรือประเภทได้

## จะมีอะไรบ้าง

- บันทึกชุดไม่จำกัด และแชร์ลุคด้วยรหัสสั้น
- เสื้อผ้าเป็นไอเทม ถอดให้เพื่อน ขาย หรือทำหายได้
- ชุดเครื่องแบบตามอาชีพและยศ

## กำหนดการ

กำลังถ่ายภาพตัวอย่างเสื้อผ้าชุดสุดท้าย กดแจ้งเตือนไว้ได้เลย
คนที่มี QR Creator อยู่แล้วจะได้ราคาพิเศษ
""",
    en="""
A clothing shop written from scratch: a free camera, a picture of every piece, and search by colour
or kind.

## What is coming

- Any number of saved outfits, and looks shared by a short code
- Clothes as items to give away, sell or lose
- Uniforms by job and rank

## When

We are taking the last preview pictures. Switch on the reminder; owners of QR Creator will get a
special price.
""",
    features=(
        ("ภาพตัวอย่างเสื้อผ้าทุกชิ้น", "A picture of every piece"),
        ("แชร์ลุคด้วยรหัส", "Shared looks"),
        ("เสื้อผ้าเป็นไอเทม", "Clothes as items"),
        ("เครื่องแบบตามยศ", "Uniforms by rank"),
    ),
    tags="clothing outfits shop",
    docs=False,
    variants=tiers(990, 1790),
    releases=(release("0.8.0-beta.1", 5, "รุ่นทดสอบภายใน", "Closed test.", "beta"),),
    status="coming_soon",
    days_ago=5,
)  # fmt: skip

CITY = (TERRITORY, WEATHER, CLOTHING)
