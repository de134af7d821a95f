"""Marks in texts: nothing that runs may notice them."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lupa.lua54 import LuaRuntime

from storefront.marks.texts import mark_text, read_bits, read_text, strip_text
from storefront.sandbox.seed.archives import resource_files
from storefront.sandbox.seed.content import products
from tests.storefront.marks.keys import KEY, MARKS, ONE, OTHER

PATHS = ["a.lua", "a.js", "a.css", "a.html", "a.json", "a.md", "a.cfg", "a.sql", "fxmanifest.lua"]
# Pieces that are dangerous together: what opens and closes texts of several lines.
PIECES = st.sampled_from(
    [
        *(
            "[[",
            "]]",
            "[=[",
            "]=]",
            "--[[",
            "--",
            "-- note",
            "--  note",
            "`",
            "//",
            "// note",
            "\\",
        ),
        *("\\z", "'", '"', "/*", "*/", "<pre>", "```", "{", "}", ";", "x = 1", " ", "  ", "\t"),
        *("\n", "\n\n", "\r\n", "return", "กขค", "# note", "build_id 'X'", "$", "((", "a"),
    ]
)
TEXTS = st.lists(PIECES, max_size=60).map("".join)
LUA_PIECES = st.sampled_from(
    [
        *("[[", "]]", "[=[", "]=]", "--[[", "--", "x", "'", '"', "\n", " ", "-- n", "]", "[", "= "),
        *("\\\n", "\\z\n", "y = "),
    ]
)
LUA_TEXTS = st.lists(LUA_PIECES, max_size=40).map("".join)
DUMP = "function(s, n) local f, e = load(s, n, 't') return f and string.dump(f, true) or e end"


def mark(text: str, path: str, name: str = ONE) -> str:
    return mark_text(text, path, key=KEY, mark=name, word=KEY.word(name))


def strip(text: str, path: str) -> str:
    return strip_text(text, path, key=KEY)


@given(TEXTS, st.sampled_from(PATHS))
@example("-- a\n" * 3, "a.lua")
def test_a_marked_text_without_its_marks_is_the_text_without_marks(text: str, path: str) -> None:
    assert strip(mark(text, path), path) == strip(text, path)


@given(TEXTS, st.sampled_from(PATHS))
def test_a_mark_changes_blanks_only(text: str, path: str) -> None:
    before = "".join(strip(text, path).split())
    after = "".join(mark(text, path).split())

    if path == "fxmanifest.lua":
        line = r"--build_id[0-9A-Z]{20}$" if re.search(r"\breturn\b", text) else r"build_id'.{20}'$"
        after = re.sub(line, "", after)
    else:
        assert mark(text, path).count("\n") == text.count("\n")
    assert after == before


@given(TEXTS, st.sampled_from(PATHS))
def test_marking_is_the_same_every_time_and_a_second_mark_replaces_the_first(
    text: str, path: str
) -> None:
    once = mark(text, path)

    assert mark(text, path) == once
    assert mark(once, path) == once
    assert mark(mark(text, path, OTHER), path) == once


@given(LUA_TEXTS)
@settings(max_examples=400)
@example("x = [[\n-- note\n\n]]\n")
@example("-- [=[ n\ny = [[\n]=]\n-- note \n]]\n")
@example('y = "a\\\n-- n"\nx = 1\n')
@example('y = "a\\z\n  -- n"\nx = 1\n')
@example("x = [==[\n]]\n-- n\n]=]\n]==]\n")
def test_lua_that_compiles_gives_the_same_code(text: str) -> None:
    lua = LuaRuntime(encoding=None)
    dump = lua.eval(DUMP.encode())

    plain = dump(text.encode(), b"=a")
    if plain.startswith(b"\x1bLua"):
        assert dump(mark(text, "a.lua").encode(), b"=a") == plain


def seed_files() -> list[tuple[str, str]]:
    return sorted(
        {
            (path, text)
            for product in products()
            for path, text in resource_files(product, product.releases[0]).items()
        }
    )


def test_every_lua_file_of_the_demo_gives_the_same_code_with_any_mark() -> None:
    lua = LuaRuntime(encoding=None)
    dump = lua.eval(DUMP.encode())
    compared = 0
    for path, text in seed_files():
        if path.endswith(".lua") and path != "fxmanifest.lua":
            plain = dump(text.encode(), b"=a")
            assert plain.startswith(b"\x1bLua"), path
            assert dump(mark(text, path).encode(), b"=a") == plain, path
            compared += mark(text, path) != text
    assert compared > 20


def manifest_fields(text: str) -> dict[str, str]:
    """What the game server reads: every call of an unknown name is a field."""
    lua = LuaRuntime()
    run = lua.eval(
        "function(s, say) local env = setmetatable({}, {__index = function(_, k) return function(v)"
        " say(k, type(v) == 'table' and table.concat(v, ',') or tostring(v))"
        " return function() end end end}) return assert(load(s, '=m', 't', env))() end"
    )
    found: dict[str, str] = {}
    run(text, lambda name, value: found.update({name: value}))
    return found


def test_a_manifest_keeps_its_fields_and_gains_one_that_means_nothing() -> None:
    text = "fx_version 'cerulean'\ngame 'gta5'\nclient_scripts { 'a.lua', 'b.lua' }"

    plain, fields = manifest_fields(text), manifest_fields(mark(text, "fxmanifest.lua"))

    assert fields.pop("build_id") == KEY.token(ONE, "manifest")
    assert fields == plain


def test_a_manifest_that_returns_early_gains_a_comment_instead() -> None:
    text = "fx_version 'cerulean'\nreturn nil\n"

    assert manifest_fields(mark(text, "fxmanifest.lua")) == {"fx_version": "cerulean"}
    assert KEY.token(ONE, "manifest") in mark(text, "fxmanifest.lua")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=15,
    )
)
def test_json_reads_the_same(value: object) -> None:
    text = json.dumps(value, indent=2, ensure_ascii=False) + "\n"

    assert json.loads(mark(text, "a.json")) == value


def test_what_is_no_json_is_left_alone() -> None:
    text = '{\n  "a": "two\n lines"\n}\n'

    assert mark(text, "a.json") == text


def test_hard_breaks_code_and_tables_of_markdown_stay() -> None:
    held = ["a hard break  ", "another\\", "    code", "\tcode"]
    text = "# Title\n\n" + "\n".join(held) + "\n\nwords\n" * 20 + "```\ncode \n\n```\n"

    for name in MARKS[:20]:
        lines = mark(text, "a.md", name).split("\n")
        assert [line for line in held if line not in lines] == []
        assert "```\ncode \n\n```" in mark(text, "a.md", name)
        assert not any(line.endswith("  ") and line not in held for line in lines)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.js", "const a = `\n// note\n\n`\n"),
        ("a.js", "const a = 'x\\\n// note'\n".replace("// note'", "// note'\\")),
        ("a.lua", "x = [[\n-- note\n\n]]\n"),
        ("a.html", "<pre>\n<b>a</b>\n</pre>\n"),
        ("a.css", ":root {--a: 1\n  2\n}\n"),
        ("a.sql", "INSERT INTO a VALUES ('one\n-- note\n\n');\n"),
        ("a.xml", "<a>\n</a>\n"),
        ("a.png", "anything\n"),
    ],
)
def test_texts_of_several_lines_stay_as_they_are(path: str, text: str) -> None:
    for name in MARKS[:30]:
        assert mark(text, path, name) == text


def test_words_for_tools_in_comments_stay() -> None:
    lines = ["// eslint-disable-next-line", "// @ts-ignore", "//# sourceMappingURL=a.js.map"]
    text = "\n".join(lines) + "\n"

    for name in MARKS[:30]:
        assert [one.rstrip() for one in mark(text, "a.js", name).split("\n")[:-1]] == lines
        assert mark(text, "a.js", name).split("\n")[2] == lines[2]


@pytest.mark.parametrize(
    "body", [b"FXAP\x01", b"\x1bLua", b"a\0b", "ภาษา".encode("cp874"), b"x" * 5_000_000]
)
def test_what_is_no_plain_text_is_not_read(body: bytes) -> None:
    assert read_text(body) is None


def test_the_bits_that_are_read_are_those_of_the_mark() -> None:
    word, read = KEY.word(ONE), 0
    for path, text in seed_files():
        bits = read_bits(mark(text, path), path, key=KEY)
        assert [one & 1 for one in bits] == [word[one >> 3] for one in bits], path
        read += len(bits)
    assert read > 5_000
