"""What the shopper reads is safe to show, and is found again."""

import pytest

from fakes.adobe import recorded_body
from millstream.connectors.adobe_commerce.comments import COMMENT_MAX, comment_text, has_comment, reference

KEY = "order/shop-1-000000042/confirmed"


def shown(text):
    return comment_text(text, KEY).removesuffix(" " + reference(KEY))


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("Ships on 14 September 2026.", "Ships on 14 September 2026."),
        ("<b>bold</b> & co", "&lt;b&gt;bold&lt;/b&gt; &amp; co"),
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ('We\'ll ship "soon" – für Sie', 'We\'ll ship "soon" – für Sie'),
        ("Packed 😀 today", "Packed today"),
        ("👨‍👩‍👧 family ❤️", "family ❤"),
        ("𝐁𝐨𝐥𝐝 offer", "Bold offer"),
        ("two\nlines", "two\nlines"),
        ("nul\x00 bell\x07 esc\x1b[31m", "nul bell esc [31m"),
        ("  many   spaces  ", "many spaces"),
    ],
)
def test_hostile_text_becomes_harmless(given, text):
    assert shown(given) == text


def test_no_character_is_left_that_the_store_would_turn_into_question_marks():
    stored = recorded_body("order-comments-html-emoji-long")["items"][0]["comment"]
    assert "????" in stored  # what the server makes of an emoji
    text = comment_text("".join(chr(n) for n in range(0x20, 0x20000, 7) if not 0xD800 <= n <= 0xDFFF), KEY)
    assert all(ord(character) <= 0xFFFF for character in text)


def test_a_long_text_is_cut_before_it_is_escaped():
    text = shown("&" * 5000)
    assert text == "&amp;" * (COMMENT_MAX - 1) + "…"


def test_the_mark_of_a_key_is_found_again_and_differs_from_every_other():
    comments = [{"comment": None}, {"comment": "Hello"}, {"comment": comment_text("Confirmed.", KEY)}]
    assert has_comment(comments, KEY)
    assert not has_comment(comments, KEY + "/2")
    assert not has_comment(comments[:2], KEY)
