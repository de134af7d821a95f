"""Marks in archives: found again after what people do to leaked files."""

from __future__ import annotations

import io
import random
import zipfile
from collections.abc import Callable

import pytest

from storefront.errors import Invalid
from storefront.marks.archives import mark_archive, read_single
from storefront.marks.code import MarkKey
from storefront.marks.tracing import Trace, Verdict, trace
from tests.storefront.marks.keys import (
    KEY,
    MARKS,
    ONE,
    OTHER,
    THIRD,
    marked,
    packed,
    reading_of,
    unpacked,
)
from tests.support.archives import archive
from tests.support.downloads import large_archive, script_archive

Files = dict[str, bytes]
MANIFEST = "qr-garage/fxmanifest.lua"


def without_names(files: Files) -> Files:
    """What a leaker does first: the line in the manifest is gone."""
    return {
        path: b"\n".join(line for line in body.split(b"\n") if b"build_id" not in line)
        for path, body in files.items()
    }


def traced(files: Files) -> Trace:
    return trace(KEY, reading_of(packed(files)), MARKS)


def named(found: Trace) -> list[str]:
    return [one.mark for one in found.findings]


def renamed(files: Files) -> Files:
    return {f"x/{n}.{path.rpartition('.')[2]}": files[path] for n, path in enumerate(files)}


def renamed_to_nothing(files: Files) -> Files:
    return {f"stolen/{n}.bin": body for n, body in enumerate(files.values())}


