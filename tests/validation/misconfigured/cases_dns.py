"""Zones that customers get wrong, by name: what stands in them, and what we must say."""

from __future__ import annotations

from dataclasses import dataclass

from tests.validation.conftest import KEY_AUTHORIZATION, TOKEN
from validation.key_authorization import value_of

VALUE = value_of(KEY_AUTHORIZATION)
EARLIER = value_of("earlier.thumb")
EN_DASH = "\\226\\128\\147"
AT = "_acme-challenge IN TXT"


@dataclass(frozen=True)
class Case:
    """The zone is `<case>.example`; `below` is the name's part before it, `line` where the line goes if not there."""

    records: str
    slug: str
    below: str = ""
    # The zone that the line is published in, where it is not the case's own.
    zone: str = ""

    def identifier(self, case: str) -> str:
        return f"{self.below}.{case}.example" if self.below else f"{case}.example"


def txt(value: str) -> str:
    return f'{AT} "{value}"'


def altered(value: str, hyphen: str) -> str:
    """The value after a word processor had it: its hyphens have become `hyphen`, or one is there that was not."""
    return value.replace("-", hyphen) if "-" in value else f"{value[:20]}{hyphen or '-'}{value[20:]}"


def table(token: str, key_authorization: str) -> dict[str, Case]:
    """Every slip with the value of one challenge."""
    value = value_of(key_authorization)
    return _others(value) | _nearly(value, token, key_authorization) | _elsewhere(value) | _aliases(value)


def _others(value: str) -> dict[str, Case]:
    return {
        # --- nothing there
        "nothing": Case("", "dns_nothing"),
        "only-an-address": Case("_acme-challenge IN A 127.0.0.1", "dns_nothing"),
        "only-a-mail-server": Case("_acme-challenge IN MX 10 mail.host.example.", "dns_nothing"),
        "below-it-only": Case(f'x._acme-challenge IN TXT "{value}"', "dns_nothing"),
        "signed": Case("", "dns_nothing"),
        # --- something else there
        "another-service": Case(txt("google-site-verification=abc"), "dns_wrong_value"),
        "another-order": Case(txt(value_of("other.thing")), "dns_wrong_value"),
        "empty-value": Case(txt(""), "dns_wrong_value"),
        "first-letter": Case(txt(value[0]), "dns_wrong_value"),
        "large-set": Case("\n".join(f'{AT} "{n:03d}{"x" * 200}"' for n in range(60)), "dns_wrong_value"),
        "control-characters": Case(f'{AT} "a\\000\\027[31m\\226\\128\\174"', "dns_wrong_value"),
        "earlier-value": Case(txt(EARLIER), "dns_stale_value"),
    }


def _nearly(value: str, token: str, key_authorization: str) -> dict[str, Case]:
    return {
        "quotes": Case(f'{AT} "\\"{value}\\""', "dns_quotes"),
        "single-quotes": Case(txt(f"'{value}'"), "dns_quotes"),
        "typographic-quotes": Case(f'{AT} "\\226\\128\\156{value}\\226\\128\\157"', "dns_quotes"),
        "blank-behind": Case(txt(f"{value} "), "dns_trailing_data"),
        "blank-before": Case(txt(f" {value}"), "dns_trailing_data"),
        "ttl-behind": Case(txt(f"{value} 300"), "dns_trailing_data"),
        "dot-behind": Case(txt(f"{value}."), "dns_trailing_data"),
        "padding-behind": Case(txt(f"{value}="), "dns_trailing_data"),
        "name-before": Case(txt(f"_acme-challenge={value}"), "dns_trailing_data"),
        "line-in-value": Case(f'{AT} "_acme-challenge 300 IN TXT {value}"', "dns_trailing_data"),
        "line-end-behind": Case(f'{AT} "{value}\\010"', "dns_trailing_data"),
        "small-letters": Case(txt(value.lower()), "dns_case"),
        "cut-off": Case(txt(value[:32]), "dns_cut_off"),
        "beginning-lost": Case(txt(value[1:]), "dns_cut_off_before"),
        "dash-for-hyphen": Case(txt(altered(value, EN_DASH)), "dns_altered"),
        "hyphen-lost": Case(txt(altered(value, "")), "dns_altered"),
        "file-content": Case(txt(key_authorization), "dns_http_value"),
        "file-name": Case(txt(token), "dns_token"),
    }  # fmt: skip


def _elsewhere(value: str) -> dict[str, Case]:
    return {
        # --- at another name
        "doubled": Case(f'_acme-challenge.doubled.example IN TXT "{value}"', "dns_doubled_host"),
        "doubled-below": Case(f'_acme-challenge.www.doubled-below.example IN TXT "{value}"', "dns_doubled_host", "www"),
        "doubled-name": Case(f'_acme-challenge.www.doubled-name.example.www IN TXT "{value}"', "dns_doubled_host", "www"),
        "doubled-quoted": Case(f'_acme-challenge.doubled-quoted.example IN TXT "\'{value}\'"', "dns_doubled_host"),
        "no-underscore": Case(f'acme-challenge IN TXT "{value}"', "dns_missing_underscore"),
        "two-underscores": Case(f'_acme_challenge IN TXT "{value}"', "dns_misspelled_host"),
        "no-hyphen": Case(f'_acmechallenge IN TXT "{value}"', "dns_misspelled_host"),
        "label-twice": Case(f'_acme-challenge._acme-challenge IN TXT "{value}"', "dns_label_twice"),
        "bare-name": Case(f'@ IN TXT "{value}"', "dns_at_apex"),
        "bare-name-below": Case(f'www IN TXT "{value}"', "dns_at_apex", "www"),
        "at-parent": Case(txt(value), "dns_at_parent", "www"),
        "at-grandparent": Case(txt(value), "dns_at_parent", "a.b"),
        "at-www": Case(f'_acme-challenge.www IN TXT "{value}"', "dns_at_www"),
        # --- swallowed
        "wildcard-txt": Case('* IN TXT "v=spf1 -all"', "dns_wildcard_txt"),
        "wildcard-cname": Case("* IN CNAME parking.host.example.", "dns_wildcard_cname"),
        "wildcard-cname-txt": Case("* IN CNAME other.host.example.", "dns_wildcard_cname"),
    }  # fmt: skip


def _aliases(value: str) -> dict[str, Case]:
    return {
        "alias-empty": Case("_acme-challenge IN CNAME nothing.host.example.", "dns_cname_empty"),
        "alias-dangling": Case("_acme-challenge IN CNAME gone.nowhere.test.", "dns_cname_empty"),
        "alias-other-value": Case("_acme-challenge IN CNAME other.host.example.", "dns_cname_empty"),
        "alias-of-value": Case(f"_acme-challenge IN CNAME {value}.", "dns_cname_instead"),
        "alias-of-value-below": Case(f"_acme-challenge IN CNAME {value}", "dns_cname_instead"),
        "alias-to-itself": Case("_acme-challenge IN CNAME _acme-challenge", "dns_cname_loop"),
        "alias-circle": Case("_acme-challenge IN CNAME a\na IN CNAME b\nb IN CNAME _acme-challenge", "dns_cname_loop"),
        "alias-endless": Case(
            "_acme-challenge IN CNAME a0\n" + "\n".join(f"a{n} IN CNAME a{n + 1}" for n in range(12)), "dns_cname_loop"
        ),
        "alias-to-lame": Case("_acme-challenge IN CNAME x.lame.example.", "dns_cname_broken"),
    }  # fmt: skip


TABLE = table(TOKEN, KEY_AUTHORIZATION)
