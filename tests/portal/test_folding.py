"""Templates fold what never varies, and say exactly what they would have said."""

from __future__ import annotations

import uuid

import pytest
from django.template import Context, Engine
from django.template.base import NodeList
from django.urls import NoReverseMatch, set_script_prefix
from django.utils import translation

from portal.folding import FoldedNode, fold

LIBRARIES = {
    "i18n": "django.templatetags.i18n",
    "static": "django.templatetags.static",
    "components": "portal.templatetags.components",
}
LOADERS = ["django.template.loaders.locmem.Loader"]


def engine(**templates: str) -> Engine:
    loaders = [("portal.folding.Loader", [(LOADERS[0], templates)])]
    return Engine(loaders=loaders, libraries=LIBRARIES, builtins=list(LIBRARIES.values()))


def plain(source: str) -> Engine:
    return Engine(
        loaders=[(LOADERS[0], {"page": source})], libraries=LIBRARIES, builtins=list(LIBRARIES.values())
    )


@pytest.fixture(autouse=True)
def _at_the_root():
    yield
    set_script_prefix("/")


@pytest.mark.parametrize(
    "source",
    [
        "a{% translate 'Yes' %}{% icon 'key' %}{% url 'products' %}{% url 'guide' 'keys' %}{{ who }}{% static 'icon.svg' %}z",
        "{% if who %}{% translate 'Yes' %} {% else %}{% translate 'No' %} {% endif %}",
        "{% for n in many %}{% translate 'Yes' %}{{ n }}{% empty %}{% icon 'key' %}!{% endfor %}",
        "{% translate 'Yes' as yes %}{{ yes }}{% url 'products' as here %}{{ here }}",
        "{% blocktranslate %}one & two{% endblocktranslate %}{% blocktranslate count n=many|length %}{{ n }} name{% plural %}{{ n }} names{% endblocktranslate %}",
        "{% autoescape off %}{% translate '<b>' %}{{ who }}{% endautoescape %}{% translate '<b>' %}",
        "{% comment %}nothing{% endcomment %}{% load i18n %}{% icon 'key' who %}{% url 'order_detail' id %}",
        "{% csrf_token %}{% csrf_token %}",
    ],
)
def test_a_folded_template_says_what_the_plain_one_says(source):
    context = {
        "who": "<Ann>", "many": [1, 2], "id": "2f4c2b43-6f0f-4f0e-9a52-3b1f6a0d7a11", "csrf_token": "abc",
    }  # fmt: skip
    folded = engine(page=source).get_template("page")
    expected = plain(source).get_template("page").render(Context(context))
    assert [folded.render(Context(context)) for _time in range(2)] == [expected, expected]


ONE, OTHER = uuid.UUID("2f4c2b43-6f0f-4f0e-9a52-3b1f6a0d7a11"), uuid.UUID(int=0)


@pytest.mark.parametrize(
    "source",
    [
        "{% url 'overview' key %}?a={{ key }}",
        "{% url 'overview' text %}",
        "{% url 'activation-approvers' key 3 %}",
        "{% url 'overview' plan_id=key %}",
        "{% url 'overview' key as here %}{{ here }}",
        "{% autoescape off %}{% url 'overview' key %}{% endautoescape %}",
    ],
)
@pytest.mark.parametrize("prefix", ["/", "/a&b/"])
def test_an_address_is_that_of_the_object_that_is_meant(source, prefix):
    set_script_prefix(prefix)
    folded, whole = engine(page=source).get_template("page"), plain(source).get_template("page")
    for key in (ONE, OTHER, ONE):
        context = {"key": key, "text": str(key)}
        assert folded.render(Context(context)) == whole.render(Context(context))


def test_an_address_that_is_none_is_still_refused():
    page = engine(page="{% url 'overview' key %}").get_template("page")
    page.render(Context({"key": ONE}))
    with pytest.raises(NoReverseMatch):
        page.render(Context({"key": "no key"}))


def test_neighbours_that_never_differ_become_one():
    nodes = plain("a{% translate 'Yes' %}b{% icon 'key' %}{{ who }}c").get_template("page").nodelist
    fold(nodes)
    assert [type(node).__name__ for node in nodes] == ["FoldedNode", "VariableNode", "TextNode"]


def test_blocks_are_found_and_filled_in_a_folded_parent():
    shop = engine(
        base="{% translate 'Yes' %}[{% block main %}{% icon 'key' %}{% endblock %}]",
        page="{% extends 'base' %}{% block main %}{% translate 'No' %}{{ block.super|length }}{% endblock %}",
    )
    first = shop.get_template("page").render(Context())
    assert first.startswith("Yes[No")
    assert first == shop.get_template("page").render(Context())
    assert "<svg" in shop.get_template("base").render(Context())


def test_each_language_has_its_own_words_even_in_the_middle_of_a_template():
    page = engine(
        page="{% translate 'Yes' %}.{% language 'de' %}{% translate 'Yes' %}{% endlanguage %}.{% translate 'Yes' %}"
    ).get_template("page")
    assert page.render(Context()) == "Yes.Ja.Yes"
    with translation.override("fr"):
        assert page.render(Context()) == "Oui.Ja.Oui"
    assert page.render(Context()) == "Yes.Ja.Yes"


def test_addresses_follow_where_the_portal_is_mounted():
    page = engine(page="{% url 'products' %}").get_template("page")
    assert page.render(Context()) == "/products/"
    set_script_prefix("/shop/")
    assert page.render(Context()) == "/shop/products/"


def test_an_address_of_a_namespace_is_not_folded():
    page = engine(page="{% url 'admin:index' %}{{ x }}").get_template("page")
    assert isinstance(page.nodelist, NodeList)
    assert not any(isinstance(node, FoldedNode) for node in page.nodelist)