def half(files: Files) -> Files:
    kept = random.Random(5).sample(sorted(files), len(files) // 2)
    return {path: files[path] for path in kept}


def with_crlf(files: Files) -> Files:
    return {path: body.replace(b"\n", b"\r\n") for path, body in files.items()}


def indented_anew(files: Files) -> Files:
    return {path: body.replace(b"    ", b"\t") for path, body in files.items()}


def edited(files: Files) -> Files:
    """Every tenth line is another one."""

    def edit(body: bytes) -> bytes:
        lines = body.split(b"\n")
        return b"\n".join(b"changed" if n % 10 == 5 else line for n, line in enumerate(lines))

    return {path: edit(body) for path, body in files.items()}


def in_one_file(files: Files) -> Files:
    return {"all.lua": b"\n".join(files.values())}


@pytest.mark.parametrize(
    "change",
    [renamed, renamed_to_nothing, half, with_crlf, indented_anew, edited, in_one_file],
    ids=lambda change: change.__name__,
)
def test_a_copy_is_named_after(change: Callable[[Files], Files]) -> None:
    files = change(without_names(unpacked(marked(script_archive()))))

    found = traced(files)

    assert named(found) == [ONE]
    assert found.findings[0].verdict is Verdict.CERTAIN
    assert found.findings[0].names == ()


def test_a_copy_is_named_after_all_of_that_together() -> None:
    files = with_crlf(renamed(half(without_names(unpacked(marked(large_archive(10, 60)))))))

    assert named(traced(files)) == [ONE]


def test_the_names_in_clear_are_found_where_they_stand() -> None:
    [one] = trace(KEY, reading_of(marked(script_archive())), MARKS).findings

    assert one.names == ("archive", "manifest", "record")
    assert (one.mark, one.verdict, one.false_alarm) == (ONE, Verdict.CERTAIN, 0.0)


def test_a_name_alone_is_enough() -> None:
    line = unpacked(marked(script_archive()))[MANIFEST].rsplit(b"\n", 2)[1]

    assert named(traced({"a.txt": line + b"\n"})) == [ONE]


def test_the_original_and_a_strangers_file_name_nobody() -> None:
    for body in (script_archive(), large_archive(20, 100)):
        assert named(trace(KEY, reading_of(body), MARKS)) == []


def test_a_tidied_copy_names_nobody_and_says_which_marks_are_gone() -> None:
    files = {
        path: b"\n".join(line.rstrip() for line in body.split(b"\n")).replace(b"--  ", b"-- ")
        for path, body in without_names(unpacked(marked(script_archive()))).items()
    }

    found = traced(files)

    assert named(found) == []
    assert "line_ends" in found.silent


def test_blanks_in_comments_outlive_tidied_line_ends() -> None:
    comments = "\n".join(f"-- note number {n} in words\nlocal v{n} = {n}" for n in range(150))
    files = without_names(unpacked(marked(archive({"a/a.lua": comments.encode()}))))
    tidied = {p: b"\n".join(x.rstrip() for x in b.split(b"\n")) for p, b in files.items()}

    assert named(traced(tidied)) == [ONE]


def mix(one: Files, other: Files, choose: Callable[[bytes, bytes], bytes]) -> Files:
    """Two buyers compare line by line, and choose where their copies differ."""
    return {
        path: b"\n".join(
            left if left == right else choose(left, right)
            for left, right in zip(body.split(b"\n"), other[path].split(b"\n"), strict=True)
        )
        for path, body in one.items()
    }


COALITIONS: dict[str, Callable[[bytes, bytes], bytes]] = {
    "never a blank": lambda one, other: min(one, other, key=len),
    "always a blank": lambda one, other: max(one, other, key=len),
    "tossing a coin": lambda one, other: random.Random(one + other).choice([one, other]),
}


@pytest.mark.parametrize("strategy", COALITIONS)
def test_two_buyers_who_compare_their_copies_are_named(strategy: str) -> None:
    body = large_archive(10, 80)
    pair = [without_names(unpacked(marked(body, mark))) for mark in (ONE, OTHER)]

    found = traced(mix(pair[0], pair[1], COALITIONS[strategy]))

    assert {*named(found)} <= {ONE, OTHER}
    assert len(found.findings) == 2
    assert found.is_mixed


def test_two_who_take_each_file_from_another_copy_are_both_named() -> None:
    body = large_archive(12, 60)
    one, other = (without_names(unpacked(marked(body, mark))) for mark in (ONE, OTHER))

    found = traced({p: (one if n % 2 else other)[p] for n, p in enumerate(one)})

    assert {*named(found)} == {ONE, OTHER}


def test_comparing_shows_two_buyers_only_a_part_of_the_places() -> None:
    one, other = KEY.word(ONE), KEY.word(OTHER)

    seen = sum(a != b for a, b in zip(one, other, strict=True))

    assert 0.25 < seen / len(one) < 0.42


def test_three_who_mix_accuse_no_innocent() -> None:
    body = large_archive(20, 80)
    one, other, third = (without_names(unpacked(marked(body, m))) for m in (ONE, OTHER, THIRD))
    coin = COALITIONS["tossing a coin"]

    found = traced(mix(mix(one, other, coin), third, coin))

    assert found.findings
    assert {*named(found)} <= {ONE, OTHER, THIRD}


def test_innocents_score_around_nothing() -> None:
    found = trace(KEY, reading_of(marked(large_archive(20, 100), "f" * 32)), MARKS)

    assert found.findings == ()


def test_a_single_text_is_enough_if_it_is_long() -> None:
    body = unpacked(marked(large_archive(1, 200)))["big/file0.lua"]

    found = trace(KEY, read_single(body, "found.txt", key=KEY), MARKS)

    assert named(found) == [ONE]


def test_times_of_files_name_a_copy_without_any_text() -> None:
    files = {f"stream/{n}.ytd": bytes([0, n % 256, n // 256]) for n in range(200)}

    [one] = trace(KEY, reading_of(unmarked_zip(marked(archive(files)))), MARKS).findings

    assert one.mark == ONE


def unmarked_zip(body: bytes) -> bytes:
    """Packed again by a tool that keeps times and nothing else."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(body)) as old, zipfile.ZipFile(out, "w") as new:
        for entry in old.infolist():
            fresh = zipfile.ZipInfo("other/" + entry.filename, entry.date_time)
            new.writestr(fresh, old.read(entry))
    return out.getvalue()


def test_protected_files_stay_byte_for_byte() -> None:
    lua = b"-- note\nlocal a = 1\n\n" * 30
    files = {
        "r/.fxap": b"FXAP\x00",
        "r/fxmanifest.lua": b"game 'gta5'\nescrow_ignore { 'config.lua', 'locales/**' }\n",
        "r/client.lua": lua,
        "r/config.lua": lua,
        "r/locales/th.lua": lua,
        "open/client.lua": lua,
        "open/data.bin": bytes(range(256)),
    }

    after = unpacked(marked(archive(files)))

    assert {path for path in files if after[path] != files[path]} == {
        "r/config.lua",
        "r/locales/th.lua",
        "open/client.lua",
    }


@pytest.mark.parametrize(
    ("path", "body", "held"),
    [
        ("web/index.html", b'<script src="a.js" integrity="sha384-x"></script>\n', "web/a.js"),
        ("SHA256SUMS", b"0000  web/a.js\n", "web/a.js"),
        ("checksums.txt", b"0000  client.lua\n", "client.lua"),
    ],
)
def test_files_whose_checksum_stands_beside_them_stay(path: str, body: bytes, held: str) -> None:
    text = b"// note\n\n" * 40 if held.endswith("js") else b"-- note\n\n" * 40
    files = {path: body, held: text}

    assert unpacked(marked(archive(files)))[held] == text


def test_the_same_mark_gives_the_same_bytes_and_an_archive_that_unpacks() -> None:
    body = script_archive()

    assert marked(body) == marked(body)
    assert marked(body, OTHER) != marked(body)
    assert zipfile.ZipFile(io.BytesIO(marked(body))).testzip() is None
    assert marked(marked(body)) == marked(body)


def test_names_permissions_and_folders_are_kept() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as written:
        written.mkdir("สคริปต์")
        entry = zipfile.ZipInfo("สคริปต์/run.sh", (2024, 2, 3, 4, 5, 6))
        entry.external_attr = 0o755 << 16
        written.writestr(entry, b"x" * 100_000)
        written.comment = b"for you"

    copy = zipfile.ZipFile(io.BytesIO(marked(out.getvalue())))

    assert copy.namelist() == ["สคริปต์/", "สคริปต์/run.sh"]
    assert copy.getinfo("สคริปต์/run.sh").external_attr == 0o755 << 16
    assert copy.getinfo("สคริปต์/run.sh").date_time[:5] == (2024, 2, 3, 4, 5)
    assert copy.comment.startswith(b"for you\nbuild ")
    assert copy.read("สคริปต์/run.sh") == b"x" * 100_000


@pytest.mark.parametrize("body", [b"", b"PK\x03\x04", b"no archive", script_archive()[:-40]])
def test_a_broken_archive_is_refused(body: bytes) -> None:
    with pytest.raises(Invalid) as refused:
        mark_archive(io.BytesIO(body), io.BytesIO(), key=KEY, mark=ONE)

    assert refused.value.code == "archive_broken"


def test_an_entry_that_cannot_be_read_is_left_out_of_a_search() -> None:
    body = bytearray(marked(large_archive(10, 60)))
    at = body.index(b"big/file3.lua") + 60
    body[at : at + 40] = bytes(40)

    reading = reading_of(bytes(body))

    assert reading.unread == 1
    assert named(trace(KEY, reading, MARKS)) == [ONE]


def test_another_shops_key_finds_nothing() -> None:

    foreign = MarkKey.from_pepper("q" * 32)

    assert trace(foreign, reading_of(marked(script_archive())), MARKS).findings == ()
