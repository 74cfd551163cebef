"""The certID of RFC 9773 §4.1, by the RFC's own example."""

from __future__ import annotations

import pytest

from certificates.renewal.ari import NoCertId, cert_id, written
from tests.certificates import samples
from tests.certificates.renewal.ari_ca import signed

KEY_ID = bytes.fromhex("69885B6B87464041E1B37B847BA0AE2CDE01C8D4")


def test_it_is_the_rfcs_example():
    assert written(KEY_ID, 0x87654321) == "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE"


@pytest.mark.parametrize(
    ("serial", "tail"), [(0x7F, "fw"), (0x80, "AIA"), (1, "AQ"), (0x0100, "AQA"), (2**159 - 1, None)]
)
def test_the_serial_number_is_written_as_in_der(serial, tail):
    text = written(b"k", serial).split(".")[1]
    assert tail is None or text == tail
    assert "=" not in text


def test_it_is_read_from_the_leaf():
    leaf, chain = signed(
        ["shop.example"], samples.key_of().public_key(), samples.NOW, samples.NOW.replace(year=2027)
    )
    key_id, serial = cert_id(chain).split(".")
    assert key_id
    assert serial == written(b"", leaf.serial_number)[1:]


def test_a_leaf_that_does_not_say_who_signed_it_has_none():
    _root, intermediate = samples.hierarchy()
    with pytest.raises(NoCertId):
        cert_id(samples.pem_of(samples.leaf(intermediate, ["shop.example"])))
    with pytest.raises(NoCertId):
        cert_id("-----BEGIN")
