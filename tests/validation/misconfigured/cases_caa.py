"""CAA records that keep our CA out, by the zone they stand in."""

from __future__ import annotations

from dataclasses import dataclass

ACCOUNT = "https://ca.example/acct/1"


@dataclass(frozen=True)
class Case:
    """For the CA `ca.example` and the name `<below><zone>`; `value` is what the record that we tell must say.

    `removed` is the record that has to go, where no further record would help.
    """

    records: str
    slug: str
    below: str = ""
    wildcard: bool = False
    value: str = "ca.example"
    removed: str = ""


def table(account: str) -> dict[str, Case]:
    """Every record with the URL of one account at the CA."""
    return {
        "caa-other": Case('@ IN CAA 0 issue "letsencrypt.org"', "caa_other_issuer"),
        "caa-suffix": Case('@ IN CAA 0 issue "other-ca.example"', "caa_other_issuer"),
        "caa-prefix": Case('@ IN CAA 0 issue "ca.example.org"', "caa_other_issuer"),
        "caa-sub": Case('@ IN CAA 0 issue "sub.ca.example"', "caa_other_issuer"),
        "caa-nobody": Case('@ IN CAA 0 issue ";"', "caa_forbids"),
        "caa-above": Case('@ IN CAA 0 issue "letsencrypt.org"', "caa_other_issuer", "a.b.c."),
        "caa-wild": Case('@ IN CAA 0 issue "ca.example"\n@ IN CAA 0 issuewild ";"', "caa_wildcard", wildcard=True),
        "caa-wild-other": Case('@ IN CAA 0 issuewild "other.example"', "caa_wildcard", wildcard=True),
        "caa-wild-by-issue": Case('@ IN CAA 0 issue "other.example"', "caa_other_issuer", wildcard=True),
        "caa-account": Case('@ IN CAA 0 issue "ca.example; accounturi=https://ca.example/acct/9"', "caa_account", value=f"ca.example; accounturi={account}"),
        "caa-account-twice": Case(f'@ IN CAA 0 issue "ca.example; accounturi={account}; accounturi={account}"', "caa_account", value=f"ca.example; accounturi={account}"),
        "caa-account-and-method": Case(
            '@ IN CAA 0 issue "ca.example; accounturi=https://ca.example/acct/9; validationmethods=http-01"',
            "caa_account",
            value=f"ca.example; accounturi={account}; validationmethods=http-01,dns-01",
        ),
        "caa-account-wild": Case(
            '@ IN CAA 0 issue ";"\n@ IN CAA 0 issuewild "CA.Example; accounturi=https://ca.example/acct/9; tag=x"',
            "caa_account",
            wildcard=True,
            value=f"ca.example; tag=x; accounturi={account}",
        ),
        "caa-method-of-ours": Case(
            f'@ IN CAA 0 issue "ca.example; accounturi={account}; validationmethods=http-01"',
            "caa_method",
            value=f"ca.example; accounturi={account}; validationmethods=http-01,dns-01",
        ),
        "caa-method": Case('@ IN CAA 0 issue "ca.example; validationmethods=http-01,tls-alpn-01"', "caa_method", value="ca.example; validationmethods=http-01,tls-alpn-01,dns-01"),
        "caa-critical": Case('@ IN CAA 128 tbs "Unknown"\n@ IN CAA 0 issue "ca.example"', "caa_unknown_critical", removed='128 tbs "Unknown"'),
        "caa-malformed": Case('@ IN CAA 0 issue "%%%%%"', "caa_malformed"),
        "caa-alias": Case("www IN CNAME caa.host.example.", "caa_other_issuer", "www."),
        "caa-empty-tag": Case('@ IN CAA 0 issue ""', "caa_forbids"),
    }  # fmt: skip


TABLE = table(ACCOUNT)
