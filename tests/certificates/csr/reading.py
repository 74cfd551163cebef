"""A pasted CSR read, or refused."""

from __future__ import annotations

import pytest

from certificates import csr
from certificates.csr import UnacceptableCSR
from tests.certificates import samples
from tests.certificates.samples import pem

DER = samples.csr(["example.com"])
PLAIN = pem(DER)


def slugs_of(pasted: str | bytes, **options: object) -> list[str]:
    with pytest.raises(UnacceptableCSR) as refused:
        csr.read(pasted, **options)  # type: ignore[arg-type]
    for problem in refused.value.problems:
        assert problem.severity == "error"
        assert len(problem.message) > 20
        assert problem.message.isprintable()
        assert problem.field in {"csr", "key", "signature", "names", "extensions", "subject"}
    return refused.value.slugs


def names_in(pasted: str | bytes) -> list[str]:
    return [name.text for name in csr.read(pasted).names]
