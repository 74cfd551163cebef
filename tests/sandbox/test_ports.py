"""Every port of the town can be moved."""

from __future__ import annotations

import socket
from dataclasses import astuple
from pathlib import Path

import pytest

from sandbox.ports import PortBusy, Ports, PortUnreadable, bind
from sandbox.town import Town


def test_the_defaults_are_the_agreed_ones() -> None:
    ports = Ports.from_environment({})
    assert (ports.portal, ports.panel, ports.cards, ports.mailbox, ports.smtp) == (
        8000,
        8100,
        8200,
        8300,
        8025,
    )
    assert (ports.acme, ports.acme_management) == (14000, 15000)
    assert (ports.dns, ports.names, ports.dns_management) == (8053, 8054, 8055)
    assert (ports.http, ports.tls) == (5002, 5001)


def test_a_variable_moves_its_port_and_what_the_portal_is_told(tmp_path: Path) -> None:
    ports = Ports.from_environment({"SANDBOX_CARDS_PORT": "9200", "SANDBOX_PORTAL_PORT": " 9000 "})
    told = Town(ports, tmp_path, {}).environment()
    assert told["STRIPE_API_BASE"] == "http://127.0.0.1:9200"
    assert told["PORTAL_URL"] == "http://localhost:9000"
    assert Town(ports, tmp_path, {}).webhook_url == "http://localhost:9000/webhooks/stripe/"


@pytest.mark.parametrize("text", ["0", "65536", "-1", "80a", "٨٠"])
def test_a_variable_that_is_no_port_is_named(text: str) -> None:
    with pytest.raises(PortUnreadable, match="SANDBOX_TLS_PORT"):
        Ports.from_environment({"SANDBOX_TLS_PORT": text})


def test_free_ports_are_all_different_and_leave_a_chosen_one_alone() -> None:
    ports = Ports.from_environment({"SANDBOX_PANEL_PORT": "8123"}, free=True)
    assert ports.panel == 8123
    assert len(set(astuple(ports))) == len(astuple(ports))


def test_a_busy_port_is_said_in_one_sentence() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(PortBusy, match=r"^Port \d+ is already in use: .*SANDBOX_HTTP_PORT to another port\.$"),
    ):
        bind("127.0.0.1", "http", taken.getsockname()[1])
