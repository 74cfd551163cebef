"""Plans whose customers have done their part, and which no CA account can fulfil."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Exists, OuterRef
from django.urls import reverse
from django.utils.translation import gettext as _t

from audit.admin_pages import page_of
from certificates.models import Activation, Certificate, Issuance, ProductIssuer
from orders.models import Plan, Product
from portal.staff.stuck.row import FETCHED, Act, Stuck


def without_ca(now: datetime) -> Iterable[Stuck]:
    """Plans that are set up, with no enabled account for their product: their owners read that we have been told.

    Those without a valid certificate come first. Where every product has a CA, nothing but the products is looked at.
    """
    able = ProductIssuer.objects.filter(product=OuterRef("pk"), account__enabled=True)
    unable = list(Product.objects.filter(~Exists(able)))
    if not unable:
        return
    valid = Certificate.objects.current(now).filter(plan=OuterRef("pk"))
    wanted = Issuance.objects.filter(plan=OuterRef("pk"), state=Issuance.State.WANTED)
    done = Activation.objects.filter(
        plan=OuterRef("pk"),
        csr_done_at__isnull=False,
        contacts_done_at__isnull=False,
        methods_done_at__isnull=False,
    )
    rows = Plan.objects.filter(
        Exists(done),
        ~Exists(wanted),
        product__in=unable,
        state__in=[Plan.State.OPEN, Plan.State.ACTIVE],
        ends_at__gt=now,
    ).annotate(secured=Exists(valid))
    related = rows.select_related("product", "activation", "item__order")
    for plan in related.prefetch_related("activation__names").order_by("secured", "starts_at")[:FETCHED]:
        names = tuple(name.text for name in plan.activation.names.all())
        facts = {"product": str(plan.product)}
        page = page_of(plan.product)
        yield Stuck(
            plan.item.order.number,
            _t(
                "No CA account that is enabled can fulfil %(product)s: its owner cannot get another certificate."
            )
            % facts
            if plan.secured
            else _t("Paid and set up, but no CA account that is enabled can fulfil %(product)s.") % facts,
            None if plan.secured else plan.activation.methods_done_at,
            reverse("staff_plan", args=[plan.pk]),
            names=names,
            then=_t(
                "Nothing happens by itself: give the product a CA account, then its owner presses Finish."
            ),
            acts=(Act(_t("Choose a CA account"), page, "orders.change_product"),),
        )
