"""Tools for the people who run the server."""

from __future__ import annotations

from .build import product, release, tiers

ADMIN = product(
    "qr-admin",
    "admin",
    "server-tools",
    name=("QR Admin แผงควบคุมแอดมิน", "QR Admin"),
    summary=(
        "จัดการผู้เล่น ไอเทม รถ และทีมงานจากหน้าต่างเดียว พร้อมบันทึกทุกการกระทำ",
        "Players, items, vehicles and staff in one window, with a record of every action.",
    ),
    th="""
แผงแอดมินที่ทีมงานใหม่ใช้เป็นภายในสิบนาที ทุกปุ่มบอกชัดว่าจะเกิดอะไรขึ้น
และย้อนดูได้ว่าใครทำอะไรกับใครเมื่อไร

## งานประจำวัน

- ดูหน้าจอผู้เล่น เทเลพอร์ต รักษา แช่แข็ง ในคลิกเดียว
- รับเรื่องร้องเรียนเป็นคิว มอบหมาย และให้คะแนนทีมงาน
- ตักเตือนและแบนแบบมีระดับ พร้อมหมดอายุ

## ความปลอดภัย

สิทธิ์แยกละเอียดกว่า 60 รายการ ให้เฉพาะสิ่งที่จำเป็นกับแต่ละตำแหน่ง
ทุกคำสั่งตรวจฝั่งเซิร์ฟเวอร์ และส่งบันทึกเข้า Discord แยกห้องได้
""",
    en="""
A panel new staff understand in ten minutes. Every button says what will happen, and the record
shows who did what to whom and when.

## Day to day

- Spectate, teleport, revive and freeze in one click
- Reports as a queue, assigned to staff and rated by players
- Graded warnings and bans that expire

## Security

More than sixty separate rights, so that each rank holds only what it needs. Every command is
checked on the server and logged to the Discord channels you choose.
""",
    features=(
        ("สิทธิ์แยกกว่า 60 รายการ", "More than 60 permissions"),
        ("คิวเรื่องร้องเรียน", "Report queue"),
        ("แบนแบบมีระดับและหมดอายุ", "Graded, expiring bans"),
        ("บันทึกการกระทำทั้งหมด", "Complete action log"),
        ("ดูหน้าจอผู้เล่นแบบสด", "Live spectate"),
    ),
    tags="admin moderation reports",
    frameworks="esx qbcore qbox standalone",
    cost_us=10,
    variants=tiers(890, 1590),
    releases=(
        release("2.4.0", 10, "เพิ่มคะแนนทีมงาน", "Adds staff ratings."),
        release("2.3.2", 37, "แก้รายชื่อกระพริบเมื่อคนเยอะ", "Player list no longer flickers."),
    ),
    days_ago=330,
    sold=344,
)  # fmt: skip

