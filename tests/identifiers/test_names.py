"""What becomes a name in a certificate and what is refused, with which words."""

from __future__ import annotations

import pickle
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from identifiers import scripts
from identifiers.names import Name, UnacceptableName, parse, parse_many


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("example.com", "example.com"),
        ("  WWW.Example.COM  ", "www.example.com"),
        ("example.com.", "example.com"),
        ("*.example.com", "*.example.com"),
        ("*.shop.example.co.uk", "*.shop.example.co.uk"),
        ("münchen.de", "xn--mnchen-3ya.de"),
        ("MÜNCHEN.DE", "xn--mnchen-3ya.de"),
        ("*.münchen.de", "*.xn--mnchen-3ya.de"),
        ("xn--mnchen-3ya.de", "xn--mnchen-3ya.de"),
        ("straße.de", "xn--strae-oqa.de"),
        ("例え。jp", "xn--r8jz45g.jp"),
        ("ｅｘａｍｐｌｅ．ｃｏｍ", "example.com"),
        ("пример.рф", "xn--e1afmkfd.xn--p1ai"),
        ("漢字かなカナabc.jp", parse("漢字かなカナabc.jp").text),
        ("한국a漢.kr", parse("한국a漢.kr").text),
        ("1.example.com", "1.example.com"),
        ("3com.com", "3com.com"),
        ("foo.github.io", "foo.github.io"),
        ("github.io", "github.io"),
        ("\ufeffexample.com", "example.com"),
        ("a" * 63 + ".com", "a" * 63 + ".com"),
        ("b.com\u3000", "b.com"),
    ],
)
def test_it_reads_what_people_write(written: str, text: str) -> None:
    assert parse(written).text == text


@pytest.mark.parametrize(
    ("written", "slug"),
    [
        ("", "empty"),
        ("   \n", "empty"),
        ("example", "single_label"),
        ("localhost", "single_label"),
        ("com", "single_label"),
        ("co.uk", "public_suffix"),
        ("*.co.uk", "public_suffix"),
        ("*.com", "single_label"),
        ("foo.ck", "public_suffix"),
        ("city.kawasaki.jp.local", "internal_name"),
        ("server.local", "internal_name"),
        ("mail.internal", "internal_name"),
        ("intranet.corp", "internal_name"),
        ("printer.lan", "internal_name"),
        ("abcdefghijklmnop.onion", "onion"),
        ("shop.example", "reserved"),
        ("example.test", "reserved"),
        ("a.localhost", "reserved"),
        ("a.invalid", "reserved"),
        ("1.168.192.in-addr.arpa", "arpa"),
        ("home.arpa", "arpa"),
        ("192.168.1.1", "ip_address"),
        ("*.192.168.1.1", "ip_address"),
        ("256.1.1.1", "ip_address"),
        ("127.1", "ip_address"),
        ("0x7f.0.0.1", "ip_address"),
        ("2130706433", "ip_address"),
        ("2001:db8::1", "ip_address"),
        ("[2001:db8::1]", "ip_address"),
        ("::ffff:10.0.0.1", "ip_address"),
        ("fe80::1%eth0", "ip_address"),
        ("１２７．０．０．１", "numeric_tld"),
        ("example.123", "numeric_tld"),
        ("example.0x1f", "numeric_tld"),
        ("under_score.example.com", "underscore"),
        ("_acme-challenge.example.com", "underscore"),
        ("*", "wildcard_position"),
        ("*.", "wildcard_position"),
        ("*example.com", "wildcard_position"),
        ("w*.example.com", "wildcard_position"),
        ("a.*.com", "wildcard_position"),
        ("*.*.example.com", "wildcard_position"),
        ("＊.example.com", "bad_character"),
        (".example.com", "empty_label"),
        ("example..com", "empty_label"),
        ("example.com..", "empty_label"),
        (".", "empty_label"),
        ("-example.com", "hyphen"),
        ("example-.com", "hyphen"),
        ("ab--cd.com", "hyphen"),
        ("a" * 64 + ".com", "label_too_long"),
        ("ü" * 63 + ".com", "label_too_long"),
        ("ü" * 1500 + ".com", "too_long"),
        (".".join(["a" * 60] * 5) + ".com", "too_long"),
        ("a" * 5000, "too_long"),
        ("a.b.c.d.e.f.g.h.i.example.com", "too_many_labels"),
        ("exa mple.com", "space"),
        ("example.com\x00.evil.com", "control_character"),
        ("example.com\nevil.com", "control_character"),
        ("exam\u00adple.com", "control_character"),
        ("exam\u202eple.com", "control_character"),
        ("exam\u200bple.com", "control_character"),
        ("\ud800.com", "control_character"),
        ("<script>alert(1)</script>.com", "bad_character"),
        ("{{7*7}}.com", "wildcard_position"),
        ("example.com; return 200", "space"),
        ("../../etc/x", "empty_label"),
        ('x"y.com', "bad_character"),
        ("\u0300example.com", "bad_character"),
        ("xn--.com", "bad_character"),
        ("xn--a.com", "bad_character"),
        ("xn--mnchen-3yb!.de", "bad_character"),
        ("☃.com", "bad_character"),
        ("😀.com", "bad_character"),
        ("аpple.com", "mixed_scripts"),
        ("xn--pple-43d.com", "mixed_scripts"),
        ("gооgle.com", "mixed_scripts"),
        ("раypal.com", "mixed_scripts"),
        ("αbc.com", "mixed_scripts"),
        ("한かな.com", "mixed_scripts"),
    ],
)
def test_it_refuses_what_no_customer_can_hold(written: str, slug: str) -> None:
    with pytest.raises(UnacceptableName) as refused:
        parse(written)
    assert refused.value.slug == slug
    assert len(refused.value.message) > 10
    assert "\x00" not in refused.value.message
    assert "\n" not in refused.value.message


