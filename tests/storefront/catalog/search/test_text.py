from __future__ import annotations

import pytest

from storefront.catalog.search.cutting import Term, Vocabulary, cut
from storefront.catalog.search.text import (
    LONGEST_PHRASE,
    bare,
    clean_phrase,
    fold,
    runs,
    singular,
)
from storefront.catalog.search.typos import neighbours


def test_control_and_invisible_characters_are_dropped() -> None:
    assert clean_phrase("qr\x00\u200b garage\t\n now\u202e") == "qr garage now"


def test_half_characters_of_a_broken_address_are_dropped() -> None:
    assert clean_phrase("qr \udc80garage\ud83d") == "qr garage"


def test_a_phrase_is_cut_at_a_hundred_characters() -> None:
    assert len(clean_phrase("x" * 5000)) == LONGEST_PHRASE


def test_full_width_letters_become_plain_ones() -> None:
    assert clean_phrase("\uff31\uff32") == "QR"


def test_sara_am_survives_normalising() -> None:
    assert clean_phrase("ทำงาน") == "ทำงาน"
    assert clean_phrase("ท\u0e4d\u0e32งาน") == "ทำงาน"


def test_two_sara_e_typed_for_sara_ae_are_understood() -> None:
    assert clean_phrase("เเก๊ง") == "แก๊ง"


def test_a_tone_mark_typed_before_its_vowel_is_put_behind_it() -> None:
    assert clean_phrase("ท่ี") == "ที่"


def test_small_letters_and_one_kind_of_digit_are_compared() -> None:
    assert fold("GARAGE ๒๐") == "garage 20"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("เซิฟเวอร์", "เซิร์ฟเวอร์"), ("คราฟ", "คราฟต์"), ("แทบเลต", "แท็บเล็ต")],
)
def test_tone_marks_and_silent_letters_make_no_difference(typed: str, meant: str) -> None:
    assert bare(typed) == bare(meant)


def test_scripts_are_told_apart_where_they_meet() -> None:
    assert runs("qrโรงรถ ox_inventory-2") == ["qr", "โรงรถ", "ox", "inventory", "2"]


@pytest.mark.parametrize(
    ("word", "one"),
    [("jobs", "job"), ("companies", "company"), ("boxes", "box"), ("status", None), ("bus", None)],
)
def test_a_plural_has_its_singular(word: str, one: str | None) -> None:
    assert singular(word) == one


@pytest.mark.parametrize("slip", ["garge", "garagee", "gatage", "graage", "ตำรจว"])
def test_one_slip_is_a_neighbour(slip: str) -> None:
    assert neighbours(slip) & {"garage", "ตำรวจ"}


def test_short_and_endless_words_have_no_neighbours() -> None:
    assert neighbours("ox") == set()
    assert neighbours("x" * 100) == set()


def vocabulary(*terms: str, endings: dict[str, list[str]] | None = None) -> Vocabulary:
    return Vocabulary(
        {bare(term): [Term(term, 5)] for term in terms},
        {tail: [Term(term, 3) for term in found] for tail, found in (endings or {}).items()},
    )


def test_an_unspaced_phrase_falls_into_the_words_of_the_index() -> None:
    known = vocabulary("ระบบ", "โรงรถ", "โรง", "รถ", "ตำรวจ")
    pieces = cut("ระบบโรงรถตำรวจ", known, is_last=True)
    assert [piece.typed for piece in pieces] == ["ระบบ", "โรงรถ", "ตำรวจ"]


def test_the_end_of_a_phrase_may_be_half_a_word() -> None:
    known = vocabulary("ระบบ", "กา", "รา", endings={"การา": ["การาจ"]})
    last = cut("ระบบการา", known, is_last=True)[-1]
    assert (last.typed, [term.text for term in last.others]) == ("การา", ["การาจ"])


def test_half_a_word_in_the_middle_is_no_word() -> None:
    known = vocabulary("esx", endings={"gar": ["garage"]})
    assert not cut("gar", known, is_last=False)[0].is_known


def test_a_foreign_word_is_never_understood_in_part() -> None:
    (piece,) = cut("banana", vocabulary("ban", "an"), is_last=True)
    assert not piece.is_known
