"""What customers of the pretend hosting company have published: DNS records and files, kept on disk."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from sandbox.names import Record, RecordRefused, read_name

# Second-level registries people are likely to type; enough to group names, of no weight beyond that.
SECOND_LEVELS = frozenset({"ac", "co", "com", "edu", "gob", "gov", "net", "org"})
MAX_FILE = 100_000
MOST_VALUES = 4
# Where a CA asks for the file of an http-01 challenge (RFC 8555 §8.3).
CHALLENGES = "/.well-known/acme-challenge/"
LONGEST_TARGET = 500


class FileRefused(ValueError):
    """A file that cannot be published; the text tells a person why."""


@dataclass(frozen=True, order=True)
class File:
    """One text file of one host's web site; `path` begins with a slash."""

    host: str
    path: str
    content: str

    @classmethod
    def read(cls, host: str, path: str, content: str) -> File:
        """A file from what somebody typed; raises FileRefused."""
        if len(content.encode()) > MAX_FILE:
            raise FileRefused(f"A file can be {MAX_FILE // 1000} kB at most.")
        return cls(read_host(host), read_path(path), content)

    def as_dict(self) -> dict[str, str]:
        """The file as JSON shows it."""
        return asdict(self)


@dataclass(frozen=True, order=True)
class Redirect:
    """Where one host sends everybody who asks for a challenge; the name of the file follows after `target`."""

    host: str
    target: str

    @classmethod
    def read(cls, host: str, target: str) -> Redirect:
        """A redirect from what somebody typed; raises FileRefused."""
        return cls(read_host(host), read_target(target))

    def as_dict(self) -> dict[str, str]:
        """The redirect as JSON shows it."""
        return asdict(self)


def read_host(text: str) -> str:
    """A host name in lower-case A-labels; raises FileRefused."""
    try:
        return read_name(text)
    except RecordRefused as error:
        raise FileRefused(str(error)) from error


def read_path(text: str) -> str:
    """The path of a URL or a bare path, decoded, beginning with a slash; raises FileRefused."""
    path = unquote(urlsplit(text.strip()).path)
    if not path.startswith("/") or path.endswith("/") or not path.isprintable():
        raise FileRefused("The path of a file begins with a slash and ends with a file name.")
    if any(part in {".", ".."} for part in path.split("/")):
        raise FileRefused("The path of a file cannot contain . or .. as a folder.")
    return path


def read_target(text: str) -> str:
    """An address to redirect to, ending with the slash that the file's name follows; raises FileRefused."""
    target = text.strip().removesuffix("$1")
    parts = urlsplit(target)
    if parts.scheme not in {"http", "https"} or not parts.hostname or not target.isprintable():
        raise FileRefused("The address to redirect to begins with http:// or https:// and names a host.")
    if parts.query or parts.fragment or " " in target or len(target) > LONGEST_TARGET:
        raise FileRefused("The address to redirect to ends with its path, without ? or # and without blanks.")
    return target if target.endswith("/") else f"{target}/"


def domain_of(name: str) -> str:
    """The domain under which the panel lists `name`."""
    labels = [label for label in name.split(".") if not label.startswith("_")] or name.split(".")
    take = 3 if len(labels) > 2 and labels[-2] in SECOND_LEVELS and len(labels[-1]) == 2 else 2
    return ".".join(labels[-take:])


@dataclass(frozen=True)
class Domain:
    """One line of the panel: a domain and everything published under it."""

    name: str
    records: list[Record]
    files: list[File]
    redirects: list[Redirect]


