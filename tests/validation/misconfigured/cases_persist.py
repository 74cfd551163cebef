"""Standing records (dns-persist-01) that do not speak for this customer's account, by the zone they stand in."""

from __future__ import annotations

from dataclasses import dataclass

URI = "https://ca.example/acct/7"
AT = "_validation-persist IN TXT"


@dataclass(frozen=True)
class Case:
    """For `URI` at the CA `ca.example`, wildcards too."""

    records: str
    slug: str


TABLE: dict[str, Case] = {
    "persist-nothing": Case("", "persist_missing"),
    "persist-else": Case(f'{AT} "v=spf1 -all"', "persist_missing"),
    "persist-at-apex": Case(f'@ IN TXT "ca.example; accounturi={URI}; policy=wildcard"', "persist_missing"),
    "persist-other-ca": Case(f'{AT} "other.example; accounturi={URI}; policy=wildcard"', "persist_missing"),
    "persist-twice": Case(
        f'{AT} "ca.example; accounturi={URI}; accounturi={URI}; policy=wildcard"', "persist_missing"
    ),
    # Without quotation marks the semicolon begins a comment.
    "persist-unquoted": Case(f"{AT} ca.example; accounturi={URI}; policy=wildcard", "persist_other_account"),
    "persist-account": Case(
        f'{AT} "ca.example; accounturi={URI}1; policy=wildcard"', "persist_other_account"
    ),
    "persist-no-account": Case(f'{AT} "ca.example; policy=wildcard"', "persist_other_account"),
    "persist-single": Case(f'{AT} "ca.example; accounturi={URI}"', "persist_no_wildcard"),
    "persist-ended": Case(
        f'{AT} "ca.example; accounturi={URI}; policy=wildcard; persistUntil=1700000000"', "persist_ended"
    ),
    "persist-soon": Case(
        f'{AT} "ca.example; accounturi={URI}; policy=wildcard; persistUntil=2027-01-01"', "persist_ended"
    ),
}
