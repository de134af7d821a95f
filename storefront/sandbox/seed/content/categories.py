"""The category tree of the demo shop."""

from __future__ import annotations

from .model import SeedCategory

CATEGORIES = (
    SeedCategory("scripts", None, "สคริปต์", "Scripts", 10),
    SeedCategory("vehicles", "scripts", "รถและการแข่ง", "Vehicles and racing", 11),
    SeedCategory("economy", "scripts", "เศรษฐกิจ", "Economy", 12),
    SeedCategory("jobs", "scripts", "งานและอาชีพ", "Jobs", 13),
    SeedCategory("emergency", "scripts", "ตำรวจและแพทย์", "Police and medical", 14),
    SeedCategory("city-life", "scripts", "ชีวิตในเมือง", "City life", 15),
    SeedCategory("server-tools", "scripts", "เครื่องมือแอดมิน", "Server tools", 16),
    SeedCategory("ui", None, "UI", "UI", 20),
    SeedCategory("hud", "ui", "HUD และแผนที่", "HUD and map", 21),
    SeedCategory("menus", "ui", "เมนูและหน้าต่าง", "Menus and windows", 22),
    SeedCategory("screens", "ui", "หน้าจอเข้าเกม", "Join screens", 23),
    SeedCategory("bundles", None, "ชุดรวม", "Bundles", 30),
)
