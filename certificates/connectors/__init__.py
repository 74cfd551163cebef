"""Connectors: the ways this portal can talk to a CA, by the word stored with the CA's account."""

from __future__ import annotations

from certificates.connectors.acme import AcmeConnector
from certificates.connectors.base import Connector

CONNECTORS: dict[str, type[Connector]] = {"acme": AcmeConnector}
