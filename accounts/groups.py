"""Who on the staff may do what: the two groups and exactly their permissions."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.management import create_permissions

ROOMS = ("audit", "accounts", "orders", "validation", "certificates")


def _may(app: str, verbs: str, *models: str) -> set[str]:
    return {f"{app}.{verb}_{model}" for verb in verbs.split() for model in models}


# The whole story of an order and the right to have its validation looked at again: no keys, no money
# settings, no CA accounts, nothing that changes, adds or deletes.
SUPPORT: frozenset[str] = frozenset(
    _may("orders", "view", "order", "orderitem", "ordername", "payment", "refund", "plan")
    | _may(
        "certificates",
        "view",
        "activation",
        "activationname",
        "issuance",
        "acmeorder",
        "certificate",
        "inspection",
        "renewalinfo",
        "revocation",
        "campaign",
    )
    | _may(
        "validation",
        "view",
        "authorization",
        "challenge",
        "control",
        "probe",
        "delegation",
        "publication",
        "approval",
    )
    | _may("accounts", "view", "letter")
    | _may("audit", "view", "entry")
    | {"certificates.retrigger_validation"}
)

# What support may, and the shop. Rows that machines write stay read-only for everybody; an agreement
# that was accepted once is never changed; staff accounts are a superuser's business.
OPERATORS: frozenset[str] = frozenset(
    SUPPORT
    | _may("orders", "view add change delete", "product", "price")
    | _may("orders", "view add", "agreement")
    | _may("orders", "add", "refund")
    | _may("orders", "change", "plan")
    | _may("orders", "view", "gatewayevent")
    | _may("certificates", "view add change", "caaccount")
    | _may("certificates", "view add change delete", "productissuer", "calimit")
    | _may("certificates", "add", "revocation")
    | _may("certificates", "add change", "campaign")
    | _may("accounts", "view", "user")
)

GROUPS: dict[str, frozenset[str]] = {"operators": OPERATORS, "support": SUPPORT}


def grant(apps: Any, using: str = "default") -> None:
    """Make both groups hold exactly these permissions. `apps` is the registry, of today or of a migration.

    Called again by a later migration when the lists change; permissions of models that do not exist yet are left out.
    """
    # Django makes permissions after the last migration, which is too late for a group made by one.
    for label in ROOMS:
        config = apps.get_app_config(label)
        # A migration's registry has no models modules, without which Django makes no permissions.
        config.models_module = getattr(config, "models_module", None) or True
        create_permissions(config, apps=apps, verbosity=0, using=using)
    permissions = apps.get_model("auth", "Permission").objects.using(using).select_related("content_type")
    by_name = {
        f"{p.content_type.app_label}.{p.codename}": p
        for p in permissions.filter(content_type__app_label__in=ROOMS)
    }
    for name, wanted in GROUPS.items():
        group, _created = apps.get_model("auth", "Group").objects.using(using).get_or_create(name=name)
        group.permissions.set([by_name[key] for key in sorted(wanted) if key in by_name])
