"""CAA records that keep our CA out, by the zone they stand in."""

from __future__ import annotations

from dataclasses import dataclass

ACCOUNT = "https://ca.example/acct/1"


@dataclass(frozen=True)
class Case:
    """For the CA `ca.example` and the name `<below><zone>`; `helps` is False where no further record would."""

    records: str
    slug: str
    below: str = ""
    wildcard: bool = False
    helps: bool = True


TABLE: dict[str, Case] = {
    "caa-other": Case('@ IN CAA 0 issue "letsencrypt.org"', "caa_other_issuer"),
    "caa-suffix": Case('@ IN CAA 0 issue "other-ca.example"', "caa_other_issuer"),
    "caa-prefix": Case('@ IN CAA 0 issue "ca.example.org"', "caa_other_issuer"),
    "caa-sub": Case('@ IN CAA 0 issue "sub.ca.example"', "caa_other_issuer"),
    "caa-nobody": Case('@ IN CAA 0 issue ";"', "caa_forbids"),
    "caa-above": Case('@ IN CAA 0 issue "letsencrypt.org"', "caa_other_issuer", "a.b.c."),
    "caa-wild": Case('@ IN CAA 0 issue "ca.example"\n@ IN CAA 0 issuewild ";"', "caa_wildcard", wildcard=True),
    "caa-wild-other": Case('@ IN CAA 0 issuewild "other.example"', "caa_wildcard", wildcard=True),
    "caa-wild-by-issue": Case('@ IN CAA 0 issue "other.example"', "caa_other_issuer", wildcard=True),
    "caa-account": Case('@ IN CAA 0 issue "ca.example; accounturi=https://ca.example/acct/9"', "caa_account"),
    "caa-account-twice": Case(
        f'@ IN CAA 0 issue "ca.example; accounturi={ACCOUNT}; accounturi={ACCOUNT}"', "caa_account"
    ),
    "caa-method": Case('@ IN CAA 0 issue "ca.example; validationmethods=http-01,tls-alpn-01"', "caa_method"),
    "caa-critical": Case('@ IN CAA 128 tbs "Unknown"\n@ IN CAA 0 issue "ca.example"', "caa_unknown_critical", helps=False),
    "caa-malformed": Case('@ IN CAA 0 issue "%%%%%"', "caa_malformed"),
    "caa-alias": Case("www IN CNAME caa.host.example.", "caa_other_issuer", "www."),
    "caa-empty-tag": Case('@ IN CAA 0 issue ""', "caa_forbids"),
}  # fmt: skip
