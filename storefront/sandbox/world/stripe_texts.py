"""The words of the hosted payment pages in English and Thai."""

TEXTS: dict[str, dict[str, str]] = {
    "en": {
        "title": "Pay",
        "test_mode": "Test mode: no real money moves here.",
        "total": "Total",
        "email": "E-mail",
        "pay": "Pay with a test card",
        "decline": "Use a card that is declined",
        "promptpay": "Pay by PromptPay",
        "expire": "Let this session expire",
        "back": "Back to the shop",
        "is_expired": "This session has expired",
        "is_expired_more": "Nothing was charged. Go back to the shop and start again.",
        "is_paid": "This payment is done",
        "is_paid_more": "It cannot be paid a second time.",
        "is_waiting": "Waiting for the transfer",
        "is_waiting_more": "The shop was told that the money is on its way.",
        "is_failed": "The transfer did not arrive",
        "is_failed_more": "Nothing was charged.",
        "is_canceled": "This payment was cancelled",
        "arrives": "The transfer arrives",
        "refused": "The transfer fails",
        "arrives_late": "The transfer arrives all the same",
        "qr_expires": "Let the QR code expire",
        "qr": "PromptPay QR code contents",
        "missing": "There is no such payment",
        "missing_more": "The address is wrong, or the demo's data was cleared.",
    },
    "th": {
        "title": "ชำระเงิน",
        "test_mode": "โหมดทดสอบ: ไม่มีการตัดเงินจริง",
        "total": "ยอดรวม",
        "email": "อีเมล",
        "pay": "จ่ายด้วยบัตรทดสอบ",
        "decline": "ใช้บัตรที่ถูกปฏิเสธ",
        "promptpay": "จ่ายด้วยพร้อมเพย์",
        "expire": "ปล่อยให้หมดเวลา",
        "back": "กลับไปที่ร้าน",
        "is_expired": "หมดเวลาชำระเงินแล้ว",
        "is_expired_more": "ยังไม่มีการตัดเงิน กรุณากลับไปที่ร้านแล้วเริ่มใหม่",
        "is_paid": "ชำระเงินเรียบร้อยแล้ว",
        "is_paid_more": "ไม่สามารถจ่ายซ้ำได้",
        "is_waiting": "กำลังรอเงินโอน",
        "is_waiting_more": "แจ้งร้านแล้วว่าเงินกำลังมา",
        "is_failed": "ไม่ได้รับเงินโอน",
        "is_failed_more": "ไม่มีการตัดเงิน",
        "is_canceled": "ยกเลิกการชำระเงินแล้ว",
        "arrives": "เงินโอนเข้าแล้ว",
        "refused": "โอนเงินไม่สำเร็จ",
        "arrives_late": "เงินโอนเข้ามาทีหลัง",
        "qr_expires": "ปล่อยให้ QR หมดอายุ",
        "qr": "ข้อมูลใน QR พร้อมเพย์",
        "missing": "ไม่พบรายการชำระเงินนี้",
        "missing_more": "ที่อยู่ไม่ถูกต้อง หรือข้อมูลเดโมถูกล้างแล้ว",
    },
}

# What the page says when the stand-in's English refusals reach a Thai reader.
DECLINES_TH = {
    "Your card was declined.": "บัตรของคุณถูกปฏิเสธ",
    "Your card has insufficient funds.": "ยอดเงินในบัตรไม่เพียงพอ",
    "The payment attempt failed.": "การชำระเงินไม่สำเร็จ",
    "The QR code has expired.": "QR หมดอายุแล้ว",
}


def refusal_in(language: str, message: str) -> str:
    return DECLINES_TH.get(message, message) if language == "th" else message
