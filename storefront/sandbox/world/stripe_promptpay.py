"""The PromptPay QR code of an intent, in the EMV merchant-presented format."""

import binascii

from storefront.sandbox.world.storage import JsonObject
from storefront.sandbox.world.stripe_desk import Desk

PROMPTPAY_APPLICATION = "A000000677010111"
# Thirteen zeros are nobody's tax id: a real banking app that reads this code finds no payee.
NOBODY = "0000000000000"


def qr_action(desk: Desk, intent: JsonObject) -> JsonObject:
    """The `next_action` of a waiting intent. The image addresses lead to the hosted page."""
    page = desk.url(f"promptpay/{intent['id']}")
    return {
        "type": "promptpay_display_qr_code",
        "promptpay_display_qr_code": {
            "data": qr_payload(intent["amount"]),
            "hosted_instructions_url": page,
            "image_url_png": page,
            "image_url_svg": page,
        },
    }


def qr_payload(amount: int) -> str:
    """EMV QR text for `amount` satang, closed by its CRC-16."""
    account = _part("00", PROMPTPAY_APPLICATION) + _part("02", NOBODY)
    baht = f"{amount // 100}.{amount % 100:02d}"
    body = "".join(
        (
            _part("00", "01"),
            _part("01", "12"),
            _part("29", account),
            _part("53", "764"),
            _part("54", baht),
            _part("58", "TH"),
            "6304",
        )
    )
    return f"{body}{binascii.crc_hqx(body.encode(), 0xFFFF):04X}"


def _part(tag: str, value: str) -> str:
    return f"{tag}{len(value):02d}{value}"
