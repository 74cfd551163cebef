"""The tags and filters of the design system: `{% load components %}`."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from textwrap import dedent
from typing import Any

from django import template
from django.conf import settings
from django.forms import BoundField
from django.template.base import FilterExpression, NodeList, Parser, Token
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from identifiers.names import Name
from portal.folding import constant
from portal.money_text import exponent, money_text
from portal.standings import Face, face
from portal.time_text import day as day_text
from portal.time_text import distance, exact

register = template.Library()

_SYMBOL = re.compile(r'<symbol id="([a-z-]+)">(.*?)</symbol>', re.DOTALL)


# --- pictures -------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _symbols() -> dict[str, str]:
    sprite = Path(settings.BASE_DIR) / "templates" / "components" / "icons.svg"
    return dict(_SYMBOL.findall(sprite.read_text(encoding="utf-8")))


@register.simple_tag
@constant
@lru_cache(maxsize=512)
def icon(name: str, label: str = "") -> SafeString:
    """Draw an icon of components/icons.svg; without a label it is decoration. Raises KeyError."""
    drawing = mark_safe(_symbols()[name])  # noqa: S308 - our own file
    if label:
        return format_html(
            '<svg class="icon" viewBox="0 0 24 24" role="img" aria-label="{}">{}</svg>', label, drawing
        )
    return format_html(
        '<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">{}</svg>', drawing
    )


@register.simple_tag
def icon_names() -> list[str]:
    return sorted(_symbols())


@register.filter
def standing_face(word: object) -> Face:
    """Return the word, icon and tone of one of the ten headline words. Raises KeyError."""
    return face(word)


@register.inclusion_tag("components/standing.html")
def standing(word: object, large: bool = False) -> dict[str, Any]:
    return {"word": word, "large": large}


# --- money, time, names -----------------------------------------------------------------------------


@register.simple_tag
def money(amount: int, currency: str) -> SafeString:
    """`{% money 4900 "EUR" %}`: "€49.00". Integer minor units."""
    value = str(Decimal(amount).scaleb(-exponent(currency)))
    return format_html(
        '<data class="money" value="{} {}">{}</data>', value, currency.upper(), money_text(amount, currency)
    )


@register.simple_tag
def when(moment: dt.datetime | None, now: dt.datetime, style: str = "distance") -> SafeString:
    """`{% when certificate.not_after now %}`: "in 12 days", the exact UTC time behind it; nothing for None.

    style "exact" shows the date and keeps the distance behind it; "both" shows both.
    """
    if moment is None:
        return format_html('<span class="muted" aria-label="{}">–</span>', _("not yet"))
    iso = moment.astimezone(dt.UTC).isoformat(timespec="seconds")
    near, far = distance(moment, now), exact(moment)
    if style == "both":
        return format_html('<time datetime="{}">{} <span class="muted">({})</span></time>', iso, far, near)
    if style == "exact":
        return format_html('<time datetime="{}" title="{}">{}</time>', iso, near, far)
    return format_html('<time datetime="{}" title="{}">{}</time>', iso, exact(moment, seconds=True), near)


@register.filter
def day(moment: dt.datetime) -> str:
    """`{{ plan.ends_at|day }}`: "24 Nov 2026"."""
    return day_text(moment)


@register.filter
def as_people_write(name: Name | str) -> SafeString:
    """`{{ "xn--mnchen-3ya.example"|as_people_write }}`: "münchen.example", the A-label beside it when they differ."""
    known = name if isinstance(name, Name) else Name.of(str(name))
    if known.unicode == known.text:
        return format_html('<span class="break">{}</span>', known.text)
    return format_html(
        '<span class="break">{} <span class="alabel muted mono">({})</span></span>', known.unicode, known.text
    )


# --- forms --------------------------------------------------------------------------------------------


@register.filter
def control(bound: BoundField) -> SafeString:
    """Render the widget of a field; Django ties it to `<id>_helptext` and `<id>_error` itself."""
    widget = bound.field.widget
    attrs: dict[str, str | bool] = {}
    # A placeholder that repeats the label is read twice and vanishes when it is needed.
    label, placeholder = str(bound.label).lower(), str(widget.attrs.get("placeholder", "")).lower()
    if placeholder and (label in placeholder or placeholder in label):
        del widget.attrs["placeholder"]
    if getattr(widget, "input_type", "") == "password":
        attrs["data-reveal"] = ""
    return bound.as_widget(attrs=attrs)


@register.filter
def kind(bound: BoundField) -> str:
    """How a field is laid out: group (radios, checkboxes), tick (one checkbox), plain or hidden."""
    if bound.is_hidden:
        return "hidden"
    if bound.widget_type in {"radioselect", "checkboxselectmultiple"}:
        return "group"
    return "tick" if getattr(bound.field.widget, "input_type", "") == "checkbox" else "plain"


@register.inclusion_tag("components/field.html")
def field(bound: BoundField, **options: Any) -> dict[str, Any]:
    """`{% field form.email %}`; options: label, help, optional_mark, cards, mono_label, wide. See the template."""
    return {"field": bound, **options}


@register.filter
def is_text(value: object) -> bool:
    return isinstance(value, str)


# --- things one copies ----------------------------------------------------------------------------------


@register.inclusion_tag("components/copy.html")
def copy(value: str, label: str, *, id: str = "", lines: bool = False) -> dict[str, Any]:
    """`{% copy record.value "record value" %}`: a text exactly as it must be pasted, with a Copy button.

    `label` is what it is, for screen readers: "Copy record value". `lines`: there are several, kept as they are.
    """
    return {"value": value, "label": label, "id": id, "lines": lines}


@register.tag
def commands(parser: Parser, token: Token) -> CommandsNode:
    """`{% commands %}…{% endcommands %}`: a block of text, escaped as a whole, with a Copy button.

    Takes one optional argument, the button's accessible name.
    """
    bits = token.split_contents()[1:]
    label = parser.compile_filter(bits[0]) if bits else None
    nodes = parser.parse(("endcommands",))
    parser.delete_first_token()
    return CommandsNode(nodes, label)


class CommandsNode(template.Node):
    def __init__(self, nodelist: NodeList, label: FilterExpression | None) -> None:
        self.nodelist = nodelist
        self.label = label

    def render(self, context: template.Context) -> SafeString:
        autoescape, context.autoescape = context.autoescape, False
        try:
            text = dedent(str(self.nodelist.render(context))).strip("\n").rstrip()
        finally:
            context.autoescape = autoescape
        label = self.label.resolve(context) if self.label else _("commands")
        # "" +: the text was rendered unescaped, so the component must escape it.
        return render_to_string("components/copy.html", copy("" + text, label, lines=True))
