"""What the pretend hosting company does when asked: publish, take away, install."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.hosting.bundle import Bundle, BundleRefused
from sandbox.hosting.domains import Domains, File, FileRefused, Redirect, read_host
from sandbox.hosting.sites import Certificates, Installed
from sandbox.names import NameServer, Record, RecordRefused

# What a person can put right; the text of each is for that person.
Refused = (RecordRefused, FileRefused, BundleRefused)


@dataclass
class Company:
    """The published state and the servers that show it to the world."""

    domains: Domains
    certificates: Certificates
    name_server: NameServer

    async def publish_record(self, record: Record) -> None:
        """Publish a record, live on return; raises RecordRefused, httpx.HTTPError."""
        self.domains.add_record(record)
        await self.show(record.name)

    async def withdraw_record(self, record: Record) -> bool:
        """Take a record away; whether it was there; raises httpx.HTTPError."""
        there = self.domains.remove_record(record)
        await self.show(record.name)
        return there

    def publish_file(self, file: File) -> None:
        """Publish a file, live on return."""
        self.domains.add_file(file)

    def withdraw_file(self, file: File) -> bool:
        """Take a file away; whether it was there."""
        return self.domains.remove_file(file.host, file.path)

    def redirect(self, redirect: Redirect) -> None:
        """Send challenges elsewhere, live on return."""
        self.domains.add_redirect(redirect)

    def end_redirect(self, host: str) -> bool:
        """Answer challenges with files again; whether there was a redirect; raises FileRefused."""
        return self.domains.remove_redirect(read_host(host))

    def install(self, bundle: Bundle, host: str = "") -> list[Installed]:
        """Serve a certificate for `host`, or for each of its own names when none is given.

        Raises BundleRefused, FileRefused. A certificate for other names than `host` is installed all the
        same, as real panels do; what visitors then see is the customer's to find out.
        """
        hosts = [host] if host else sorted({name.removeprefix("*.") for name in bundle.names})
        if not hosts:
            raise BundleRefused("The certificate names no host, so say for which host it is.")
        installed = [self.certificates.install(read_host(name), bundle) for name in hosts]
        for name in hosts:
            self.domains.add_domain(name)
        return installed

    async def remove_domain(self, domain: str) -> None:
        """Forget a domain with its records, files and certificates; raises httpx.HTTPError."""
        for installed in self.certificates.of_domain(domain):
            self.certificates.remove(installed.host)
        for name in self.domains.remove_domain(domain):
            await self.show(name)

    async def show(self, name: str) -> None:
        """Make the name server answer what is published for `name`."""
        await self.name_server.publish(name, self.domains.records_at(name))

    async def show_all(self) -> None:
        """Tell a name server that has just started everything; raises httpx.HTTPError."""
        for name in self.domains.record_names():
            await self.show(name)
