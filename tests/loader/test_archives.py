"""The loader goes into a script's archive, and everything else in it stays as it was."""

from __future__ import annotations

import zipfile
from codecs import BOM_UTF8
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lupa.lua54 import LuaRuntime

from storefront.errors import DomainError, Invalid
from storefront.kit.signing import SigningKeys, make_signing_key
from storefront.loader.archives import add_loader, loader_archive
from storefront.loader.files import MARK, SCRIPTS, OnRefusal, loader_files, lua_string
from storefront.loader.manifest import LINE, on_refusal_of, with_loader
from storefront.messages import message_for
from tests.support.archives import archive, archive_with_mode

KEYS = SigningKeys([make_signing_key()])
ASKED: dict[str, Any] = {
    "product_slug": "qr-garage",
    "verify_url": "https://shop.example/api/licenses/verify",
    "public_keys": KEYS.public,
}
PATHS = [f"license/{name}" for name in (*SCRIPTS, "README.txt")]
MANIFEST = b"fx_version 'cerulean'\ngame 'gta5'\n"
FILES = {
    "qr-garage/server/main.lua": b"x = 1",
    "qr-garage/fxmanifest.lua": MANIFEST,
    "qr-garage/html/index.html": b"<p>" * 500,
}


def added(body: bytes, **changes: Any) -> bytes:
    with add_loader(BytesIO(body), **{**ASKED, **changes}) as made:
        return made.read()


