"""A test CA that only seems to answer is found out."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import httpx
import pytest

from sandbox.pulse import Pulse
from tests.contracts.ca import running_pebble

pytestmark = pytest.mark.server

DIRECTORY = {name: f"https://ca.example/{name}" for name in ("newNonce", "newAccount")}


def test_a_real_pebble_beats_whatever_it_thinks_of_our_nonces(tmp_path: Path) -> None:
    with running_pebble(tmp_path, environment={"PEBBLE_WFE_NONCEREJECT": "50"}) as ca:
        context = ssl.create_default_context(cadata=ca.roots_pem)

        async def feel() -> list[bool]:
            async with httpx.AsyncClient(verify=context, timeout=5) as client:
                pulse = Pulse(client, ca.directory_url)
                return [await pulse.beats() for _beat in range(12)]

        assert asyncio.run(feel()) == [True] * 12


def test_a_pebble_that_takes_the_change_shows_the_new_contact(tmp_path: Path) -> None:
    with running_pebble(tmp_path, environment={"PEBBLE_WFE_NONCEREJECT": "0"}) as ca:
        context, seen = ssl.create_default_context(cadata=ca.roots_pem), []

        async def keep(answer: httpx.Response) -> None:
            if answer.request.method == "POST":
                await answer.aread()
                seen.append((answer.status_code, answer.json().get("contact")))

        async def feel() -> None:
            async with httpx.AsyncClient(
                verify=context, timeout=5, event_hooks={"response": [keep]}
            ) as client:
                pulse = Pulse(client, ca.directory_url)
                for _beat in range(3):
                    await pulse.beats()

        asyncio.run(feel())
    first, *later = seen
    assert first[0] == 201
    assert later == [
        (200, ["mailto:watch1@sandbox.example"]),
        (200, ["mailto:watch0@sandbox.example"]),
    ]


def test_a_ca_that_answers_for_its_directory_alone_does_not_beat() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            raise httpx.ReadTimeout("locked up", request=request)
        return httpx.Response(200, json=DIRECTORY, headers={"Replay-Nonce": "abc"})

    async def feel() -> bool:
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
            return await Pulse(client, "https://ca.example/dir").beats()

    assert asyncio.run(feel()) is False
