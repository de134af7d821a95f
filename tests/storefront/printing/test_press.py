"""The press: what people typed is set as it is, and whatever goes wrong is said clearly."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from storefront.db import Database, TransactionMisuse
from storefront.printing import press, typesetter
from storefront.printing.press import PressUnavailable, print_paper

HOSTILE = (
    '#panic("ran")',
    "#import sys",
    "$ sum_(i=0)^n $",
    "*bold* _italic_ `raw` = heading",
    "\\u{41} \\ \\\\",
    "\"double\" 'single' ”smart“",
    "<label> @ref [content] {code} // gone /* gone */",
    "น้ำใจ ก็อปปี้ ทั้งสิ้น ที่ปรึกษา",
    "😀 👩‍👩‍👧 田中 𝓑𝓾𝔂𝓮𝓻",
    "first\nsecond\r\nthird\ttab",
    "\u202eright to left\u202c \u0000 \u0007 \ufeff",
    "x" * 2_000,
)


def sheet(**changed: Any) -> dict[str, Any]:
    """A receipt with the least that the template needs."""
    return {
        "locale": "th",
        "title": "ใบเสร็จรับเงิน",
        "subtitle": "Receipt",
        "number": "RC-2026-000001",
        "void": "",
        "seller": {"label": "", "name": "QR Studios", "lines": []},
        "buyer": {"label": "ผู้ซื้อ", "name": "Mali", "lines": ["mali@example.com"]},
        "facts": [{"label": "วันที่", "value": "27 พ.ย. 2569"}],
        "columns": ["รายการ", "จำนวน", "ราคา", "รวม"],
        "rows": [row("สคริปต์")],
        "sums": [{"label": "รวม", "value": "490.00", "is_total": True}],
        "words": "สี่ร้อยเก้าสิบบาทถ้วน",
        "notes": [],
        "page": "หน้า",
        "made_by": "-",
        **changed,
    }


def row(name: str) -> dict[str, str]:
    return {"name": name, "detail": "", "quantity": "1", "unit": "490.00", "amount": "490.00"}


def pages_of(paper: bytes) -> int:
    """How many pages: the leaves of the page tree."""
    return len(re.findall(rb"/Type\s*/Page\b(?!s)", paper))


def test_a_paper_is_a_pdf_of_one_page_and_the_same_every_time() -> None:
    paper = print_paper("receipt", sheet())

    assert paper.startswith(b"%PDF-1.")
    assert pages_of(paper) == 1
    assert len(paper) < 200_000
    assert b"IBMPlexSansThai" in paper
    assert print_paper("receipt", sheet()) == paper


def test_many_lines_go_on_over_pages() -> None:
    paper = print_paper("receipt", sheet(rows=[row(f"Script {n}") for n in range(90)]))

    assert pages_of(paper) >= 3


@pytest.mark.parametrize("text", HOSTILE)
def test_what_people_type_is_never_markup(text: str) -> None:
    party = {"label": text, "name": text, "lines": [text, text]}

    paper = print_paper(
        "receipt",
        sheet(
            title=text,
            number=text,
            void=text,
            seller=party,
            buyer=party,
            facts=[{"label": text, "value": text}],
            rows=[row(text)],
            words=text,
            notes=[text],
            sums=[{"label": text, "value": text, "is_total": total} for total in (False, True)],
        ),
    )

    assert paper.startswith(b"%PDF-")


def test_what_takes_too_long_or_fails_is_said_and_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(press, "PATIENCE_SECONDS", 3)
    (tmp_path / "endless.typ").write_text(
        "#for n in range(0, 20000) { for m in range(0, 20000) { let x = n } }"
    )
    (tmp_path / "broken.typ").write_text('#panic("no")')
    (tmp_path / "leaky.typ").write_text('#read("/../../../../../etc/passwd")')
    (tmp_path / "thirsty.typ").write_text('#("x" * 1500000000).len()')

    for name, reason in (
        ("endless", "TimeoutExpired|exit -"),
        ("broken", "panicked"),
        ("leaky", "exit 1"),
        ("thirsty", "exit"),
        ("missing", "exit 1"),
    ):
        with pytest.raises(PressUnavailable, match=reason) as refusal:
            print_paper(name, {}, folder=tmp_path)
        assert refusal.value.code == "paper_unavailable"
        assert refusal.value.http_status == 503


def test_too_much_data_too_large_a_paper_and_too_many_at_once_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(PressUnavailable, match="bytes of data"):
        print_paper("receipt", sheet(words="x" * press.MOST_DATA_BYTES))
    monkeypatch.setattr(press, "MOST_PDF_BYTES", 10)
    with pytest.raises(PressUnavailable, match="no paper"):
        print_paper("receipt", sheet())
    monkeypatch.setattr(press, "TURN_SECONDS", 0)
    for _ in range(press.AT_ONCE):
        press._turns.acquire()
    try:
        with pytest.raises(PressUnavailable, match="too many"):
            print_paper("receipt", sheet())
    finally:
        for _ in range(press.AT_ONCE):
            press._turns.release()


def test_without_fonts_the_typesetter_says_how_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(typesetter, "PAPER_FONTS", tmp_path)
    monkeypatch.setattr(typesetter, "MOST_MEMORY", -1)
    monkeypatch.setattr(typesetter, "MOST_CPU_SECONDS", -1)
    monkeypatch.setattr("resource.setrlimit", lambda *_: None)

    with pytest.raises(SystemExit, match="assets_build"):
        typesetter.main()


def test_nothing_is_printed_while_a_transaction_is_open(database: Database) -> None:
    with database.transaction(), pytest.raises(TransactionMisuse):
        print_paper("receipt", sheet())
