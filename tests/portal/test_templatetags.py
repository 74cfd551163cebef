"""Money, time, names, icons, standings, fields and things one copies."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from django import forms
from django.template import Context, Template
from django.template.loader import render_to_string

from identifiers.names import parse
from portal.money_text import money_text
from portal.standings import FACES, face
from portal.templatetags.components import icon, icon_names
from portal.time_text import distance, exact

NOW = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)


def render(source: str, **context: object) -> str:
    return Template("{% load components %}" + source).render(Context(context))


# --- money ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (4900, "EUR", "€49.00"),
        (5, "eur", "€0.05"),
        (0, "GBP", "£0.00"),
        (123456789, "USD", "US$1,234,567.89"),
        (5000, "JPY", "¥5,000"),
        (1234, "KWD", "1.234 KWD"),
        (-990, "CHF", "−9.90 CHF"),
        (10**17 + 1, "EUR", "€1,000,000,000,000,000.01"),
    ],
)
def test_money_is_written_with_its_currency_and_its_own_decimals(amount, currency, text):
    assert money_text(amount, currency) == text


@pytest.mark.parametrize("amount", [49.0, "49", True, None])
def test_money_that_is_not_whole_minor_units_is_refused(amount):
    with pytest.raises(TypeError):
        money_text(amount, "EUR")


def test_money_carries_its_value_for_machines():
    assert render('{% money 4900 "EUR" %}') == '<data class="money" value="49.00 EUR">€49.00</data>'
    assert 'value="-9.90 CHF"' in render('{% money amount "CHF" %}', amount=-990)
    big = 10**17 + 1
    assert 'value="1000000000000000.01 EUR"' in render('{% money amount "EUR" %}', amount=big)


# --- time ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "just now"),
        (-9, "just now"),
        (30, "in 30 seconds"),
        (-60, "1 minute ago"),
        (59 * 60, "in 59 minutes"),
        (2 * 3600, "in 2 hours"),
        (36 * 3600, "in 1 day"),
        (12 * 86400 + 3600, "in 12 days"),
        (12 * 86400 - 1, "in 11 days"),
        (199 * 86400, "in 199 days"),
        (-400 * 86400, "400 days ago"),
        (800 * 86400, "in 2 years"),
    ],
)
def test_a_distance_in_time_is_said_as_people_say_it(seconds, text):
    assert distance(NOW + dt.timedelta(seconds=seconds), NOW) == text


def test_a_time_without_its_zone_is_refused():
    with pytest.raises(ValueError, match="zone"):
        distance(NOW.replace(tzinfo=None), NOW)


def test_the_exact_time_is_utc_wherever_the_moment_came_from():
    tokyo = dt.timezone(dt.timedelta(hours=9))
    moment = dt.datetime(2026, 12, 5, 22, 30, 7, tzinfo=tokyo)
    assert exact(moment) == "5 December 2026, 13:30 UTC"
    shown = render("{% when moment now %}", moment=moment, now=NOW)
    assert 'datetime="2026-12-05T13:30:07+00:00"' in shown
    assert 'title="5 December 2026, 13:30:07 UTC"' in shown
    assert ">in 12 days<" in shown


def test_a_moment_that_has_not_come_is_a_dash_with_a_name():
    assert "not yet" in render("{% when moment now %}", moment=None, now=NOW)


def test_both_styles_show_the_date_in_the_text():
    moment = NOW + dt.timedelta(days=3)
    assert "26 November 2026, 12:00 UTC" in render('{% when m now "both" %}', m=moment, now=NOW)
    assert ">26 November 2026, 12:00 UTC<" in render('{% when m now "exact" %}', m=moment, now=NOW)


# --- names, icons, standings ------------------------------------------------------------------------


def test_an_idn_is_shown_as_people_write_it_with_the_a_label_beside():
    shown = render("{{ name|as_people_write }}", name="xn--mnchen-3ya.com")
    assert "münchen.com" in shown
    assert "xn--mnchen-3ya.com" in shown
    assert (
        render("{{ name|as_people_write }}", name=parse("*.example.com"))
        == '<span class="break">*.example.com</span>'
    )


def test_a_name_with_markup_is_escaped():
    assert "<script>" not in render("{{ name|as_people_write }}", name="<script>alert(1)</script>")


def test_an_icon_is_decoration_unless_it_is_named():
    assert 'aria-hidden="true"' in icon("check")
    named = icon("check", 'ok "quoted"')
    assert 'role="img"' in named
    assert "&quot;quoted&quot;" in named
    with pytest.raises(KeyError):
        icon("nope")


def test_every_headline_word_has_an_icon_that_exists_and_a_tone():
    assert len(FACES) == 10
    for one in FACES.values():
        assert one.icon in icon_names()
        assert one.tone in {"ok", "wait", "bad", "info", "quiet"}


@pytest.mark.parametrize("word", ["waiting_for_you", "Waiting for you", "waiting-for-you"])
def test_a_standing_is_known_by_slug_and_by_its_words(word):
    assert str(face(word).word) == "Waiting for you"
    shown = render("{% standing word %}", word=word)
    assert "Waiting for you" in shown
    assert "<svg" in shown


def test_every_headline_word_is_found_by_its_own_words():
    for one in FACES.values():
        assert face(str(one.word)) is one


def test_an_unknown_standing_is_an_error_and_not_an_empty_pill():
    with pytest.raises(KeyError):
        face("pending")


# --- fields -----------------------------------------------------------------------------------------


class Sample(forms.Form):
    email = forms.EmailField(
        label="Email",
        help_text="We write rarely.",
        widget=forms.EmailInput(attrs={"placeholder": "Email address"}),
    )
    password = forms.CharField(widget=forms.PasswordInput)
    note = forms.CharField(required=False, widget=forms.TextInput(attrs={"placeholder": "blue door"}))
    method = forms.ChoiceField(widget=forms.RadioSelect, choices=[("http", "HTTP"), ("dns", "DNS")])
    agree = forms.BooleanField(label="I agree")
    token = forms.CharField(widget=forms.HiddenInput, required=False)


def test_a_field_ties_label_help_and_error_to_its_control():
    form = Sample({"email": "<b>no"})
    shown = render("{% field form.email %}", form=form)
    assert '<label class="label" for="id_email">Email</label>' in shown
    assert 'id="id_email_helptext"' in shown
    assert 'id="id_email_error"' in shown
    assert 'aria-describedby="id_email_helptext id_email_error"' in shown
    assert 'aria-invalid="true"' in shown
    assert "&lt;b&gt;no" in shown


def test_a_placeholder_that_repeats_the_label_is_dropped_and_another_kept():
    assert "placeholder" not in render("{% field form.email %}", form=Sample())
    assert 'placeholder="blue door"' in render("{% field form.note %}", form=Sample())


def test_optional_fields_say_so_and_required_ones_are_marked_for_machines():
    assert "(optional)" in render("{% field form.note %}", form=Sample())
    required = render("{% field form.password %}", form=Sample())
    assert "(optional)" not in required
    assert "required" in required
    assert "data-reveal" in required


def test_radios_are_a_group_with_a_legend_and_the_error_inside():
    shown = render("{% field form.method %}", form=Sample({"email": "a@example.org"}))
    assert "<fieldset" in shown
    assert "<legend>Method" in shown
    assert 'id="id_method_error"' in shown
    assert shown.count('type="radio"') == 2
    ids = re.findall(r' id="([^"]+)"', shown)
    assert len(ids) == len(set(ids))


def test_a_single_tick_stands_before_its_label_and_a_hidden_field_is_bare():
    assert re.search(
        r'<label class="choice".*<input.*I agree', render("{% field form.agree %}", form=Sample())
    )
    assert render("{% field form.token %}", form=Sample()).strip().startswith('<input type="hidden"')


def test_the_summary_of_errors_links_to_each_field():
    form = Sample({"email": "no"})
    shown = render_to_string("components/form_errors.html", {"form": form})
    assert "Please check 4 things" in shown
    for target in ("#id_email", "#id_password", "#id_method", "#id_agree"):
        assert f'href="{target}"' in shown
    assert render_to_string("components/form_errors.html", {"form": Sample()}).strip() == ""


# --- things one copies --------------------------------------------------------------------------------


def test_commands_are_escaped_as_a_whole_and_dedented():
    shown = render(
        "{% commands %}\n    echo '<b>' > file && cat {{ name }}\n      deeper\n{% endcommands %}", name="<i>"
    )
    assert "echo &#x27;&lt;b&gt;&#x27; &gt; file &amp;&amp; cat &lt;i&gt;\n  deeper</pre>" in shown
    assert "<b>" not in shown


def test_a_value_to_copy_is_escaped_and_its_button_waits_for_javascript():
    shown = render('{% copy text "value" %}', text='"><script>')
    assert "<script>" not in shown
    assert re.search(r"<button[^>]* hidden>", shown)


def test_expected_and_seen_say_what_is_there_in_words():
    base = {"expected": "abc", "label": "value", "now": NOW}
    right = render_to_string("components/expected_seen.html", {**base, "seen": "abc", "match": True})
    nothing = render_to_string("components/expected_seen.html", {**base, "seen": "", "match": False})
    several = render_to_string(
        "components/expected_seen.html", {**base, "seen": ["x", "<y>"], "match": False}
    )
    unlooked = render_to_string("components/expected_seen.html", {**base, "match": None})
    assert "This is right." in right
    assert "Nothing there yet." in nothing
    assert several.count('<code class="seen">') == 2
    assert "&lt;y&gt;" in several
    assert "not looked yet" in unlooked


def test_a_stepper_links_what_is_done_and_marks_where_one_is():
    steps = [
        {"title": "CSR", "url": "/1", "done": True, "current": False},
        {"title": "Contacts", "url": "/2", "done": False, "current": True},
        {"title": "Approve", "url": None, "done": False, "current": False},
    ]
    shown = render_to_string("components/stepper.html", {"steps": steps})
    assert '<a href="/1">' in shown
    assert shown.count('aria-current="step"') == 1
    assert "Step 2 of 3:" in shown
    assert 'href="/2"' not in shown


def test_a_timeline_says_each_state_in_words():
    steps = [
        {"title": "A", "state": state, "at": NOW, "detail": None}
        for state in ("done", "now", "todo", "failed")
    ]
    shown = render_to_string("components/timeline.html", {"steps": steps, "now": NOW, "live": True})
    for word in ("done", "in progress", "not started", "failed"):
        assert f": {word}</span>" in shown
    assert 'aria-live="polite"' in shown
    assert "None" not in shown
