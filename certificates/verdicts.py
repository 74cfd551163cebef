"""What a test of the installation can find: a sentence for each, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Text = str | Promise


@dataclass(frozen=True)
class Verdict:
    """What one slug means, in a sentence, and what to do. One that does not `count` says nothing about the server."""

    title: Text
    advice: Text = ""
    counts: bool = True


_NAMESERVERS = _("Check the name's DNS at your provider, then test again.")
_REACH = _("Check the address in your DNS and the firewall, then test again.")
VERDICTS: dict[str, Verdict] = {
    "installed": Verdict(_("This is your certificate, with its chain.")),
    "chain_incomplete": Verdict(
        _("The certificate is right, but the intermediate is missing."),
        _(
            "Some visitors will see a warning. Install the whole chain: the .crt file of the Nginx or Apache ZIP as it is, or the PFX for IIS."
        ),
    ),
    "chain_out_of_order": Verdict(
        _("The certificate is right, but the chain is in the wrong order."),
        _("Use the .crt file of the ZIP as it is: your certificate first and once, then the intermediates."),
    ),
    "old_certificate": Verdict(
        _("The site still serves an earlier certificate of this plan."),
        _(
            "Put the new files in place and reload the web server. Behind a load balancer, do so on every machine."
        ),
    ),
    "self_signed": Verdict(
        _("The site serves a certificate that it signed itself."),
        _(
            "That is what servers do before a real one is set. Put the new files in place, name them in the entry for this name, and reload."
        ),
    ),
    "other_certificate": Verdict(
        _("The site serves another certificate for this name."),
        _(
            "Check that the web server's entry for this name uses the new files, and that no proxy or CDN answers first."
        ),
    ),
    "wrong_name": Verdict(
        _("The site serves a certificate for another name."),
        _(
            "The web server has no entry for this name, or picks the wrong one. Check the server name (SNI) of the entry."
        ),
    ),
    "no_certificate": Verdict(
        _("The site did not present a certificate."), _("Check that TLS is switched on for this name.")
    ),
    "wildcard_unused": Verdict(
        _("This name has no address, so there was nothing to test."),
        _("A wildcard covers any name below the domain: enter one that you use, and test that."),
        counts=False,
    ),
    "http_no_address": Verdict(
        _("The name has no address."), _("Add an A or AAAA record, or wait until it is visible everywhere.")
    ),
    "http_private_address": Verdict(
        _("The name points to a private address."), _("We can only test sites that the internet can reach.")
    ),
    "http_refused": Verdict(
        _("Nothing answers on the TLS port."),
        _("Start the web server with TLS, and open the port in the firewall."),
    ),
    "http_timeout": Verdict(
        _("The server did not answer in time."),
        _("A firewall may be dropping connections, or the address is wrong."),
    ),
    "http_tls_error": Verdict(
        _("The server answers, but not with TLS."),
        _("Check that the port speaks TLS, for example: listen 443 ssl"),
    ),
    "http_closed": Verdict(_("The server closed the connection."), _REACH),
    # Often it is we who have no route, for instance to IPv6: no reason to call a good installation bad.
    "http_no_route": Verdict(
        _("We have no route to this address."),
        _("If it is an IPv6 address, look from elsewhere: we could not."),
        counts=False,
    ),
    "dns_timeout": Verdict(_("The name servers did not answer in time."), _NAMESERVERS),
    "dns_servfail": Verdict(_("The name servers gave an error."), _NAMESERVERS),
    "dns_cname_loop": Verdict(_("The name is an alias that leads in a circle."), _NAMESERVERS),
}
UNREACHABLE = Verdict(_("The site could not be reached."), _REACH)


def verdict_of(slug: str) -> Verdict:
    """Return the verdict of an inspection's slug; one of another release reads as unreachable."""
    return VERDICTS.get(slug, UNREACHABLE)
