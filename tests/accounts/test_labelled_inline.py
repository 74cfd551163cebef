"""Tests of the admin's tables of rows."""

from __future__ import annotations

import re

from certificates.models import ProductIssuer
from tests.factories import CaAccountFactory, PriceFactory, ProductFactory


def test_a_choice_of_another_row_says_its_column_too(client, operator):
    issuer = ProductIssuer.objects.create(product=ProductFactory(), account=CaAccountFactory())
    client.force_login(operator)
    page = client.get(f"/admin/certificates/caaccount/{issuer.account_id}/change/").content.decode()
    fields = re.findall(r'<select[^>]*name="issuers-\d-product"[^>]*>', page)
    assert fields
    assert all('aria-label="' in field for field in fields)


def test_every_field_of_a_row_says_its_column(client, operator):
    price = PriceFactory()
    client.force_login(operator)
    page = client.get(f"/admin/orders/product/{price.product_id}/change/").content.decode()
    for column in ("years", "currency", "amount", "DELETE"):
        field = re.search(rf'<(?:input|select)[^>]*name="prices-0-{column}"[^>]*>', page)
        assert field is not None
        assert re.search(r'aria-label="[^"]+"', field.group(0))
