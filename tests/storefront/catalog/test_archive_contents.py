"""What archives really hold: lying sizes, bombs in every shape, and what staff should know."""

from __future__ import annotations

import os
import stat
import struct
import time
import tracemalloc
import zipfile
import zlib
from hashlib import sha256
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storefront.catalog.archive_contents import inspect_contents
from storefront.catalog.archive_findings import (
    MOST_FINDINGS,
    Finding,
    FindingKind,
    as_json,
    from_json,
)
from storefront.errors import Invalid
from tests.support.archives import (
    GOOD_FILES,
    archive,
    archive_with_mode,
    claiming,
    nested,
    overlapping,
)

ELF = b"\x7fELF\x02\x01\x01" + b"\0" * 40


def refusal(body: bytes) -> str:
    with pytest.raises(Invalid) as refused:
        inspect_contents(BytesIO(body))
    return refused.value.code


def findings(body: bytes) -> list[tuple[str, str]]:
    return [(one.kind.value, one.path) for one in inspect_contents(BytesIO(body)).findings]


def with_file(name: str, body: bytes) -> bytes:
    return archive({**GOOD_FILES, name: body})


def test_a_good_archive_has_its_facts_and_nothing_to_say() -> None:
    body = archive()

    report = inspect_contents(BytesIO(body))

    assert report.facts.sha256 == sha256(body).hexdigest()
    assert (report.facts.size_bytes, report.facts.entries) == (len(body), 2)
    assert (report.findings, report.left_out) == ((), 0)


def test_a_file_that_is_larger_than_it_says_is_a_bomb() -> None:
    body = archive({"a.lua": os.urandom(50_000), "b.lua": b"1"})

    assert refusal(claiming(body, b"a.lua", size=10_000)) == "archive_bomb"


def test_a_file_that_is_smaller_than_it_says_is_broken() -> None:
    body = archive({"a.lua": os.urandom(50_000), "b.lua": b"1"})

    assert refusal(claiming(body, b"a.lua", size=60_000)) == "archive_broken"


def test_a_bomb_whose_table_says_it_is_small_costs_no_memory() -> None:
    body = claiming(archive({"z.bin": b"\0" * 200_000_000}), b"z.bin", size=1_000)
    assert len(body) < 250_000
    tracemalloc.start()
    began = time.monotonic()

    assert refusal(body) == "archive_bomb"

    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()
    assert time.monotonic() - began < 2


def test_entries_that_quote_each_other_are_a_bomb() -> None:
    body = overlapping(b"a" * 20_000, entries=100)
    with zipfile.ZipFile(BytesIO(body)) as read:
        assert len(read.read("0000")) > 20_000, "the control: other programs unpack it"

    assert refusal(body) == "archive_bomb"


def test_two_entries_may_not_share_their_data() -> None:
    body = bytearray(archive({"a.lua": b"same" * 9, "b.lua": b"same" * 9}))
    first = body.index(b"PK\x01\x02")
    second = body.index(b"PK\x01\x02", first + 1)
    struct.pack_into("<I", body, second + 42, 0)

    assert refusal(bytes(body)) == "archive_bomb"


@pytest.mark.parametrize(("depth", "is_refused"), [(2, False), (3, False), (4, True), (9, True)])
def test_archives_in_archives_are_followed_three_deep(depth: int, is_refused: bool) -> None:
    body = nested(depth)

    if is_refused:
        assert refusal(body) == "archive_bomb"
    else:
        assert findings(body) == [("no_manifest", "")]


def test_a_bomb_inside_is_found() -> None:
    bomb = archive({"zeros.bin": b"\0" * 30_000_000})

    assert refusal(with_file("textures.zip", bomb)) == "archive_bomb"
    assert refusal(with_file("a.dat", archive({"b.dat": bomb}))) == "archive_bomb"


def test_a_path_that_leads_out_is_found_inside_as_well() -> None:
    assert refusal(with_file("a.zip", archive({"../evil.lua": b"1"}))) == "archive_bad_path"
    link = archive_with_mode("link", b"/etc/passwd", stat.S_IFLNK | 0o777)
    assert refusal(with_file("a.zip", link)) == "archive_links"


def test_all_archives_together_may_hold_five_thousand_files() -> None:
    many = archive({str(n): b"" for n in range(2_600)})

    assert refusal(archive({"a.zip": many, "b.zip": many})) == "archive_too_many_files"


def test_what_nobody_can_look_into_is_said() -> None:
    locked = bytearray(archive({"a.lua": b"1"}))
    struct.pack_into("<H", locked, locked.find(b"PK\x01\x02") + 8, 1)
    for name, body in (
        ("locked.zip", bytes(locked)),
        ("half.zip", archive()[:-8]),
        ("a.rar", b"Rar!\x1a\x07\x01\x00" + b"\0" * 50),
        ("a.7z", b"7z\xbc\xaf\x27\x1c" + b"\0" * 50),
        ("a.tar.gz", b"\x1f\x8b\x08" + b"\0" * 50),
    ):
        assert findings(with_file(name, body)) == [("sealed", name)]
    assert findings(with_file("empty.zip", archive({}))) == []


def test_a_header_with_another_name_than_the_table_hides_something() -> None:
    body = archive({"good.lua": b"1"}).replace(b"good.lua", b"evil.lua", 1)

    assert refusal(body) == "archive_broken"


