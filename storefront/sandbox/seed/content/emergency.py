"""Police and medical."""

from __future__ import annotations

from .build import product, release, tiers

MDT = product(
    "qr-mdt",
    "mdt",
    "emergency",
    name=("QR MDT แท็บเล็ตตำรวจ", "QR MDT"),
    summary=(
        "แฟ้มประวัติ หมายจับ ค่าปรับ หลักฐาน และรายงานคดี ในแท็บเล็ตเดียวที่ค้นเจอภายในวินาที",
        "Records, warrants, fines, evidence and case reports in one tablet with instant search.",
    ),
    th="""
เครื่องมือประจำตัวของตำรวจทุกนาย ค้นชื่อ ทะเบียน หรืออาวุธแล้วเห็นภาพรวมทันที
เขียนรายงานร่วมกันได้หลายคนโดยข้อความไม่ทับกัน

## งานประจำวัน

- โปรไฟล์พลเมือง รูปถ่าย ใบอนุญาต และประวัติคดี
- ประมวลกฎหมายพร้อมโทษ คิดค่าปรับและเวลาจำคุกให้อัตโนมัติ
- หลักฐานแนบรูป ผูกกับคดี และส่งต่อให้อัยการ

## สำหรับผู้บังคับบัญชา

สถิติรายนาย ใบลา การฝึก และสิทธิ์เข้าถึงแยกตามยศ
ทุกการแก้ไขถูกบันทึกว่าใครทำเมื่อไร
""",
    en="""
The daily tool of every officer. Search a name, plate or weapon and see the whole picture; several
people can write one report without overwriting each other.

## Everyday work

- Citizen profiles with photo, permits and history
- A penal code that works out fines and sentences
- Evidence with pictures, tied to cases and handed on to the prosecutor

## For command staff

Figures per officer, leave, training, and access by rank. Every edit is kept with who and when.
""",
    features=(
        ("ค้นหารวมทุกอย่างในช่องเดียว", "One search for everything"),
        ("ประมวลกฎหมายไทยแก้ไขได้", "Editable penal code"),
        ("เขียนรายงานร่วมกัน", "Shared report editing"),
        ("หมายจับและ BOLO", "Warrants and BOLOs"),
        ("หน้าอัยการและศาล", "Prosecutor and court pages"),
        ("บันทึกการแก้ไขทุกครั้ง", "Full edit history"),
    ),
    tags="police mdt records warrants",
    cost_us=10,
    variants=tiers(1690, 2990, 290),
    releases=(
        release("3.1.0", 8, "เพิ่มหน้าอัยการ", "Adds the prosecutor's page."),
        release("3.0.4", 39, "ค้นหาเร็วขึ้นเมื่อมีคดีหลักหมื่น", "Faster search among many cases."),
    ),
    featured=True,
    days_ago=280,
    sold=256,
)  # fmt: skip