def contents(body: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(BytesIO(body)) as read:
        assert read.testzip() is None
        return {name: read.read(name) for name in read.namelist()}


def refused(body: bytes) -> str:
    with pytest.raises(DomainError) as caught:
        added(body)
    return caught.value.code


def test_a_resource_gets_the_loader_and_a_line_in_its_manifest() -> None:
    made = contents(added(archive(FILES)))

    assert list(made) == [*FILES, *(f"qr-garage/{path}" for path in PATHS)]
    assert made["qr-garage/fxmanifest.lua"] == LINE + b"\n" + MANIFEST
    for name in ("server/main.lua", "html/index.html"):
        assert made[f"qr-garage/{name}"] == FILES[f"qr-garage/{name}"]
    expected = loader_files(**ASKED)
    assert {path: made[f"qr-garage/{path}"] for path in PATHS} == dict(expected)
    assert all(MARK.encode() in body.split(b"\n")[0] for body in expected.values())


def test_doing_it_again_changes_not_one_byte() -> None:
    once = added(archive(FILES, comment="ขอบคุณ".encode()))

    assert added(once) == once


def test_the_same_arguments_give_the_same_archive() -> None:
    assert added(archive(FILES)) == added(archive(FILES))
    assert loader_archive(**ASKED) == loader_archive(**ASKED)


def test_what_is_not_the_loaders_keeps_its_bytes_times_rights_and_comments() -> None:
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as written:
        for number, method in enumerate(
            (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA)
        ):
            entry = zipfile.ZipInfo(f"qr/{number}.bin", (2020 + number, 5, 4, 3, 2, 2))
            entry.compress_type, entry.external_attr = method, (0o100700 + number) << 16
            entry.comment, entry.extra = b"mine", b"\x99\x99\x02\x00ab"
            written.writestr(entry, bytes(range(256)) * 9)
        written.writestr("qr/fxmanifest.lua", MANIFEST)
        written.comment = b"whole"
    before = out.getvalue()

    after = added(before)

    with zipfile.ZipFile(BytesIO(before)) as old, zipfile.ZipFile(BytesIO(after)) as new:
        assert new.comment == b"whole"
        for was, now in zip(old.infolist()[:3], new.infolist()[:3], strict=True):
            for field in ("filename", "date_time", "compress_type", "external_attr", "comment"):
                assert getattr(was, field) == getattr(now, field)
            assert (was.extra, was.CRC, was.compress_size) == (
                now.extra,
                now.CRC,
                now.compress_size,
            )
        # Not unpacked and packed anew: the very bytes.
        assert after.startswith(before[: old.infolist()[3].header_offset])


def test_entries_written_to_a_stream_with_their_sizes_behind_them_are_kept() -> None:
    class Pipe(BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, *_: int) -> int:
            raise OSError

        def tell(self) -> int:
            raise OSError

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as written:
        for name, body in FILES.items():
            written.writestr(name, body)

    made = contents(added(pipe.getvalue()))

    assert made["qr-garage/html/index.html"] == FILES["qr-garage/html/index.html"]
    assert made["qr-garage/fxmanifest.lua"].endswith(MANIFEST)


def test_a_folder_named_in_an_old_thai_encoding_keeps_the_bytes_of_its_name() -> None:
    thai = "ระบบ".encode("cp874")
    placeholder = b"XXXX"
    body = archive({"XXXX/fxmanifest.lua": MANIFEST, "XXXX/a.lua": b"x"})
    body = body.replace(placeholder, thai)

    made = added(body)

    with zipfile.ZipFile(BytesIO(made)) as read:
        names = [entry.filename.encode("cp437") for entry in read.infolist()]
        assert names == [thai + b"/fxmanifest.lua", thai + b"/a.lua"] + [
            thai + b"/" + path.encode() for path in PATHS
        ]


def test_every_resource_of_an_archive_gets_it_but_not_folders_inside_one() -> None:
    made = contents(
        added(
            archive(
                {
                    "[qr]/garage/fxmanifest.lua": MANIFEST,
                    "[qr]/garage/vendor/old/fxmanifest.lua": MANIFEST,
                    "[qr]/mdt/fxmanifest.lua": MANIFEST,
                    "readme.md": b"hello",
                }
            )
        )
    )

    folders = {name.removesuffix("license/license.lua") for name in made if "license.lua" in name}
    assert folders == {"[qr]/garage/", "[qr]/mdt/"}
    assert made["[qr]/garage/vendor/old/fxmanifest.lua"] == MANIFEST


def test_a_manifest_at_the_top_of_the_archive_is_a_resource_too() -> None:
    assert "license/license.lua" in contents(added(archive({"fxmanifest.lua": MANIFEST})))


def test_an_update_replaces_the_loader_where_it_stands() -> None:
    old_line = LINE.replace(b"'license/proof.lua', ", b"")
    stale = {
        "qr/license/config.lua": f"-- {MARK}: old".encode(),
        "qr/fxmanifest.lua": MANIFEST + old_line + b"\r\n-- the end",
        "qr/z.lua": b"z",
    }

    made = contents(added(archive(stale)))

    assert list(made)[:3] == list(stale)
    assert made["qr/fxmanifest.lua"] == MANIFEST + LINE + b"\r\n-- the end"
    assert made["qr/license/config.lua"] == loader_files(**ASKED)["license/config.lua"]


@pytest.mark.parametrize("name", ["license/config.lua", "LICENSE/README.txt"])
def test_files_of_the_scripts_own_are_never_overwritten(name: str) -> None:
    assert refused(archive({**FILES, f"qr-garage/{name}": b"mine"})) == "license_folder_taken"


def test_a_licence_text_beside_the_loader_stays() -> None:
    made = contents(added(archive({**FILES, "qr-garage/license/MIT.txt": b"mine"})))

    assert made["qr-garage/license/MIT.txt"] == b"mine"


def test_the_author_says_in_the_manifest_what_a_refusal_does() -> None:
    for said, meant in (
        ("license_on_refusal 'warn'", OnRefusal.WARN),
        ('  license_on_refusal( "degrade" )', OnRefusal.DEGRADE),
        ("-- license_on_refusal 'warn'", None),
        ("", None),
    ):
        manifest = MANIFEST + said.encode() + b"\n"
        assert on_refusal_of(manifest) is meant
        made = contents(added(archive({"qr/fxmanifest.lua": manifest})))
        assert f'onRefusal = "{meant or "stop"}"'.encode() in made["qr/license/config.lua"]

    strange = archive({"qr/fxmanifest.lua": b"license_on_refusal 'explode'"})
    assert refused(strange) == "bad_on_refusal"


def test_what_cannot_get_the_loader_is_refused_with_a_reason(app: Any) -> None:
    good = archive(FILES)
    end = good.rindex(b"PK\5\6")
    cases = {
        "no_manifest": [
            archive({"qr/__resource.lua": b"x"}),
            archive({"qr/fxmanifest.lua/x": b"x"}),
            archive({}),
        ],
        "unreadable_archive": [
            b"",
            b"PK\5\6",
            b"no zip at all" * 100,
            good[:-1],
            good[: len(good) // 2],
            b"self-extracting" + good,
            good + b"tail",
            good[: end + 8] + b"\xff\xff" + good[end + 10 :],
            good.replace(b"PK\1\2", b"PK\1\3", 1),
            # Encrypted, damaged, and too large for a manifest.
            _with_flag(archive({"qr/fxmanifest.lua": MANIFEST}), 1),
            _damaged(archive({"qr/fxmanifest.lua": MANIFEST * 40})),
            archive({"qr/fxmanifest.lua": b"-" * (1024 * 1024 + 1)}),
        ],
    }

    for code, bodies in cases.items():
        for number, body in enumerate(bodies):
            assert (number, refused(body)) == (number, code)
    with app.test_request_context():
        for code in (*cases, "bad_on_refusal", "license_folder_taken"):
            assert message_for(Invalid(code)) != message_for(Invalid("unheard_of"))


def _with_flag(body: bytes, flag: int) -> bytes:
    at = body.index(b"PK\1\2") + 8
    return body[:at] + bytes([body[at] | flag]) + body[at + 1 :]


def _damaged(body: bytes) -> bytes:
    at = body.index(b"fxmanifest.lua") + 20
    return body[:at] + bytes([body[at] ^ 0xFF]) + body[at + 1 :]


@given(st.binary(max_size=300))
def test_no_bytes_at_all_make_it_fail_in_another_way(noise: bytes) -> None:
    good = archive(FILES)
    for body in (
        noise,
        noise + good,
        good + noise,
        good[: len(noise)] + noise + good[len(noise) :],
    ):
        try:
            contents(added(body))
        except DomainError as error:
            assert error.code in ("unreadable_archive", "no_manifest")  # noqa: PT017


@given(st.binary(max_size=200), st.sampled_from([b"", BOM_UTF8]), st.sampled_from([b"\n", b"\r\n"]))
def test_a_manifest_keeps_every_byte_of_its_own(text: bytes, mark: bytes, newline: bytes) -> None:
    manifest = mark + text + newline

    made = with_loader(manifest)

    assert made.startswith(mark + LINE)
    assert made.endswith(text + newline)
    assert with_loader(made) == made


def test_the_line_follows_the_line_ends_of_the_manifest() -> None:
    assert with_loader(b"a 'b'\r\nc 'd'") == LINE + b"\r\na 'b'\r\nc 'd'"
    assert with_loader(b"return") == LINE + b"\nreturn"


@given(st.text(max_size=60))
def test_lua_reads_back_every_text_that_is_filled_in(text: str) -> None:
    written = lua_string(text.encode(errors="replace").decode())

    assert LuaRuntime().eval(written) == text.encode(errors="replace").decode()


def test_rights_of_new_files_are_those_of_the_manifest() -> None:
    made = added(archive_with_mode("qr/fxmanifest.lua", MANIFEST, 0o100640))

    with zipfile.ZipFile(BytesIO(made)) as read:
        assert {entry.external_attr >> 16 for entry in read.infolist()} == {0o100640}


def test_wrong_fillings_are_refused() -> None:
    for wrong in (
        {"product_slug": "Not A Slug"},
        {"verify_url": "ftp://shop"},
        {"verify_url": "shop"},
        {"public_keys": ()},
    ):
        with pytest.raises(ValueError, match=r"slug|address"):
            loader_files(**{**ASKED, **wrong})


def test_the_loader_alone_is_a_resource_that_only_says_what_it_finds() -> None:
    made = contents(loader_archive(**{**ASKED, "product_slug": ""}))

    assert list(made) == [f"license-check/{name}" for name in ("fxmanifest.lua", *PATHS)]
    assert b'product = ""' in made["license-check/license/config.lua"]
    assert b'onRefusal = "warn"' in made["license-check/license/config.lua"]