def test_bytes_after_the_end_of_a_stream_hide_something() -> None:
    stream = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    data = stream.compress(b"x = 1") + stream.flush()
    body = archive({"a.lua": b"x = 1"})
    assert data in body
    grown = body.replace(data, data + b"hidden!!")
    out = bytearray(grown)
    table = out.index(b"PK\x01\x02")
    struct.pack_into("<I", out, table + 20, len(data) + 8)
    end = out.index(b"PK\x05\x06")
    struct.pack_into("<I", out, end + 16, table)

    assert refusal(bytes(out)) == "archive_broken"


def test_damaged_content_is_seen_although_the_table_is_good() -> None:
    noise = os.urandom(5_000)
    body = archive({"a.bin": noise})
    assert noise[:100] in body

    assert refusal(body.replace(noise[50:60], b"\0" * 10)) == "archive_broken"


def test_a_compression_that_not_everybody_knows_is_refused() -> None:
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        out = BytesIO()
        with zipfile.ZipFile(out, "w", method) as written:
            written.writestr("a.lua", b"x = 1")
        assert refusal(out.getvalue()) == "archive_method"


@pytest.mark.parametrize(
    ("name", "body", "kind"),
    [
        ("stream/tool.dat", ELF, "program"),
        ("readme.txt", b"MZ\x90\x00" + b"\0" * 60, "program"),
        ("a.bin", b"\xcf\xfa\xed\xfe" + b"\0" * 20, "program"),
        ("lib/a.jar", archive({"A.class": b"\xca\xfe\xba\xbe"}), "program"),
        ("Setup.EXE", b"not even one", "program"),
        ("install.bat", b"@echo off", "script"),
        ("a.ps1", b"Get-Item", "script"),
        ("a.vbs", b"MsgBox", "script"),
        ("stream/car.fxap", b"FXAP\x05", "protected"),
        ("server/main.lua", b"FXAP\x05\x01", "protected"),
    ],
)
def test_files_that_can_do_something_are_named(name: str, body: bytes, kind: str) -> None:
    assert (kind, name) in findings(with_file(name, body))


def test_a_shell_script_counts_when_it_may_be_run() -> None:
    script = b"#!/bin/sh\nrm -rf /\n"
    may_run = archive_with_mode("run", script, stat.S_IFREG | 0o755)
    may_not = archive_with_mode("run", script, stat.S_IFREG | 0o644)

    assert ("script", "run") in findings(may_run)
    assert ("script", "run") not in findings(may_not)


def test_an_executable_inside_an_inner_archive_is_named_with_its_way() -> None:
    assert findings(with_file("tools.zip", archive({"bin/a": ELF}))) == [
        ("program", "tools.zip > bin/a")
    ]


def test_a_stream_that_gives_its_bytes_one_by_one_hides_no_program() -> None:
    # One byte, then more empty blocks than are read at once, then the rest.
    def block(content: bytes, *, last: bool = False) -> bytes:
        size = len(content)
        return bytes([last]) + struct.pack("<HH", size, size ^ 0xFFFF) + content

    data = block(b"M") + block(b"") * 30_000 + block(b"Z" + b"\0" * 60, last=True)
    plain = b"MZ" + b"\0" * 60
    entry = zipfile.ZipInfo("a.txt")
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as written:
        written.writestr(entry, data)
    body = bytearray(out.getvalue())
    for signature, method, crc, size in (
        (b"PK\x03\x04", 8, 14, 22),
        (b"PK\x01\x02", 10, 16, 24),
    ):
        at = body.index(signature)
        struct.pack_into("<H", body, at + method, 8)
        struct.pack_into("<I", body, at + crc, zlib.crc32(plain))
        struct.pack_into("<I", body, at + size, len(plain))

    assert ("program", "a.txt") in findings(bytes(body))


def test_a_resource_without_a_manifest_is_told_of() -> None:
    assert findings(archive({"a/client.lua": b"x = 1"})) == [("no_manifest", "")]
    assert findings(archive({"a/__resource.lua": b"x = 1"})) == []


def test_only_protected_files_need_no_confirmation() -> None:
    assert [kind for kind in FindingKind if not Finding(kind).is_warning] == ["protected"]


def test_past_a_hundred_findings_the_rest_is_counted() -> None:
    body = archive({**GOOD_FILES, **{f"{n}.bat": b"x" for n in range(MOST_FINDINGS + 7)}})

    report = inspect_contents(BytesIO(body))

    assert (len(report.findings), report.left_out) == (MOST_FINDINGS, 7)


def test_findings_survive_the_database() -> None:
    found = (Finding(FindingKind.PROGRAM, "a/ไฟล์.exe"), Finding(FindingKind.NO_MANIFEST))

    assert from_json(as_json(found)) == found


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_no_bytes_do_more_than_be_refused(data: st.DataObject) -> None:
    body = bytearray(_SAMPLE)
    for at in data.draw(st.lists(st.integers(0, len(body) - 1), max_size=8)):
        body[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(body)))

    for damaged in (bytes(body), bytes(body[cut:]), bytes(body[:cut])):
        # Anything but a refusal in our own words would be raised here.
        try:
            inspect_contents(BytesIO(damaged))
        except Invalid:
            continue
        with zipfile.ZipFile(BytesIO(damaged)) as read:
            assert read.testzip() is None


_SAMPLE = with_file("inner.zip", archive({"a.bat": b"x" * 40, "b/": b""}))
