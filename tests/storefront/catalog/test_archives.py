"""Uploaded archives: judged by their table of contents."""

from __future__ import annotations

import os
import stat
import struct
import tempfile
import time
import zipfile
import zlib
from hashlib import sha256
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storefront.catalog.archives import MOST_BYTES, MOST_ENTRIES, inspect_archive
from storefront.errors import Invalid
from tests.support.archives import archive, archive_with_mode, renamed
from tests.support.pictures import picture


def refusal(body: bytes) -> str:
    with pytest.raises(Invalid) as refused:
        inspect_archive(BytesIO(body))
    return refused.value.code


def test_a_good_archive_is_measured_and_hashed() -> None:
    body = archive(comment=b"made by hand")

    facts = inspect_archive(BytesIO(body))

    assert (facts.size_bytes, facts.entries) == (len(body), 2)
    assert facts.sha256 == sha256(body).hexdigest()


def test_a_file_that_was_spooled_to_the_disk_is_read_as_well() -> None:
    body = archive({"a.bin": os.urandom(700_000)})
    with tempfile.SpooledTemporaryFile(max_size=1_000, mode="w+b") as spooled:
        spooled.write(body)

        facts = inspect_archive(spooled)

    assert facts.sha256 == sha256(body).hexdigest()


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", picture(), b"MZ" + b"\0" * 99, b"\x1f\x8b\x08" + b"\0" * 99, b"Rar!\x1a\x07"],
    ids=["empty", "html", "png", "exe", "gzip", "rar"],
)
def test_anything_else_is_no_archive_whatever_it_is_called(body: bytes) -> None:
    assert refusal(body) == "archive_wrong_type"


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9, 0.99])
def test_an_archive_that_ends_too_early_is_broken(kept: float) -> None:
    whole = archive({f"file{n}.lua": os.urandom(100) for n in range(20)})

    assert refusal(whole[: int(len(whole) * kept)]) == "archive_broken"


def test_a_byte_too_many_is_too_heavy() -> None:
    with tempfile.TemporaryFile() as sparse:
        sparse.write(b"PK\x03\x04")
        sparse.truncate(MOST_BYTES + 1)
        with pytest.raises(Invalid) as refused:
            inspect_archive(sparse)

    assert refused.value.code == "archive_too_heavy"


@pytest.mark.parametrize("files", [{}, {"folder/": b""}], ids=["nothing", "an empty folder"])
def test_an_archive_needs_a_file(files: dict[str, bytes]) -> None:
    assert refusal(archive(files)) == "archive_empty"


def test_a_few_bytes_that_unpack_to_a_lot_are_a_bomb() -> None:
    body = archive({"zeros.bin": b"\0" * 20_000_000})

    assert len(body) < 30_000
    assert refusal(body) == "archive_bomb"


def test_entries_that_claim_too_much_together_are_a_bomb() -> None:
    # Ten honest entries of some bytes; the table says each is 300 MB.
    body = bytearray(archive({f"{n}.bin": os.urandom(400_000) for n in range(10)}))
    at = -1
    while (at := body.find(b"PK\x01\x02", at + 1)) >= 0:
        struct.pack_into("<I", body, at + 24, 300_000_000)

    assert refusal(bytes(body)) == "archive_bomb"


def test_entries_that_share_their_bytes_are_a_bomb() -> None:
    # Every entry points at the same data: the table claims more than the file has.
    body = bytearray(archive({f"{n}.bin": os.urandom(20_000) for n in range(3)}))
    at = -1
    while (at := body.find(b"PK\x01\x02", at + 1)) >= 0:
        struct.pack_into("<I", body, at + 20, 59_000)

    assert refusal(bytes(body)) == "archive_bomb"


def test_more_entries_than_five_thousand_are_too_many() -> None:
    body = archive({f"{n}": b"" for n in range(MOST_ENTRIES + 1)})

    assert refusal(body) == "archive_too_many_files"


def test_a_table_that_hides_its_length_is_not_read() -> None:
    # The end record says one entry; the table behind it has 60,000 of them.
    entry = b"PK\x01\x02" + b"\0" * 42
    body = b"PK\x03\x04" + entry * 60_000
    body += b"PK\x05\x06" + struct.pack("<4H2IH", 0, 0, 1, 1, len(entry) * 60_000, 4, 0)
    began = time.monotonic()

    assert refusal(body) == "archive_too_many_files"
    assert time.monotonic() - began < 0.5


def test_larger_numbers_cannot_hide_behind_small_ones() -> None:
    body = archive()
    end = body.rfind(b"PK\x05\x06")
    locator = b"PK\x06\x07" + struct.pack("<IQI", 0, 0, 1)

    assert refusal(body[:end] + locator + body[end:]) == "archive_broken"


