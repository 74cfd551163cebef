"""Connectors: the ways this portal can talk to a CA, by the word stored with the CA's account."""

from __future__ import annotations

from collections.abc import Callable

from certificates.connectors.acme import AcmeConnector
from certificates.connectors.base import CaEndpoint, Connector

CONNECTORS: dict[str, Callable[[CaEndpoint], Connector]] = {"acme": AcmeConnector}
