"""Public suffixes: where the registry ends and the registrant begins (offline copy of the list)."""

from __future__ import annotations

from functools import lru_cache

from publicsuffixlist import PublicSuffixList

# RFC 6761 §6: names that never exist in public DNS. Only a sandbox sells under them.
RESERVED = frozenset({"test", "example", "invalid", "localhost"})


@lru_cache(maxsize=1)
def _icann() -> PublicSuffixList:
    return PublicSuffixList(only_icann=True)


@lru_cache(maxsize=1)
def _whole() -> PublicSuffixList:
    return PublicSuffixList()


def known(ascii_name: str) -> bool:
    """True if the name ends in a suffix that a public registry runs (or that is reserved for tests)."""
    if ascii_name.rpartition(".")[2] in RESERVED:
        return True
    return _icann().publicsuffix(ascii_name, accept_unknown=False) is not None


def is_suffix(ascii_name: str) -> bool:
    """True if the name is itself a suffix of the ICANN section: nobody's own domain (BR 3.2.2.6)."""
    return _icann().is_public(ascii_name)


def registrable(ascii_name: str) -> str:
    """The suffix plus one label by the ICANN section; a suffix is its own answer."""
    return _icann().privatesuffix(ascii_name) or ascii_name


def rate_limit_group(ascii_name: str) -> str:
    """The suffix plus one label by the whole list, as CAs group names when they count certificates."""
    return _whole().privatesuffix(ascii_name) or ascii_name