@pytest.mark.parametrize(
    ("written", "slug", "suggestion"),
    [
        ("https://example.com/shop", "url", "example.com"),
        ("HTTPS://WWW.Example.com", "url", "www.example.com"),
        ("http://user:secret@example.com:8443/a?b#c", "url", "example.com"),
        ("example.com/shop", "url", "example.com"),
        ("example.com?x=1", "url", "example.com"),
        ("//example.com", "url", "example.com"),
        ("example.com:8443", "port", "example.com"),
        ("me@example.com", "email_address", "example.com"),
        ("https://münchen.de/", "url", "xn--mnchen-3ya.de"),
        ("https://*.example.com/", "url", "*.example.com"),
        ("www .example.com", "space", "www.example.com"),
        ("https://192.168.1.1/", "ip_address", ""),
        ("http://localhost:8000/", "single_label", ""),
    ],
)
def test_it_says_which_name_to_type_when_an_address_is_pasted(
    written: str, slug: str, suggestion: str
) -> None:
    with pytest.raises(UnacceptableName) as refused:
        parse(written)
    assert (refused.value.slug, refused.value.suggestion) == (slug, suggestion)
    if slug in {"url", "port", "email_address"} and suggestion.isascii() and "xn--" not in suggestion:
        assert suggestion in refused.value.message.lower()


def test_reserved_names_pass_only_when_asked_for() -> None:
    for written in ("shop.example", "example.test", "*.a.localhost", "b.invalid"):
        assert parse(written, allow_reserved=True).text == written
    for written in ("test", "example", "*.test", "x.local", "x.internal"):
        with pytest.raises(UnacceptableName):
            parse(written, allow_reserved=True)


def test_the_message_never_carries_a_long_text_whole() -> None:
    with pytest.raises(UnacceptableName) as refused:
        parse("!" * 1900)
    assert len(refused.value.message) < 300
    assert len(refused.value.text) <= 300


def test_the_refusal_survives_pickling() -> None:
    with pytest.raises(UnacceptableName) as refused:
        parse("https://example.com/")
    again = pickle.loads(pickle.dumps(refused.value))
    assert (again.slug, again.message, again.suggestion) == ("url", str(refused.value), "example.com")


def test_many_names_are_read_from_any_list_once_each_in_their_order() -> None:
    text = "b.com, a.com;*.a.com\r\n\tB.COM.\nmünchen.de、c.com"
    assert [name.text for name in parse_many(text)] == [
        "b.com",
        "a.com",
        "*.a.com",
        "xn--mnchen-3ya.de",
        "c.com",
    ]
    assert parse_many(["b.com", "a.com b.com"]) == parse_many("b.com a.com")


def test_a_list_of_names_has_a_limit() -> None:
    hundred = " ".join(f"a{n}.com" for n in range(100))
    assert len(parse_many(hundred)) == 100
    assert len(parse_many(hundred + " a0.com")) == 100
    with pytest.raises(UnacceptableName) as refused:
        parse_many(hundred + " one.more.com")
    assert refused.value.slug == "too_many"
    with pytest.raises(UnacceptableName) as refused:
        parse_many("a.com " * 1_000_000)
    assert refused.value.slug == "too_many"


@pytest.mark.parametrize("text", ["", " ,;\n", []])
def test_no_name_at_all_is_refused(text: str | list[str]) -> None:
    with pytest.raises(UnacceptableName) as refused:
        parse_many(text)
    assert refused.value.slug == "empty"


def test_a_wildcard_covers_exactly_one_label() -> None:
    wildcard = parse("*.example.com")
    assert wildcard.covers(parse("a.example.com"))
    assert wildcard.covers(wildcard)
    assert not wildcard.covers(parse("example.com"))
    assert not wildcard.covers(parse("a.b.example.com"))
    assert not wildcard.covers(parse("*.a.example.com"))
    assert not wildcard.covers(parse("aexample.com"))
    assert not parse("example.com").covers(parse("a.example.com"))
    assert not parse("a.example.com").covers(wildcard)


