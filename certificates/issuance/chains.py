"""Which of a CA's chains for one certificate is stored: the one that leads to the preferred root (RFC 8555 §7.4.2)."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from cryptography import x509
from cryptography.x509.oid import NameOID

from audit.vocabulary import Action
from certificates.chain import Chain, UnacceptableChain, check, read_chain
from certificates.connectors.problems import CaError
from certificates.issuance.walk import Walk

log = logging.getLogger(__name__)

MOST_ALTERNATES = 5


def preferred(walk: Walk, default: Chain, alternates: Sequence[str]) -> Chain:
    """Return the chain that leads to the account's preferred root, else the default one; that is noted. Raises LeaseLost.

    Nothing that goes wrong with an alternate hinders the issue.
    """
    root = walk.order.account.house_account.preferred_root.strip()
    if not root or leads_to(default, root):
        return default
    for url in alternates[:MOST_ALTERNATES]:
        walk.keep_hold()
        other = _alternate(walk, default, url)
        if other is not None and leads_to(other, root):
            return other
    walk.note(Action.CA_OTHER_CHAIN, wanted=root, got=ends_at(default), offered=len(alternates))
    return default


def leads_to(chain: Chain, root: str) -> bool:
    """True if the topmost certificate was issued by `root` or is it itself, by common name. Letter case is not looked at."""
    return root.casefold() in {name.casefold() for name in (*_ends(chain),)}


def ends_at(chain: Chain) -> str:
    """Return the common name of the issuer of the topmost certificate; empty where it has none."""
    top = _top(chain)
    return _common_name(top.issuer)


def _ends(chain: Chain) -> tuple[str, str]:
    top = _top(chain)
    # The leaf's own name is a domain, not an issuer.
    subject = _common_name(top.subject) if chain.intermediates else ""
    return _common_name(top.issuer), subject


def _top(chain: Chain) -> x509.Certificate:
    return chain.intermediates[-1] if chain.intermediates else chain.leaf


def _common_name(name: x509.Name) -> str:
    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else ""


def _alternate(walk: Walk, default: Chain, url: str) -> Chain | None:
    """Fetch and check one other chain of the same certificate; None for whatever is wrong with it."""
    try:
        chain = read_chain(walk.ca.certificate(url).pem)
        check(chain, csr_der=walk.csr, names=walk.names, now=walk.now)
    except (CaError, UnacceptableChain) as error:
        log.warning("AcmeOrder %s: an alternate chain is of no use: %s", walk.order.pk, type(error).__name__)
        return None
    return chain if chain.fingerprint == default.fingerprint else None
