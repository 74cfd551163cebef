"""A seeded shop, people with verified addresses, and a gateway under our thumb."""

from __future__ import annotations

import uuid

import pytest
from allauth.account.models import EmailAddress
from django.db import connections

from identifiers.names import Name
from orders import catalogue, checkout, drafts
from orders.models import Agreement, Product
from tests.conftest import NOW
from tests.orders.fake_gateway import FakeGateway

PURCHASER = {
    "purchaser_name": "Alice Archer",
    "purchaser_email": "alice@example.org",
    "purchaser_country": "DE",
}


@pytest.fixture(autouse=True)
def _fresh_rate_limits(settings):
    """Count in this process only: a neighbour's test run must not empty or fill our limits."""
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": uuid.uuid4().hex}
    }


@pytest.fixture
def gateway(settings):
    fake = FakeGateway().start()
    settings.STRIPE_API_BASE = fake.url
    settings.STRIPE_SECRET_KEY = "sk_test_sandbox"
    settings.STRIPE_WEBHOOK_SECRETS = ["whsec_sandbox"]
    yield fake
    fake.stop()


@pytest.fixture
def shop(db):
    catalogue.seed(NOW, "EUR")
    return {product.slug: product for product in Product.objects.prefetch_related("prices")}


@pytest.fixture
def buyer(alice):
    EmailAddress.objects.create(user=alice, email=alice.email, verified=True, primary=True)
    return alice


@pytest.fixture
def draft(shop, buyer):
    names = [Name("shop.example"), Name("www.shop.example")]
    return drafts.begin(shop["dv"], names, 1, owner=buyer, now=NOW)


@pytest.fixture
def order(draft, buyer):
    """An order that awaits payment: 19.00 + 9.00."""
    checkout.place(draft, PURCHASER, Agreement.objects.current(), by=buyer, address="192.0.2.7", now=NOW)
    return draft


@pytest.fixture
def payment(order, buyer, gateway):
    return checkout.start_payment(order, by=buyer, now=NOW)


@pytest.fixture
def file_database(transactional_db, tmp_path):
    """Threads need a database on disk: SQLite in memory locks whole tables against its own process."""
    memory = connections["default"]
    if memory.vendor != "sqlite":
        yield
        return
    import sqlite3

    name = memory.settings_dict["NAME"]
    memory.ensure_connection()
    on_disk = sqlite3.connect(tmp_path / "threads.sqlite3")
    memory.connection.backup(on_disk)
    on_disk.close()
    memory.settings_dict["NAME"] = str(tmp_path / "threads.sqlite3")
    connections["default"] = connections.create_connection("default")
    yield
    connections["default"].close()
    memory.settings_dict["NAME"] = name
    connections["default"] = memory
