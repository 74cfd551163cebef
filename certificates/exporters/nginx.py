"""For Nginx: the full chain in the right order, the key, and a server block after Mozilla's guideline 6.0."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from certificates.exporters import readme, tls
from certificates.exporters.archives import Entry, archive
from certificates.exporters.base import Bundle, Download, Text, no_options

_BUCKETS = (128, 256, 512)
# A name, its pointer and its length must fit into a bucket of the default size, one CPU cache line.
_LONGEST_IN_DEFAULT_BUCKET = 40


class NginxExporter:
    """A ZIP of `.crt`, `.key` if held, `nginx.conf` and `README.txt`."""

    slug: str = "nginx"
    label: Text = gettext_lazy("Nginx")
    describe: Text = gettext_lazy(
        "Certificate with its chain, private key if we made it, and a ready piece of configuration."
    )
    needs_key: bool = False
    carries_key: bool = True
    options: frozenset[str] = frozenset()

    def export(self, bundle: Bundle, **options: str) -> Download:
        no_options(options)
        entries = [Entry(f"{bundle.slug}.crt", bundle.chain.fullchain_pem)]
        if bundle.key_der is not None:
            entries.append(Entry(f"{bundle.slug}.key", bundle.key_pem(), secret=True))
        entries += [Entry("nginx.conf", configuration(bundle)), Entry("README.txt", _steps(bundle))]
        content = archive(bundle.slug, entries, at=bundle.not_before)
        return Download(
            f"{bundle.slug}-nginx.zip", "application/zip", content, holds_key=bundle.key_der is not None
        )


def configuration(bundle: Bundle) -> str:
    """Two server blocks, for inclusion at the http level; correct from Nginx 1.18 on."""
    names = _wrapped(bundle.names)
    folder = f"/etc/nginx/ssl/{bundle.slug}"
    return f"""\
# {bundle.names[0]}: valid until {bundle.not_after:%Y-%m-%d}.
# TLS settings: Mozilla guideline 6.0, "intermediate". For Nginx 1.18 and later, OpenSSL 1.1.1 and later.
{_hash_size(bundle.names)}
server {{
    listen 80;
    listen [::]:80;
    server_name {names};

    # Stays on plain HTTP: here a CA looks for the file when it validates this name.
    location ^~ /.well-known/acme-challenge/ {{
        root /var/www/html;
    }}

    location / {{
        return 301 https://$host$request_uri;
    }}
}}

server {{
    # From Nginx 1.25.1 on, write "listen 443 ssl;" and a line of its own "http2 on;".
    listen 443 ssl http2;
    listen [::]:443 ssl http2;
    server_name {names};

    ssl_certificate     {folder}/{bundle.slug}.crt;
    ssl_certificate_key {folder}/{bundle.slug}.key;

    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_ciphers {tls.CIPHERS};
    # With OpenSSL 3.5 and later put X25519MLKEM768: in front.
    ssl_ecdh_curve {tls.CURVES};
    ssl_prefer_server_ciphers off;
    ssl_session_timeout 1d;
    ssl_session_cache shared:chancery:10m;
{_stapling(bundle)}
    # When every page works over HTTPS, uncomment: browsers then refuse plain HTTP for two years.
    # add_header Strict-Transport-Security "max-age={tls.HSTS_SECONDS}" always;

    # Your site: its folder, or proxy_pass to your application.
    root /var/www/html;
}}
"""


def _wrapped(names: Sequence[str]) -> str:
    return "\n                ".join(names)


def _hash_size(names: Sequence[str]) -> str:
    longest = max(len(name) for name in names)
    if longest <= _LONGEST_IN_DEFAULT_BUCKET:
        return ""
    size = next(bucket for bucket in _BUCKETS if longest + 32 <= bucket)
    return f"\n# Long names need this once per server; delete the line here if your nginx.conf has it already.\nserver_names_hash_bucket_size {size};\n"


def _stapling(bundle: Bundle) -> str:
    if not bundle.chain.has_ocsp:
        return ""
    return "\n    # This CA runs OCSP. Nginx finds it with the resolver of the system at start, or with one named here.\n    ssl_stapling on;\n    ssl_stapling_verify on;\n"


def _steps(bundle: Bundle) -> str:
    steps = [
        _("Copy this folder to /etc/nginx/ssl/ on your server."),
        readme.key_step(bundle, f"/etc/nginx/ssl/{bundle.slug}/{bundle.slug}.key"),
        _(
            "Take nginx.conf as it is for a new site (for example as /etc/nginx/conf.d/%(slug)s.conf), or copy its ssl lines into the server block that you have."
        )
        % {"slug": bundle.slug},
        _("Set root (or proxy_pass) to your site, in both blocks."),
        _("Test with: nginx -t"),
        _("Load it with: systemctl reload nginx"),
    ]
    return readme.text(bundle, "Nginx", steps)
