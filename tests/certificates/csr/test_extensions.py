"""What a CSR asks for beside its names, and whether it fits the plan."""

from __future__ import annotations

from cryptography import x509

from certificates import csr
from identifiers.names import parse
from tests.certificates import samples
from tests.certificates.csr.reading import names_in, slugs_of
from tests.certificates.samples import extension, raw_csr, san_of, sequence


def test_must_staple_is_refused() -> None:
    feature = x509.TLSFeature([x509.TLSFeatureType.status_request])
    assert slugs_of(samples.csr(extensions=[(feature, False)])) == ["must_staple"]


def test_asking_to_be_a_ca_is_refused() -> None:
    assert slugs_of(samples.csr(extensions=[(x509.BasicConstraints(True, None), True)])) == ["asks_for_ca"]
    assert names_in(samples.csr(extensions=[(x509.BasicConstraints(False, None), True)])) == ["example.com"]


def test_an_unknown_extension_is_refused_only_if_critical() -> None:
    unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
    assert slugs_of(samples.csr(extensions=[(unknown, True)])) == ["unknown_critical_extension"]
    assert names_in(samples.csr(extensions=[(unknown, False)])) == ["example.com"]


def test_lists_that_cas_read_differently_are_refused() -> None:
    under_old_number = raw_csr(extensions=[san_of("a.com")], carrier=samples.MICROSOFT_EXTENSION_REQUEST)
    doubled = raw_csr(
        extensions=[san_of("a.com")],
        more_attributes=[samples.attribute(samples.MICROSOFT_EXTENSION_REQUEST, sequence(san_of("b.com")))],
    )
    twice = raw_csr(
        extensions=[san_of("a.com")],
        more_attributes=[samples.attribute(samples.EXTENSION_REQUEST, sequence(san_of("b.com")))],
    )
    for der in (under_old_number, doubled, twice):
        assert slugs_of(der)[0] in {"ambiguous_extensions", "unreadable_extensions"}


def test_an_extension_given_twice_or_broken_is_refused() -> None:
    assert slugs_of(raw_csr(extensions=[san_of("a.com"), san_of("b.com")])) == ["unreadable_extensions"]
    assert slugs_of(raw_csr(extensions=[extension("2.5.29.17", b"\x04\x01x")])) == ["unreadable_extensions"]
    two_values = samples.attribute(
        samples.EXTENSION_REQUEST, sequence(san_of("a.com")), sequence(san_of("b.com"))
    )
    assert slugs_of(raw_csr(more_attributes=[two_values]))[0] in {
        "unreadable_extensions",
        "unparsable",
        "ambiguous_extensions",
    }


def test_a_csr_for_exactly_the_ordered_names_has_no_problem_in_any_order() -> None:
    report = csr.read(samples.csr(["b.com", "a.com", "*.a.com"]))
    assert csr.against(report, [parse("*.a.com"), parse("a.com"), parse("B.com")]) == []


def test_missing_and_extra_names_are_listed() -> None:
    report = csr.read(samples.csr(["a.com", "www.c.com"]))
    problems = csr.against(report, [parse("a.com"), parse("b.com")])
    assert [problem.slug for problem in problems] == ["names_missing", "names_extra"]
    assert "b.com" in problems[0].message
    assert "a.com" not in problems[0].message.replace("b.com", "")
    assert "www.c.com" in problems[1].message


def test_a_wildcard_in_the_csr_does_not_stand_for_ordered_names() -> None:
    report = csr.read(samples.csr(["*.a.com"]))
    assert [problem.slug for problem in csr.against(report, [parse("www.a.com")])] == [
        "names_missing",
        "names_extra",
    ]
    assert [problem.slug for problem in csr.against(report, [parse("*.a.com"), parse("a.com")])] == [
        "names_missing"
    ]


def test_a_csr_with_only_a_common_name_is_explained() -> None:
    report = csr.read(samples.csr([], common="a.com"))
    [problem] = csr.against(report, [parse("a.com"), parse("www.a.com")])
    assert "Subject Alternative Names" in problem.message
