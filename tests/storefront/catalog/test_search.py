from __future__ import annotations

from storefront.catalog.search import LONGEST_PHRASE, MOST_WORDS, clean_phrase, words_of


def test_control_and_invisible_characters_are_dropped() -> None:
    assert clean_phrase("qr\x00\u200b garage\t\n now\u202e") == "qr garage now"


def test_a_phrase_is_cut_at_a_hundred_characters() -> None:
    assert len(clean_phrase("x" * 5000)) == LONGEST_PHRASE


def test_full_width_letters_become_plain_ones() -> None:
    assert clean_phrase("\uff31\uff32") == "QR"


def test_sara_am_survives_normalising() -> None:
    assert clean_phrase("ทำงาน") == "ทำงาน"
    assert clean_phrase("ท\u0e4d\u0e32งาน") == "ทำงาน"


def test_two_sara_e_typed_for_sara_ae_are_understood() -> None:
    assert clean_phrase("เเก๊ง") == "แก๊ง"


def test_words_are_folded_told_apart_and_limited() -> None:
    assert words_of("Garage GARAGE esx") == ("garage", "esx")
    assert len(words_of(" ".join(str(n) for n in range(50)))) == MOST_WORDS
