"""A customer with a paid plan in front of the wizard."""

from __future__ import annotations

import pytest
from django.urls import reverse

from certificates.models import Activation
from tests.certificates.activation.at_the_ca import open_order
from tests.factories import CaAccountFactory, PlanFactory, ProductFactory, ProductIssuerFactory

CONTACTS = {"admin_name": "Alice Archer", "admin_email": "alice@example.org", "tech_same": "on"}
GENERATED = {"csr_source": "generated", "key_type": "ec-p256", "common": "single-1"}


@pytest.fixture(autouse=True)
def _time_of_the_tests(at_now) -> None:
    """Some ways end by themselves one day."""


class Wizard:
    """Presses the buttons of one plan's wizard as a browser without JavaScript would."""

    def __init__(self, client, plan):
        self.client = client
        self.plan = plan

    def url(self, name="activation", *args):
        return reverse(name, args=[self.plan.pk, *args])

    def get(self, name="activation", *args, **more):
        return self.client.get(self.url(name, *args), **more)

    def post(self, name, data=None, *args, **more):
        return self.client.post(self.url(name, *args), data or {}, **more)

    @property
    def activation(self):
        return Activation.objects.prefetch_related("names").get(plan=self.plan)

    @property
    def texts(self):
        return [name.text for name in self.activation.names.all()]

    def csr(self, *names, **more):
        """Step 1 with our own key for `names`."""
        return self.post("activation-csr", GENERATED | lines(*(names or self.ordered)) | more)

    def paste(self, text, *names, **more):
        """Step 1 with a pasted CSR."""
        return self.post("activation-csr", {"csr_source": "pasted", "csr": text} | lines(*names) | more)

    @property
    def ordered(self):
        return [name.text for name in self.plan.item.names.all()]

    def contacts(self, **more):
        return self.post("activation-contacts", CONTACTS | more)

    def finish(self, method="dns-01"):
        self.get()
        return self.post("activation-methods", {"all": method, **self.methods(method)})

    def methods(self, method="dns-01"):
        return {f"method-{name.pk}": method for name in self.activation.names.all()}

    def walk(self, *names):
        """Steps 1 to 3."""
        self.csr(*names)
        self.contacts()
        return self.finish()

    @property
    def running(self):
        return self.plan.issuances.get(state="wanted")


def lines(*names):
    """The names as the form's lines."""
    singles = [name for name in names if not name.startswith("*.")]
    wildcards = [name for name in names if name.startswith("*.")]
    numbered = {f"single-{n}": name for n, name in enumerate(singles, start=1)}
    return numbered | {f"wildcard-{n}": name for n, name in enumerate(wildcards, start=1)}


def paid_plan(owner, *names, **more):
    """A paid plan that nobody has begun to set up, and a CA that could fulfil it."""
    product = ProductFactory(wildcard=names[0].startswith("*."))
    ProductIssuerFactory(product=product, account=CaAccountFactory())
    return PlanFactory(owner=owner, product=product, names=list(names), order_names=list(names), **more)


@pytest.fixture
def wizard(client, alice):
    """alice's wizard for shop.example."""
    client.force_login(alice)
    return Wizard(client, paid_plan(alice, "shop.example"))


@pytest.fixture
def wizard_for(client, alice):
    """alice's wizard for any names."""

    def make(*names, **more):
        client.force_login(alice)
        return Wizard(client, paid_plan(alice, *names, **more))

    return make


@pytest.fixture
def opened(wizard):
    """alice's wizard at step 4, with the order opened at the CA."""
    wizard.walk()
    open_order(wizard)
    return wizard