@pytest.mark.parametrize(
    "name",
    [
        "../outside.lua",
        "a/../../outside.lua",
        "/etc/passwd",
        "a//b.lua",
        "./a.lua",
        "C:\\windows\\a.lua",
        "a\\..\\b.lua",
        "con:stream",
        "what?.lua",
        "new\nline.lua",
        "x" * 256,
        "con",
        "a/NUL.lua",
        "lpt¹.txt",
        "aux .lua",
        "folder./a.lua",
        "a.lua ",
        "harmless\u202eaul.exe",
    ],
)
def test_names_that_are_not_safe_to_unpack_are_refused(name: str) -> None:
    assert refusal(archive({"good.lua": b"1", name: b"2"})) == "archive_bad_path"


def test_a_name_that_the_library_would_cut_is_seen_whole() -> None:
    body = renamed(archive({"goodXbad.lua": b"1"}), b"goodXbad.lua", b"good\0bad.lua")

    assert refusal(body) == "archive_bad_path"


def test_a_name_must_not_stand_twice() -> None:
    body = renamed(archive({"a.lua": b"1", "b.lua": b"2"}), b"b.lua", b"a.lua")

    assert refusal(body) == "archive_bad_path"


@pytest.mark.parametrize(
    "names",
    [
        ("a/Config.lua", "a/config.lua"),
        ("Shared/a.lua", "shared/b.lua"),
        ("a", "a/b.lua"),
        ("a/b.lua", "a"),
        ("caf\u00e9.lua", "cafe\u0301.lua"),
        ("stra\u00dfe.lua", "STRASSE.lua"),
    ],
)
def test_names_that_are_one_name_elsewhere_are_refused(names: tuple[str, str]) -> None:
    assert refusal(archive(dict.fromkeys(names, b"1"))) == "archive_same_names"


def test_a_second_name_that_some_programs_use_is_looked_at_too() -> None:
    out = BytesIO()
    entry = zipfile.ZipInfo("good.lua")
    other = b"\x01" + struct.pack("<I", zlib.crc32(b"good.lua")) + b"../evil.lua"
    entry.extra = struct.pack("<HH", 0x7075, len(other)) + other
    with zipfile.ZipFile(out, "w") as written:
        written.writestr(entry, b"1")

    assert refusal(out.getvalue()) == "archive_bad_path"


def test_devices_in_longer_names_are_no_devices() -> None:
    body = archive({"console.lua": b"1", "com10.lua": b"2", "a/nullable.lua": b"3"})

    assert inspect_archive(BytesIO(body)).entries == 3


def test_names_in_thai_and_in_brackets_are_fine() -> None:
    body = archive({"[qr]/": b"", "[qr]/qr-garage/อ่านก่อน.txt": "สวัสดี".encode()})

    assert inspect_archive(BytesIO(body)).entries == 1


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_devices_are_refused(kind: int) -> None:
    assert refusal(archive_with_mode("link", b"/etc/passwd", kind | 0o777)) == "archive_links"


def test_plain_files_with_permissions_are_fine() -> None:
    body = archive_with_mode("run.sh", b"x", stat.S_IFREG | 0o755)

    assert inspect_archive(BytesIO(body)).entries == 1


def test_an_archive_with_a_password_is_refused() -> None:
    body = bytearray(archive({"a.lua": b"1"}))
    struct.pack_into("<H", body, body.find(b"PK\x01\x02") + 8, 1)

    assert refusal(bytes(body)) == "archive_encrypted"


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_no_bytes_do_more_than_be_refused(data: st.DataObject) -> None:
    body = bytearray(_SAMPLE)
    for at in data.draw(st.lists(st.integers(0, len(body) - 1), max_size=8)):
        body[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(body)))

    for damaged in (bytes(body), bytes(body[cut:]), bytes(body[:cut])):
        # Anything but a refusal in our own words would be raised here.
        try:
            facts = inspect_archive(BytesIO(damaged))
        except Invalid:
            continue
        assert zipfile.is_zipfile(BytesIO(damaged))
        assert facts.entries >= 1


_SAMPLE = archive()


def test_an_entry_without_a_name_is_refused() -> None:
    # The name of an entry is cut at a NUL, so that one that begins with it has none.
    body = archive({"x": b"1"}).replace(b"x", b"\0")

    with pytest.raises(Invalid) as refused:
        inspect_archive(BytesIO(body))
    assert refused.value.code == "archive_bad_path"


def test_patched_data_is_refused() -> None:
    body = bytearray(archive({"a/b.lua": b"1"}))
    table = body.index(b"PK\x01\x02")
    body[table + 8] |= 0x20

    with pytest.raises(Invalid) as refused:
        inspect_archive(BytesIO(bytes(body)))
    assert refused.value.code == "archive_broken"
