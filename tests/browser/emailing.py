"""Plans at CA accounts of other Email modes: run inside the portal's environment, prints their ids as JSON."""

from __future__ import annotations

import json
import sys


def plans(owner: str, directory_url: str, roots_pem: str) -> dict[str, str]:
    """Make a paid plan whose CA knows known.example beforehand, and one whose CA takes no mail."""
    from django.utils import timezone

    from accounts.models import User
    from certificates.models import CaAccount, ProductIssuer
    from orders.models import Order, OrderItem, OrderName, Plan, Product

    now, user = timezone.now(), User.objects.get(email=owner)
    made = {}
    for mode, name in (("prevalidated", "known.example"), ("off", "closed.example")):
        product = Product.objects.create(
            slug=f"mode-{mode}", title="DV", summary=".", level="dv", shown=False, on_sale=False
        )
        account = CaAccount.objects.create(
            name=f"{mode} CA", directory_url=directory_url, roots_pem=roots_pem, contact="ops@portal.example",
            terms_agreed_at=now, email_mode=mode, publicly_trusted=False,
        )  # fmt: skip
        ProductIssuer.objects.create(product=product, account=account)
        order = Order.objects.create(
            owner=user, currency="EUR", total=1900, state="paid", paid_at=now, created_at=now,
            purchaser_name="Anna Archer", purchaser_email=owner,
        )  # fmt: skip
        item = OrderItem.objects.create(order=order, product=product, years=1, amount=1900)
        OrderName.objects.create(item=item, ascii=name)
        plan = Plan.objects.create(
            owner=user, product=product, item=item, single_names=1, wildcard_names=0, years=1, starts_at=now,
            ends_at=now.replace(year=now.year + 1),
        )  # fmt: skip
        made[mode] = str(plan.pk)
    return made


if __name__ == "__main__":
    import os
    from pathlib import Path

    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    django.setup()
    email, directory, roots = sys.argv[1:]
    sys.stdout.write(json.dumps(plans(email, directory, Path(roots).read_text(encoding="utf-8"))))