class Domains:
    """Every record, file and redirect, in memory and in one JSON file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.names: set[str] = set()
        self.records: dict[Record, None] = {}  # in the order of publishing
        self.files: dict[tuple[str, str], File] = {}
        self.redirects: dict[str, Redirect] = {}
        if path.exists():
            self.load(json.loads(path.read_text()))

    def load(self, state: dict[str, list[dict[str, str]]]) -> None:
        """Take over what an earlier run kept."""
        self.names = {entry["name"] for entry in state.get("domains", [])}
        self.records = {Record(**entry): None for entry in state.get("records", [])}
        self.files = {(entry["host"], entry["path"]): File(**entry) for entry in state.get("files", [])}
        self.redirects = {entry["host"]: Redirect(**entry) for entry in state.get("redirects", [])}

    def save(self) -> None:
        """Write everything, so that a crash leaves either the old or the new file."""
        state = {
            "domains": [{"name": name} for name in sorted(self.names)],
            "records": [record.as_dict() for record in self.records],
            "files": [file.as_dict() for file in sorted(self.files.values())],
            "redirects": [redirect.as_dict() for redirect in sorted(self.redirects.values())],
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        replacement = self.path.with_suffix(".new")
        replacement.write_text(json.dumps(state, indent=1))
        replacement.replace(self.path)

    def add_domain(self, name: str) -> str:
        """List a domain; returns the name under which it is listed; raises FileRefused."""
        domain = domain_of(read_host(name))
        self.names.add(domain)
        self.save()
        return domain

    def add_record(self, record: Record) -> None:
        """Publish a record once; raises RecordRefused when it cannot stand beside the others of its name."""
        others = [other for other in self.records_at(record.name) if other != record]
        if record.type == "CNAME" and others:
            raise RecordRefused(
                f"{record.name} has other records: a CNAME cannot stand beside them (RFC 1034 §3.6.2)."
            )
        if any(other.type == "CNAME" for other in others):
            raise RecordRefused(f"{record.name} is a CNAME: nothing can stand beside it (RFC 1034 §3.6.2).")
        self.names.add(domain_of(record.name))
        self.records.pop(record, None)
        self.records[record] = None
        self.forget_old_values(record.name)
        self.save()

    def forget_old_values(self, name: str) -> None:
        """Keep the newest TXT values of a name: with more, Pebble's look-up over UDP no longer fits into its 512 octets."""
        values = [record for record in self.records if record.name == name and record.type == "TXT"]
        for old in values[:-MOST_VALUES]:
            del self.records[old]

    def remove_record(self, record: Record) -> bool:
        """Take a record away; whether it was there."""
        there = record in self.records
        self.records.pop(record, None)
        self.save()
        return there

    def add_file(self, file: File) -> None:
        """Publish a file; it replaces the one at the same place."""
        self.names.add(domain_of(file.host))
        self.files[file.host, file.path] = file
        self.save()

    def remove_file(self, host: str, path: str) -> bool:
        """Take a file away; whether it was there."""
        there = self.files.pop((host, path), None) is not None
        self.save()
        return there

    def add_redirect(self, redirect: Redirect) -> None:
        """Send challenges elsewhere; it replaces what the host did before."""
        self.names.add(domain_of(redirect.host))
        self.redirects[redirect.host] = redirect
        self.save()

    def remove_redirect(self, host: str) -> bool:
        """Answer challenges with files again; whether there was a redirect."""
        there = self.redirects.pop(host, None) is not None
        self.save()
        return there

    def remove_domain(self, domain: str) -> list[str]:
        """Forget a domain and all under it; returns the names whose records are gone."""
        gone = [record for record in self.records if domain_of(record.name) == domain]
        self.records = {record: None for record in self.records if domain_of(record.name) != domain}
        self.files = {key: file for key, file in self.files.items() if domain_of(file.host) != domain}
        self.redirects = {host: kept for host, kept in self.redirects.items() if domain_of(host) != domain}
        self.names.discard(domain)
        self.save()
        return sorted({record.name for record in gone})

    def records_at(self, name: str) -> list[Record]:
        """The records of exactly this name."""
        return sorted(record for record in self.records if record.name == name)

    def record_names(self) -> list[str]:
        """Every name that has a record."""
        return sorted({record.name for record in self.records})

    def file_at(self, host: str, path: str) -> File | None:
        """The file a web server finds for `host` and the decoded `path`."""
        return self.files.get((host, path))

    def redirected(self, host: str, path: str) -> str:
        """Where `host` sends a visitor of `path`; empty where it stays."""
        redirect = self.redirects.get(host)
        if redirect is None or not path.startswith(CHALLENGES):
            return ""
        return redirect.target + path.removeprefix(CHALLENGES)

    def hosts(self) -> set[str]:
        """Hosts that have a file or a redirect."""
        return {host for host, _ in self.files} | set(self.redirects)

    def all(self, also: Iterable[str] = ()) -> list[Domain]:
        """Every domain in order; `also` names hosts known from elsewhere, such as installed certificates."""
        names = sorted(self.names | {domain_of(host) for host in also})
        return [self.domain(name) for name in names]

    def domain(self, name: str) -> Domain:
        """One domain; empty when nothing was published for it."""
        return Domain(
            name,
            sorted(record for record in self.records if domain_of(record.name) == name),
            sorted(file for file in self.files.values() if domain_of(file.host) == name),
            sorted(redirect for redirect in self.redirects.values() if domain_of(redirect.host) == name),
        )
