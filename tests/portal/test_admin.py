"""The admin as a whole: every page of every noun opens, shows no secret, stays quick, and is audited."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import connection
from django.db.models import BinaryField
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from audit.admin_pages import page_of
from audit.models import Entry
from certificates.models import Activation, PrivateKey
from tests.factories import UserFactory
from tests.portal.walk_rows import SECRET, SESSION_URL, whole_story

pytestmark = pytest.mark.django_db

OURS = ("accounts", "audit", "orders", "validation", "certificates")
# Nouns that are shown inside another noun's page, or to nobody.
WITHOUT_PAGE = {
    "Link",
    "OrderItem",
    "OrderName",
    "Price",
    "ActivationName",
    "ProductIssuer",
    "CaLimit",
    "CaUse",
    "Challenge",
    "Publication",
    "PrivateKey",
}


def registered():
    return [model for model in admin.site._registry if model._meta.app_label in OURS]


def changelist(model):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def change(model, pk):
    return page_of(model(pk=pk))


def inline_things(text: str) -> list[str]:
    """What a strict CSP would refuse: scripts without a source, style and on… attributes, javascript: links."""
    found: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag, attrs):
            names = dict(attrs)
            if tag == "style" or (
                tag == "script" and "src" not in names and names.get("type") != "application/json"
            ):
                found.append(tag)
            found.extend(name for name, value in attrs if name == "style" or name.startswith("on"))
            found.extend(
                value for _name, value in attrs if (value or "").strip().lower().startswith("javascript:")
            )

    Reader().feed(text)
    return found


@pytest.fixture
def story(alice):
    return whole_story(alice)


@pytest.fixture
def root(db):
    return UserFactory(email="root@portal.example", is_staff=True, is_superuser=True)


def test_every_noun_has_a_page_or_is_named_as_having_none():
    nouns = {model.__name__ for label in OURS for model in apps.get_app_config(label).get_models()}
    assert nouns - {model.__name__ for model in registered()} == WITHOUT_PAGE


@pytest.mark.parametrize("model", registered(), ids=lambda m: m.__name__)
def test_every_list_and_every_row_opens_and_shows_no_secret(client, root, story, model):
    client.force_login(root)
    texts = [client.get(changelist(model), {"q": "shop"}), client.get(changelist(model))]
    for row in model._default_manager.all()[:5]:
        texts.append(client.get(page_of(row)))
        texts.append(client.get(page_of(row).replace("/change/", "/history/")))
    assert len(texts) > 2, "the story has a row of every noun"
    for response in texts:
        assert response.status_code == 200
        text = response.content.decode()
        for secret in (SECRET, SESSION_URL, "BEGIN PRIVATE", "<script>alert", "<img src=x"):
            assert secret not in text, secret


@pytest.mark.parametrize("model", registered(), ids=lambda m: m.__name__)
def test_no_page_of_the_admin_has_anything_inline(client, root, story, model):
    client.force_login(root)
    row = model._default_manager.first()
    urls = [changelist(model), change(model, row.pk)]
    if admin.site._registry[model].has_add_permission(client.get("/").wsgi_request):
        urls.append(reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_add"))
    for url in urls:
        response = client.get(url)
        assert inline_things(response.content.decode()) == [], url
        assert "'unsafe" not in response["Content-Security-Policy"]


@pytest.mark.parametrize("model", registered(), ids=lambda m: m.__name__)
def test_no_list_takes_more_queries_for_more_rows(client, root, model, django_assert_num_queries):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    client.force_login(root)
    whole_story(UserFactory(), "one.example")
    client.get(changelist(model))
    with CaptureQueriesContext(connection) as few:
        client.get(changelist(model))
    for n in range(4):
        whole_story(UserFactory(), f"shop{n}.example", f"www.shop{n}.example")
    with django_assert_num_queries(len(few)):
        assert client.get(changelist(model)).status_code == 200


@pytest.mark.parametrize("model", registered(), ids=lambda m: m.__name__)
def test_a_pasted_id_and_nonsense_can_be_searched_for_everywhere(client, root, story, model):
    client.force_login(root)
    for text in (
        str(story.plan.pk),
        "shop.example",
        story.order.number,
        "%",
        "'",
        "\x00",
        "x" * 3000,
        "a b c",
    ):
        assert client.get(changelist(model), {"q": text}).status_code in {200, 302}


@pytest.mark.parametrize("model", registered(), ids=lambda m: m.__name__)
def test_no_search_leaves_the_database_a_subquery_to_look_through_for_each_row(client, root, story, model):
    client.force_login(root)
    for text in (str(story.plan.pk), "shop.example", story.order.number, "alice@"):
        with CaptureQueriesContext(connection) as asked:
            client.get(changelist(model), {"q": text})
        assert not [query["sql"] for query in asked if re.search(r"\bOR\b.*\bIN \(SELECT", query["sql"])]


@pytest.mark.parametrize("text", ["number", "email", "contact", "name", "id"])
def test_an_activation_is_found_by_what_support_is_told(client, root, story, text):
    other = whole_story(UserFactory(), "elsewhere.example")
    mine = Activation.objects.get(plan=story.plan)
    for activation in (mine, Activation.objects.get(plan=other.plan)):
        Activation.objects.filter(pk=activation.pk).update(admin_email=f"it{activation.pk}@firm.example")
    client.force_login(root)
    told = {
        "number": story.order.number.lower(), "email": "ALICE@", "contact": f"it{mine.pk}@",
        "name": "shop.example", "id": str(story.plan.pk),
    }  # fmt: skip
    page = client.get(changelist(Activation), {"q": told[text]})
    assert list(page.context["cl"].queryset) == [mine]


@pytest.mark.parametrize("model", registered(), ids=lambda m: m.__name__)
def test_binary_columns_are_never_fields_of_a_page(model):
    page = admin.site._registry[model]
    binary = {field.name for field in model._meta.get_fields() if isinstance(field, BinaryField)}
    assert not binary & {str(name) for name in (page.fields or ())}
    assert not binary & {str(name) for name in page.list_display}


def test_private_keys_have_no_page_and_no_permission(client, root):
    assert PrivateKey not in admin.site._registry
    assert not any("privatekey" in permission for permission in root.get_all_permissions())


def test_nothing_can_be_deleted_by_the_dozen(rf, root):
    request = rf.get("/")
    request.user = root
    for model in registered():
        assert "delete_selected" not in admin.site._registry[model].get_actions(request)


# --- who sees and changes what ----------------------------------------------------------------------------


def test_support_can_open_what_it_is_shown_and_change_none_of_it(client, support, story):
    client.force_login(support)
    seen = set()
    for model in registered():
        response = client.get(changelist(model))
        if response.status_code == 403:
            continue
        seen.add(model.__name__)
        row = model._default_manager.first()
        page = client.get(change(model, row.pk))
        assert page.status_code == 200, model
        assert 'name="_save"' not in page.content.decode(), model
        assert client.post(change(model, row.pk), {"_save": "Save"}).status_code == 403, model
        for verb in ("add", "delete"):
            args = [row.pk] if verb == "delete" else []
            url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{verb}", args=args)
            assert client.get(url).status_code == 403, (model, verb)
            assert client.post(url, {"post": "yes"}).status_code == 403, (model, verb)
        links = re.findall(r'href="(/admin/[^"?#]+)"', page.content.decode())
        for link in set(links):
            assert client.get(link).status_code == 200, f"{model.__name__} links support to {link}"
    assert seen == {
        "Activation", "AcmeOrder", "Approval", "Authorization", "Certificate", "Control", "Delegation", "Entry", "Inspection", "Issuance", "Letter",
        "Order", "Payment", "Plan", "Probe", "Refund", "Revocation", "RenewalInfo", "Campaign",
    }  # fmt: skip


def test_operators_cannot_touch_people_groups_or_factors(client, operator, alice):
    client.force_login(operator)
    assert client.get(change(User, alice.pk)).status_code == 200
    assert (
        client.post(change(User, alice.pk), {"email": "alice@example.org", "is_superuser": "on"}).status_code
        == 403
    )
    assert client.get(reverse("admin:accounts_user_add")).status_code == 403
    assert client.get(reverse("admin:auth_group_changelist")).status_code == 403
    assert client.get(reverse("admin:mfa_authenticator_changelist")).status_code == 403
    assert not User.objects.filter(is_superuser=True).exists()


def test_even_with_the_permission_only_a_superuser_changes_people(client, operator, alice):
    from django.contrib.auth.models import Permission

    operator.user_permissions.add(Permission.objects.get(codename="change_user"))
    client.force_login(operator)
    response = client.post(
        change(User, operator.pk), {"email": operator.email, "is_staff": "on", "is_superuser": "on"}
    )
    assert response.status_code == 403
    assert not User.objects.get(pk=operator.pk).is_superuser


# --- what is remembered --------------------------------------------------------------------------------------


def test_a_change_of_a_product_is_remembered_by_field_not_by_value(client, operator, story):
    client.force_login(operator)
    product = story.product
    response = client.post(
        change(type(product), product.pk),
        {
            "slug": product.slug, "title": "A brand-new title", "summary": product.summary, "description": "", "level": "dv",
            "names_included": 1, "max_names": 25, "shown": "on", "note": "", "position": 0,
            "prices-TOTAL_FORMS": 1, "prices-INITIAL_FORMS": 0, "prices-0-years": 2, "prices-0-currency": "EUR",
            "prices-0-amount": 3700, "prices-0-extra_name_amount": 900,
        },
        REMOTE_ADDR="192.0.2.55",
    )  # fmt: skip
    assert response.status_code == 302, response.context["errors"]
    entry = Entry.objects.get(action="staff:changed")
    assert (entry.actor, entry.address, entry.object_kind, entry.object_id) == (
        operator.email,
        "192.0.2.55",
        "product",
        str(product.pk),
    )
    assert "Title" in str(entry.details["what"])
    assert "On sale" in str(entry.details["what"])
    assert "3700" not in str(entry.details)


def test_an_agreement_can_be_added_and_never_changed(client, operator, story):
    client.force_login(operator)
    url = reverse("admin:orders_agreement_add")
    assert (
        client.post(
            url,
            {"version": "2", "text": "Be kinder.", "published_at_0": "2026-12-01", "published_at_1": "00:00"},
        ).status_code
        == 302
    )
    assert Entry.objects.filter(
        action="staff:changed", object_kind="agreement", details__verb="added"
    ).exists()
    assert (
        client.post(
            change(type(story.agreement), story.agreement.pk), {"version": "1", "text": "Pay me."}
        ).status_code
        == 403
    )


def test_a_superuser_makes_a_person_of_the_staff_without_a_password(client, root, support):
    client.force_login(root)
    group = support.groups.get()
    data = {
        "email": "New.Person@Portal.example",
        "name": "New",
        "is_active": "on",
        "is_staff": "on",
        "groups": [group.pk],
    }
    assert client.post(reverse("admin:accounts_user_add"), data).status_code == 302
    person = User.objects.get(email="new.person@portal.example")
    assert not person.has_usable_password()
    assert list(person.groups.all()) == [group]
    assert Entry.objects.filter(
        action="staff:changed", object_id=str(person.pk), details__verb="added"
    ).exists()
    same = client.post(reverse("admin:accounts_user_add"), data | {"email": "NEW.PERSON@portal.example"})
    assert same.status_code == 200, "the same address in capitals is the same person"


def test_a_lost_second_factor_is_removed_by_a_superuser_and_remembered(client, root, operator):
    from allauth.mfa.models import Authenticator

    factor = Authenticator.objects.create(user=operator, type="totp", data={"secret": SECRET})
    client.force_login(root)
    assert SECRET not in client.get(change(Authenticator, factor.pk)).content.decode()
    assert (
        client.post(reverse("admin:mfa_authenticator_delete", args=[factor.pk]), {"post": "yes"}).status_code
        == 302
    )
    assert not Authenticator.objects.exists()
    entry = Entry.objects.get(action="staff:changed")
    assert entry.details["verb"] == "deleted"
    assert SECRET not in str(entry.details)


def test_the_admin_has_no_sign_in_and_no_password_page_of_its_own(client, operator):
    response = client.get(reverse("admin:login"))
    assert response.status_code == 302
    assert response["Location"].startswith(reverse("account_login"))
    response = client.post(reverse("admin:login"), {"username": operator.email, "password": "x"})
    assert response["Location"].startswith(reverse("account_login"))
    client.force_login(operator)
    assert client.get(reverse("admin:password_change"))["Location"] == reverse("account_change_password")


@pytest.mark.parametrize(
    "noun",
    [
        "orders_order",
        "orders_plan",
        "certificates_issuance",
        "certificates_acmeorder",
        "certificates_certificate",
    ],
)
@pytest.mark.parametrize(
    "words", [lambda s: s.order.number, lambda s: "alice@", lambda s: "Shop.exa", lambda s: "*.shop.example"]
)
def test_the_walk_is_found_by_number_mail_and_domain_each_row_once(client, root, bob, alice, noun, words):
    story = whole_story(alice, "shop.example", "*.shop.example", "shop.example.org")
    whole_story(bob, "other.example")
    client.force_login(root)
    everything = client.get(reverse(f"admin:{noun}_changelist")).context["cl"].result_count
    found = client.get(reverse(f"admin:{noun}_changelist"), {"q": words(story)}).context["cl"].result_count
    assert found == everything / 2


def test_every_time_in_the_admin_says_that_it_is_utc(client, root, story):
    client.force_login(root)
    text = client.get(page_of(story.order)).content.decode()
    assert "23\xa0Nov\xa02026, 12:00\xa0UTC" in text