DISPATCH = product(
    "qr-dispatch",
    "dispatch",
    "emergency",
    name=("QR Dispatch ศูนย์แจ้งเหตุ", "QR Dispatch"),
    summary=(
        "แจ้งเหตุอัตโนมัติ แบ่งหน่วย ติดตามตำแหน่ง และปิดงานได้โดยไม่ต้องละมือจากพวงมาลัย",
        "Automatic alerts, unit assignment and tracking without leaving the wheel.",
    ),
    th="""
เสียงปืน รถถูกขโมย ปล้นร้าน หรืออุบัติเหตุ ทุกเหตุขึ้นจอพร้อมพิกัดและรายละเอียด
เจ้าหน้าที่กดรับงานด้วยปุ่มเดียว ศูนย์เห็นทันทีว่าใครกำลังไป

## ความสามารถ

- เหตุอัตโนมัติ 20 แบบ เปิดปิดและตั้งคูลดาวน์ได้
- จับกลุ่มหน่วย ตั้งสถานะ และลากหน่วยไปที่เหตุบนแผนที่
- พลเมืองโทร 191 หรือ 1669 พร้อมแนบตำแหน่ง

## เชื่อมต่อ

ทำงานร่วมกับ QR MDT โดยเปิดคดีจากเหตุได้ในคลิกเดียว
สคริปต์อื่นแจ้งเหตุเข้ามาได้ผ่าน export บรรทัดเดียว
""",
    en="""
Shots, stolen cars, robberies, crashes: every call appears with a position and details. Officers
take it with one key, and the desk sees who is on the way.

## What it does

- Twenty automatic alerts, each with a switch and a cool-down
- Group units, set status, and drag a unit to a call on the map
- Citizens dial 191 or 1669 and send their position

## Connections

Together with QR MDT a call becomes a case in one click. Any other script raises an alert with a
single export.
""",
    features=(
        ("เหตุอัตโนมัติ 20 แบบ", "Twenty automatic alerts"),
        ("แผนที่หน่วยแบบสด", "Live unit map"),
        ("สายแจ้งเหตุจากประชาชน", "Citizen calls"),
        ("เปิดคดีใน QR MDT ทันที", "Opens cases in QR MDT"),
    ),
    tags="dispatch police ems alerts",
    cost_us=20,
    needs="ox_lib",
    variants=tiers(790, 1490),
    releases=(
        release("1.8.2", 17, "ลดเหตุซ้ำในจุดเดียวกัน", "Fewer repeats at one spot."),
        release("1.8.0", 60, "ลากหน่วยบนแผนที่", "Drag units on the map."),
    ),
    days_ago=210,
    sold=208,
)  # fmt: skip

EMS = product(
    "qr-ems",
    "ems",
    "emergency",
    name=("QR EMS แพทย์ฉุกเฉิน", "QR EMS"),
    summary=(
        "บาดแผลรายจุด ชีพจร เลือด และการรักษาเป็นขั้นตอน ทำให้อาชีพหมอสนุกและมีความหมาย",
        "Wounds by body part, pulse, blood and step-by-step care that makes medics matter.",
    ),
    th="""
ระบบตายและการรักษาที่ให้ความสำคัญกับบทบาท ผู้บาดเจ็บไม่ได้แค่นอนรอ
แต่มีอาการตามจุดที่โดน และหมอต้องตรวจก่อนรักษา

## ในสนาม

- บาดแผล 7 จุด กระดูกหัก เลือดออก และหมดสติ
- เปล รถพยาบาล และอุปกรณ์ที่วางบนพื้นได้
- ชุดปฐมพยาบาลสำหรับพลเมืองเมื่อไม่มีหมอเข้าเวร

## ในโรงพยาบาล

เวชระเบียน ใบรับรองแพทย์ ห้องเอกซเรย์ และเตียงพักฟื้น
ถ้าไม่มีแพทย์ออนไลน์ ระบบเช็กอินอัตโนมัติจะทำงานแทนในราคาที่คุณกำหนด
""",
    en="""
Death and care with role-play in mind. The injured do not merely lie and wait: they show symptoms
by where they were hit, and medics examine before they treat.

## In the field

- Seven wound areas, fractures, bleeding and unconsciousness
- Stretchers, ambulances and equipment set down on the ground
- First-aid kits for citizens when no medic is on duty

## In hospital

Records, certificates, X-ray and recovery beds. With nobody on duty, automatic check-in takes over
at the price you set.
""",
    features=(
        ("บาดแผล 7 จุดบนร่างกาย", "Seven wound areas"),
        ("ชีพจรและความดันแบบสด", "Live pulse and pressure"),
        ("เปลและรถพยาบาล", "Stretchers and ambulances"),
        ("เวชระเบียนและใบรับรองแพทย์", "Medical records and certificates"),
        ("เช็กอินอัตโนมัติเมื่อไม่มีหมอ", "Automatic check-in"),
    ),
    tags="ems medical death hospital",
    cost_us=20,
    variants=tiers(1190, 2190, 190),
    releases=(
        release("2.2.0", 12, "เพิ่มห้องเอกซเรย์", "Adds X-ray."),
        release("2.1.3", 50, "แก้สถานะค้างหลังฟื้น", "No stuck state after revival."),
    ),
    days_ago=230,
    sold=217,
)  # fmt: skip

EMERGENCY = (MDT, DISPATCH, EMS)