SHIELD = product(
    "qr-shield",
    "shield",
    "server-tools",
    name=("QR Shield ด่านกันโกงเบื้องต้น", "QR Shield"),
    summary=(
        "ตรวจฝั่งเซิร์ฟเวอร์แบบเบา จับพฤติกรรมผิดปกติ เก็บหลักฐาน และให้คนตัดสิน ไม่แบนมั่ว",
        "Light server-side checks that gather evidence and leave the verdict to people.",
    ),
    th="""
เราไม่สัญญาว่าจะหยุดโกงได้ทุกอย่าง เพราะไม่มีใครทำได้จริง
สิ่งที่ QR Shield ทำคือปิดช่องโหว่ที่ถูกใช้บ่อยที่สุดจากฝั่งเซิร์ฟเวอร์

## ตรวจอะไรบ้าง

- อีเวนต์ที่ถูกยิงถี่ผิดปกติหรือเรียกจากจุดที่เป็นไปไม่ได้
- การสร้างวัตถุ ระเบิด และรถเกินขีดจำกัด
- เงินหรือไอเทมที่เพิ่มขึ้นโดยไม่มีที่มา

## ให้คนตัดสิน

ทุกเคสมีคะแนน เส้นเวลา และหลักฐาน ทีมงานกดดูแล้วเลือกเอง
จะตั้งให้เตะอัตโนมัติเมื่อคะแนนเกินเกณฑ์ก็ได้ ค่าเริ่มต้นคือแจ้งเตือนเท่านั้น
""",
    en="""
We do not promise to stop all cheating, because nobody can. QR Shield closes the holes used most,
from the server's side.

## What it checks

- Events fired too often, or from places that are not possible
- Objects, explosions and vehicles beyond a limit
- Money or items that appear from nowhere

## People decide

Every case has a score, a timeline and evidence for staff to judge. You may kick above a threshold;
out of the box it only alerts.
""",
    features=(
        ("ตรวจฝั่งเซิร์ฟเวอร์ทั้งหมด", "Checks run on the server"),
        ("คะแนนความเสี่ยงพร้อมหลักฐาน", "Risk score with evidence"),
        ("จำกัดความถี่อีเวนต์อัตโนมัติ", "Automatic event limits"),
        ("ค่าเริ่มต้นแจ้งเตือน ไม่แบนเอง", "Alerts by default, no blind bans"),
    ),
    tags="anticheat security admin",
    frameworks="esx qbcore qbox standalone",
    needs="",
    cost_us=20,
    variants=tiers(1290, 2290, 290),
    releases=(
        release("1.6.1", 7, "ลดการแจ้งเตือนผิดจากรถลาก", "Fewer false alerts from tow trucks."),
        release("1.6.0", 30, "เพิ่มเส้นเวลาเหตุการณ์", "Adds the event timeline."),
    ),
    days_ago=140,
    sold=165,
)  # fmt: skip

QUEUE = product(
    "qr-queue",
    "queue",
    "server-tools",
    name=("QR Queue ระบบคิวเข้าเซิร์ฟเวอร์", "QR Queue"),
    summary=(
        "คิวที่ยุติธรรม ให้สิทธิ์ตามยศ Discord จองที่คืนเมื่อหลุด และบอกเวลารอที่ใกล้เคียงจริง",
        "A fair queue: Discord role priority, a held seat after a crash, honest waiting times.",
    ),
    th="""
ผู้เล่นรอได้ถ้ารู้ว่าต้องรอนานแค่ไหน QR Queue แสดงลำดับและเวลาโดยประมาณ
จากสถิติของเซิร์ฟเวอร์คุณเอง

## หลักการ

- ลำดับความสำคัญตามยศ Discord หรือรายชื่อในไฟล์
- คนที่หลุดเพราะเกมปิดกลับเข้ามาได้โดยไม่ต้องต่อคิวใหม่
- คนรอนานไต่ขึ้นเรื่อย ๆ ไม่มีใครค้างอยู่ท้ายแถว

## ติดตั้งง่าย

ไม่ใช้ฐานข้อมูล ไม่ขึ้นกับเฟรมเวิร์ก และใช้งานกับ txAdmin ได้ปกติ
หน้าจอรอปรับข้อความ สี และปุ่มลิงก์ Discord ได้
""",
    en="""
People wait when they know how long. QR Queue shows a position and an estimate drawn from your own
server's history.

## Principles

- Priority by Discord role or by a plain list
- Players whose game crashed return to their seat
- Waiting raises you bit by bit, so nobody is stuck at the end

## Simple to install

No database, no framework, and it lives happily beside txAdmin. Text, colours and the Discord
button of the waiting card are yours to set.
""",
    features=(
        ("สิทธิ์ตามยศ Discord", "Discord role priority"),
        ("จองที่นั่งคืนเมื่อหลุด", "Seat held after a crash"),
        ("เวลารอจากสถิติจริง", "Waiting time from real data"),
        ("ไม่ใช้ฐานข้อมูล", "No database needed"),
    ),
    tags="queue connect priority",
    frameworks="standalone",
    needs="",
    cost_us=0,
    delivery="open_source",
    variants=tiers(290, 490),
    releases=(
        release("1.2.3", 33, "รองรับ Discord API v10", "Discord API v10."),
        release("1.2.0", 110, "เพิ่มการจองที่นั่งคืน", "Adds seat holding."),
    ),
    days_ago=300,
    sold=433,
)  # fmt: skip

SERVER = (ADMIN, SHIELD, QUEUE)
