"""The pretend CA: Pebble, a real ACME server, with a configuration and a TLS certificate made here."""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import httpx

from sandbox.certs import ensure_server_certificate
from sandbox.names import START_SECONDS
from sandbox.ports import Ports
from sandbox.program import Program, find_program
from sandbox.pulse import Pulse

log = logging.getLogger(__name__)

# Ours only where the environment says nothing; every other PEBBLE_* variable keeps Pebble's own default.
DEFAULTS = {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_ORDERS_PER_PAGE": "5000"}
# Seconds. Pebble's own default is five years, which no public CA may issue.
LEAF_LIFETIME = 90 * 24 * 3600
WATCH_EVERY = 2.0
ANSWER_WITHIN = 3.0
# Pebble 2.4 can lock up for good when orders are read while they change; three silences in a row mean that.
SILENCES = 3
# A pulse leaves three lines in Pebble's log, so a healthy one is felt at every fifth look only.
PULSE_EVERY = 5


class Pebble:
    """Pebble as a child process; its accounts, orders and CA keys live as long as the process does."""

    def __init__(
        self, directory: Path, bin_dir: Path, listen: str, ports: Ports, environ: Mapping[str, str]
    ) -> None:
        self.directory = directory
        self.ports = ports
        self.listen = listen
        self.restarts = 0
        self.directory_url = f"https://127.0.0.1:{ports.acme}/dir"
        self.management_url = f"https://127.0.0.1:{ports.acme_management}"
        command = [
            *(str(find_program("pebble", bin_dir)), "-config", str(directory / "config.json")),
            *("-dnsserver", f"127.0.0.1:{ports.dns}"),
        ]
        self.program = Program(command, directory / "pebble.log", {**DEFAULTS, **environ})
        self.client: httpx.AsyncClient | None = None

    @property
    def ca_bundle(self) -> Path:
        """PEM of the CA behind Pebble's own TLS certificate; not what it signs customers' certificates with."""
        return self.directory / "ca.pem"

    @property
    def root(self) -> Path:
        """PEM of the root that customers' certificates chain to; a new one at each start of Pebble."""
        return self.directory / "root.pem"

    def configuration(self) -> dict[str, object]:
        """Pebble's configuration file."""
        return {
            "pebble": {
                "listenAddress": f"{self.listen}:{self.ports.acme}",
                "managementListenAddress": f"{self.listen}:{self.ports.acme_management}",
                "certificate": str(self.directory / "cert.pem"),
                "privateKey": str(self.directory / "key.pem"),
                "httpPort": self.ports.http,
                "tlsPort": self.ports.tls,
                "ocspResponderURL": "",
                "externalAccountBindingRequired": False,
                "certificateValidityPeriod": LEAF_LIFETIME,
            }
        }

    async def start(self) -> None:
        """Start Pebble, wait until it answers, keep its root; raises ProgramFailed."""
        ensure_server_certificate(self.directory, datetime.now(UTC))
        (self.directory / "config.json").write_text(json.dumps(self.configuration(), indent=2))
        self.program.log.unlink(missing_ok=True)
        context = ssl.create_default_context(cafile=str(self.ca_bundle))
        self.client = httpx.AsyncClient(verify=context, timeout=ANSWER_WITHIN, trust_env=False)
        await self.launch()

    async def launch(self) -> None:
        """Start the process, wait until it answers, fetch the root it made for itself; raises ProgramFailed."""
        await self.program.start()
        deadline = asyncio.get_running_loop().time() + START_SECONDS
        while not await self.answers():
            if not self.program.running:
                raise self.program.failed("ended while starting")
            if asyncio.get_running_loop().time() > deadline:
                raise self.program.failed(f"did not answer within {START_SECONDS:.0f} seconds")
            await asyncio.sleep(0.05)
        await self.keep_root()

    async def stop(self) -> None:
        """Stop Pebble."""
        await self.program.stop()
        if self.client is not None:
            await self.client.aclose()

    async def answers(self) -> bool:
        """Whether the ACME directory comes within ANSWER_WITHIN seconds."""
        if self.client is None:
            return False
        try:
            return (await self.client.get(self.directory_url)).is_success
        except httpx.HTTPError:
            return False

    def pulse(self) -> Pulse:
        """What feels whether the present Pebble still writes."""
        if self.client is None:
            raise RuntimeError("Pebble was not started")
        return Pulse(self.client, self.directory_url)

    async def keep_root(self) -> None:
        """Write the present root to root.pem; raises httpx.HTTPError."""
        if self.client is None:
            raise RuntimeError("Pebble was not started")
        answer = (await self.client.get(f"{self.management_url}/roots/0")).raise_for_status()
        replacement = self.root.with_suffix(".new")
        replacement.write_bytes(answer.content)
        replacement.replace(self.root)

    async def watch(self) -> None:
        """For ever: start Pebble anew when it died or stopped answering."""
        silences = looks = 0
        pulse = self.pulse()
        while True:
            await asyncio.sleep(WATCH_EVERY)
            looks += 1
            well = await self.answers()
            if well and (silences or looks % PULSE_EVERY == 0):
                # The directory is answered even when every order and account is locked.
                well = await pulse.beats()
            silences = 0 if well else silences + 1
            if self.program.running and silences < SILENCES:
                continue
            why = "stopped answering" if self.program.running else "ended"
            log.warning("Pebble %s and is started anew; its accounts, orders and root are new ones.", why)
            await self.program.kill()
            try:
                await self.launch()
            except Exception:
                log.exception("Pebble did not come back; the next try is in %.0f seconds.", WATCH_EVERY)
                continue
            self.restarts += 1
            silences, pulse = 0, self.pulse()
