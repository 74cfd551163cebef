"""What a paid item entitles its owner to, and until when. A plan is not a certificate: it yields many."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from leases.keys import some
from leases.updates import update
from orders.models.order import OrderItem, OrderName
from orders.models.product import Product

if TYPE_CHECKING:
    from accounts.models import User


class PlanQuerySet(models.QuerySet["Plan"]):
    def of(self, user: User) -> Self:
        """Return the plans that exist for this person; a stranger's plan does not."""
        return self.filter(owner=user)

    def found_keys(self, text: str) -> list[uuid.UUID]:
        """Return the keys of plans whose order number, name or owner's e-mail address begins as somebody typed it."""
        people: Any = Plan._meta.get_field("owner").related_model
        numbered = OrderItem.objects.filter(order__number__startswith=text.strip().upper())
        named = OrderName.objects.begun(text).order_by("-pk")
        items = [*some(numbered.values_list("pk")), *some(named.values_list("item_id"))]
        owners = some(people.objects.filter(email__istartswith=text.strip()).values_list("pk"))
        return some(self.filter(Q(item__in=items) | Q(owner__in=owners)).order_by().values_list("pk"))

    def suspend(self) -> int:
        """Suspend every open or active plan of this set; return how many. Each remembers what it goes back to."""
        return self.filter(state__in=[Plan.State.OPEN, Plan.State.ACTIVE]).update(
            suspended_from=F("state"), state=Plan.State.SUSPENDED
        )

    def resume(self) -> int:
        """Give every suspended plan of this set its former state back; return how many."""
        return self.filter(state=Plan.State.SUSPENDED).update(state=F("suspended_from"), suspended_from="")


class Plan(models.Model):
    """`single_names` and `wildcard_names` are how many names of each kind were bought."""

    class State(models.TextChoices):
        OPEN = "open", _("Open")  # customer: paid, nothing issued yet
        ACTIVE = "active", _("Active")  # has had a certificate
        SUSPENDED = "suspended", _("Suspended")  # operator: disputed or refunded money
        ENDED = "ended", _("Ended")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    item = models.OneToOneField(OrderItem, on_delete=models.PROTECT, related_name="plan", editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="plans",
        verbose_name=_("owner"),
        db_index=False,
    )
    product = models.ForeignKey(
        Product, on_delete=models.PROTECT, related_name="+", verbose_name=_("product")
    )
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.OPEN)
    suspended_from = models.CharField(max_length=10, blank=True, default="", editable=False)
    single_names = models.PositiveSmallIntegerField(_("single names"))
    wildcard_names = models.PositiveSmallIntegerField(_("wildcard names"))
    years = models.PositiveSmallIntegerField(_("years"))
    starts_at = models.DateTimeField(_("starts"))
    ends_at = models.DateTimeField(_("ends"))

    objects = PlanQuerySet.as_manager()

    class Meta:
        verbose_name = _("plan")
        verbose_name_plural = _("plans")
        ordering = ["-starts_at"]
        indexes = [
            models.Index(fields=["owner", "-starts_at"], name="plan_of_owner"),
            models.Index(fields=["-starts_at", "-id"], name="plan_newest"),  # the admin's list
        ]

    def __str__(self) -> str:
        return f"{self.product} {self.item.order.number}"

    def activate(self) -> bool:
        """Note the first issued certificate: open becomes active. False when that was so already, or the plan ended."""
        moved = update(Plan, {"pk": self.pk, "state": Plan.State.OPEN}, state=Plan.State.ACTIVE)
        if moved == 1:
            self.state = Plan.State.ACTIVE
            return True
        # A certificate may still arrive while the money is disputed: the plan then goes back to active, not to open.
        Plan.objects.filter(pk=self.pk, state=Plan.State.SUSPENDED, suspended_from=Plan.State.OPEN).update(
            suspended_from=Plan.State.ACTIVE
        )
        return False

    def end(self) -> bool:
        """End the plan for ever; False when it had ended before."""
        moved = Plan.objects.filter(pk=self.pk).exclude(state=Plan.State.ENDED).update(state=Plan.State.ENDED)
        if moved == 1:
            self.state = Plan.State.ENDED
        return moved == 1
