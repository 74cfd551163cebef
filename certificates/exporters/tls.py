"""The TLS settings that every configuration snippet shares: Mozilla's server side TLS guideline 6.0, intermediate."""

from __future__ import annotations

CIPHERS = ":".join(
    (
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-RSA-AES256-GCM-SHA384",
        "ECDHE-ECDSA-CHACHA20-POLY1305",
        "ECDHE-RSA-CHACHA20-POLY1305",
    )
)
CURVES = "X25519:prime256v1:secp384r1"
HSTS_SECONDS = 63072000
