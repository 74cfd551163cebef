"""Finding plans by what people remember of them: a piece of a name, as they write it, or the order's number."""

from __future__ import annotations

import idna
from django.db.models import Exists, OuterRef, Q, QuerySet

from certificates.models import ActivationName
from identifiers.names import Name
from orders.models import Plan
from orders.models.order import OrderName


def find(plans: QuerySet[Plan], query: str) -> QuerySet[Plan]:
    """Return the plans with a name or an order number that contains `query` (not empty; Unicode or A-labels)."""
    piece = query.lower().removeprefix("*.").rstrip(".") or query.lower()
    if piece.isascii():
        return plans.filter(_named(piece) | Q(item__order__number__icontains=query))
    encoded = _encoded(piece)
    found = _idn_names(plans, piece)
    activated = ActivationName.objects.filter(activation__plan=OuterRef("pk"), ascii__in=found)
    wanted = Q(Exists(activated)) | Q(
        Exists(OrderName.objects.filter(item=OuterRef("item"), ascii__in=found))
    )
    return plans.filter(wanted | _named(encoded)) if encoded else plans.filter(wanted)


def _named(piece: str) -> Q:
    activated = ActivationName.objects.filter(activation__plan=OuterRef("pk"), ascii__contains=piece)
    ordered = OrderName.objects.filter(item=OuterRef("item"), ascii__contains=piece)
    return Q(Exists(activated)) | Q(Exists(ordered))


def _encoded(piece: str) -> str:
    """The A-label form of whole labels; "" for what is none, such as half a label."""
    try:
        return idna.encode(piece, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        return ""


def _idn_names(plans: QuerySet[Plan], piece: str) -> list[str]:
    """The internationalised names among these plans that contain the piece as people write it: half a label has no A-label."""
    activated = ActivationName.objects.filter(activation__plan__in=plans, ascii__contains="xn--")
    ordered = OrderName.objects.filter(item__plan__in=plans, ascii__contains="xn--")
    names = set(activated.values_list("ascii", flat=True)) | set(ordered.values_list("ascii", flat=True))
    return [name for name in names if piece in Name.of(name).unicode]
