"""For Apache: one file for 2.4.8 and later, the pair for older ones, the key, and virtual hosts after Mozilla's guideline 6.0."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from certificates.exporters import readme, tls
from certificates.exporters.archives import Entry, archive
from certificates.exporters.base import Bundle, Download, Text, no_options


class ApacheExporter:
    """A ZIP of `.crt` (full chain), `-leaf.crt` and `-chain.crt`, `.key` if held, `apache.conf` and `README.txt`."""

    slug: str = "apache"
    label: Text = gettext_lazy("Apache")
    describe: Text = gettext_lazy(
        "Certificate with its chain, also as two files for Apache before 2.4.8, private key if we made it, and a ready piece of configuration."
    )
    needs_key: bool = False
    carries_key: bool = True
    options: frozenset[str] = frozenset()

    def export(self, bundle: Bundle, **options: str) -> Download:
        no_options(options)
        entries = [
            Entry(f"{bundle.slug}.crt", bundle.chain.fullchain_pem),
            Entry(f"{bundle.slug}-leaf.crt", bundle.chain.leaf_pem),
        ]
        if bundle.chain.intermediates:
            entries.append(Entry(f"{bundle.slug}-chain.crt", bundle.chain.chain_pem))
        if bundle.key_der is not None:
            entries.append(Entry(f"{bundle.slug}.key", bundle.key_pem(), secret=True))
        entries += [Entry("apache.conf", configuration(bundle)), Entry("README.txt", _steps(bundle))]
        content = archive(bundle.slug, entries, at=bundle.not_before)
        return Download(
            f"{bundle.slug}-apache.zip", "application/zip", content, holds_key=bundle.key_der is not None
        )


def configuration(bundle: Bundle) -> str:
    """Two virtual hosts for Apache 2.4.37 and later, with mod_ssl and mod_rewrite."""
    names = _names(bundle.names)
    folder = f"/etc/apache2/ssl/{bundle.slug}"
    return f"""\
# {bundle.names[0]}: valid until {bundle.not_after:%Y-%m-%d}.
# TLS settings: Mozilla guideline 6.0, "intermediate". For Apache 2.4.37 and later, OpenSSL 1.1.1 and later.
# Needs the modules ssl and rewrite: a2enmod ssl rewrite

<VirtualHost *:80>
{names}
    DocumentRoot /var/www/html

    # All to HTTPS, save where a CA looks for the file when it validates this name.
    RewriteEngine On
    RewriteCond %{{REQUEST_URI}} !^/\\.well-known/acme-challenge/
    RewriteRule ^ https://%{{HTTP_HOST}}%{{REQUEST_URI}} [R=301,L]
</VirtualHost>

<VirtualHost *:443>
{names}
    # Your site: its folder, or ProxyPass to your application.
    DocumentRoot /var/www/html

    SSLEngine on
    SSLCertificateFile    {folder}/{bundle.slug}.crt
    SSLCertificateKeyFile {folder}/{bundle.slug}.key
    # Apache before 2.4.8 wants these two lines in place of SSLCertificateFile above:
    # SSLCertificateFile      {folder}/{bundle.slug}-leaf.crt
    # SSLCertificateChainFile {folder}/{bundle.slug}-chain.crt

    SSLProtocol -all +TLSv1.2 +TLSv1.3
    SSLCipherSuite {tls.CIPHERS}
    SSLHonorCipherOrder off
    SSLSessionTickets off
    # With OpenSSL 3.5 and later put X25519MLKEM768: in front.
    SSLOpenSSLConfCmd Curves {tls.CURVES}
{_stapling(bundle)}
    <IfModule http2_module>
        Protocols h2 http/1.1
    </IfModule>

    # When every page works over HTTPS, enable mod_headers and uncomment: browsers then refuse plain HTTP for two years.
    # Header always set Strict-Transport-Security "max-age={tls.HSTS_SECONDS}"
</VirtualHost>
"""


def _names(names: Sequence[str]) -> str:
    """ServerName cannot be a wildcard, and a line must not grow past what Apache reads: an alias a line."""
    first = next((name for name in names if not name.startswith("*.")), None) or f"www.{names[0][2:]}"
    aliases = [name for name in names if name != first]
    return "\n".join([f"    ServerName {first}", *(f"    ServerAlias {alias}" for alias in aliases)])


def _stapling(bundle: Bundle) -> str:
    if not bundle.chain.has_ocsp:
        return ""
    return '\n    # This CA runs OCSP. Stapling also needs, outside of virtual hosts: SSLStaplingCache "shmcb:logs/ssl_stapling(32768)"\n    # SSLUseStapling on\n'


def _steps(bundle: Bundle) -> str:
    steps = [
        _(
            "Copy this folder to /etc/apache2/ssl/ on your server (on Red Hat and its relatives: /etc/httpd/ssl/, and change the paths in apache.conf)."
        ),
        readme.key_step(bundle, f"/etc/apache2/ssl/{bundle.slug}/{bundle.slug}.key"),
        _(
            "Take apache.conf as it is for a new site (for example as /etc/apache2/sites-available/%(slug)s.conf), or copy its SSL lines into the virtual host that you have."
        )
        % {"slug": bundle.slug},
        _("Set DocumentRoot (or ProxyPass) to your site, in both virtual hosts."),
        _("Enable what it needs: a2enmod ssl rewrite, then a2ensite %(slug)s") % {"slug": bundle.slug},
        _("Test with: apachectl configtest"),
        _("Load it with: systemctl reload apache2"),
    ]
    return readme.text(bundle, "Apache", steps)