def test_parents_end_at_the_registrable_domain() -> None:
    def texts(written: str) -> list[str]:
        return [parent.text for parent in parse(written).parents()]

    assert texts("a.b.example.co.uk") == ["b.example.co.uk", "example.co.uk"]
    assert texts("*.b.example.co.uk") == ["b.example.co.uk", "example.co.uk"]
    assert texts("example.co.uk") == []
    assert texts("*.example.co.uk") == ["example.co.uk"]


def test_authorization_domains_begin_with_the_name_itself() -> None:
    found = [name.text for name in parse("*.a.example.com").authorization_domains()]
    assert found == ["a.example.com", "example.com"]
    assert [name.text for name in parse("example.com").authorization_domains()] == ["example.com"]


def test_the_registrable_domain_follows_the_icann_section_and_the_rate_limit_group_the_whole_list() -> None:
    name = parse("shop.foo.github.io")
    assert name.registrable == "github.io"
    assert name.rate_limit_group == "foo.github.io"
    assert parse("a.b.example.co.uk").registrable == "example.co.uk"
    assert parse("www.city.kawasaki.jp").registrable == "city.kawasaki.jp"
    assert parse("a.shop.example", allow_reserved=True).registrable == "shop.example"
    assert parse("shop.münchen.de").registrable == "xn--mnchen-3ya.de"
    assert parse("x.y.公司.cn").registrable == "y.xn--55qx5d.cn"


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("xn--mnchen-3ya.de", "münchen.de"),
        ("*.xn--mnchen-3ya.de", "*.münchen.de"),
        ("example.com", "example.com"),
        ("例え.jp", "例え.jp"),
        ("пример.рф", "пример.рф"),
        ("аррӏе.com", "xn--80ak6aa92e.com"),  # every letter Cyrillic, reads "apple"
        ("сора.com", parse("сора.com").ascii),
        ("νικοη.com", parse("νικοη.com").ascii),
        ("ɡoogle.com", parse("ɡoogle.com").ascii),
        ("aノb.com", parse("aノb.com").ascii),
        ("mıcrosoft.com", parse("mıcrosoft.com").ascii),
    ],
)
def test_the_form_for_people_never_imitates_another_name(written: str, shown: str) -> None:
    assert parse(written).unicode == shown


def test_a_stored_a_label_that_does_not_decode_is_shown_as_it_is() -> None:
    assert Name.of("xn--a.com").unicode == "xn--a.com"
    assert Name.of("xn--pple-43d.com").unicode == "xn--pple-43d.com"


def test_names_are_values() -> None:
    assert parse("A.com") == parse("a.com.")
    assert len({parse("a.com"), parse("*.a.com"), Name.of("*.a.com")}) == 2
    assert sorted([parse("b.com"), parse("*.a.com"), parse("a.com")]) == [
        Name("a.com"),
        Name("a.com", True),
        Name("b.com"),
    ]
    assert parse("*.a.com").base == Name("a.com")
    assert str(parse("*.a.com")) == "*.a.com"
    assert parse("münchen.de").is_idn
    assert not parse("munchen.de").is_idn


def test_scripts_know_languages_written_with_several() -> None:
    assert not scripts.mixed("漢字ひらがなカタカナー々abc1-")
    assert not scripts.mixed("漢字ㄅㄆabc")
    assert not scripts.mixed("٠١٢مرحبا")
    assert scripts.mixed("ひ한")
    assert scripts.deceptive("·")


@given(st.text(max_size=80))
@settings(max_examples=600, deadline=None)
def test_any_text_gives_a_clean_name_or_a_refusal(text: str) -> None:
    try:
        name = parse(text, allow_reserved=True)
    except UnacceptableName as refused:
        said = refused.message
    else:
        said = ""
    if said:
        assert said.isprintable()
        return
    assert name.ascii.isascii()
    assert name.ascii == name.ascii.lower()
    assert set(name.ascii) <= set("abcdefghijklmnopqrstuvwxyz0123456789-.")
    assert parse(name.text, allow_reserved=True) == name
    assert parse(name.unicode, allow_reserved=True) == name


@given(st.from_regex(r"\A(\*\.)?([a-zа-яäöüα-ω0-9*_-]{1,9}\.){1,4}(com|co\.uk|рф|test)\Z"))
@settings(max_examples=400, deadline=None)
def test_what_it_accepts_it_reads_back_from_both_forms(text: str) -> None:
    try:
        name = parse(text, allow_reserved=True)
    except UnacceptableName:
        return
    assert parse(name.text, allow_reserved=True) == name
    assert parse(name.unicode, allow_reserved=True) == name


def test_hostile_lengths_cost_little() -> None:
    started = time.process_time()
    for text in (
        "ü" * 1990,
        "a." * 990,
        "xn--" + "a" * 1990,
        "*" * 2000,
        "@" * 2000,
        "1." * 990,
        "a" * 10_000_000,
    ):
        with pytest.raises(UnacceptableName):
            parse(text)
    assert time.process_time() - started < 5
