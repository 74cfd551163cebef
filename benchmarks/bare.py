"""`python -m benchmarks.bare <directory> <roots file> <count> <key type>`: the peer of our pipeline.

A loop over the `acme` library that takes the next step the moment the last has answered: no database, no queue, no
waiting, nothing kept. Prints {"seconds", "cpu", "requests"} as JSON, the warm-up not counted.
"""

from __future__ import annotations

import json
import resource
import sys
import time
import uuid
from typing import Any

import josepy
from acme import challenges, client, messages
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

MOST_POLLS = 2000


class Loop:
    def __init__(self, directory: str, roots: str, key_type: str) -> None:
        self.key_type = key_type
        account = josepy.JWKEC(key=ec.generate_private_key(ec.SECP256R1()))
        self.net = client.ClientNetwork(account, alg=josepy.ES256, verify_ssl=roots, timeout=20)  # type: ignore[arg-type]  # requests takes a file, too
        self.client = client.ClientV2(client.ClientV2.get_directory(directory, self.net), self.net)
        self.client.new_account(messages.NewRegistration.from_data(terms_of_service_agreed=True))

    def issue(self, name: str) -> str:
        key: Any = (
            rsa.generate_private_key(65537, 2048)
            if self.key_type == "rsa-2048"
            else ec.generate_private_key(ec.SECP256R1())
        )
        csr = (
            x509.CertificateSigningRequestBuilder()
            .subject_name(x509.Name([]))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=True)
            .sign(key, hashes.SHA256())
        )
        order = self.client.new_order(csr.public_bytes(serialization.Encoding.PEM))
        for authorization in order.authorizations:
            chosen = next(c for c in authorization.body.challenges if isinstance(c.chall, challenges.DNS01))
            self.client.answer_challenge(chosen, chosen.response(self.net.key))
        self._until(order.uri, {messages.STATUS_READY})
        self.client.begin_finalization(order)
        body = self._until(order.uri, {messages.STATUS_VALID})
        return str(self.client._post_as_get(body.certificate).text)

    def _until(self, url: str, wanted: set[messages.Status]) -> messages.Order:
        for _poll in range(MOST_POLLS):
            body = messages.Order.from_json(self.client._post_as_get(url).json())
            if body.status in wanted:
                return body
            if body.status == messages.STATUS_INVALID:
                raise RuntimeError(f"the CA refused: {body.error}")
        raise RuntimeError("the CA does not go on")


def main(directory: str, roots: str, count: int, key_type: str) -> None:
    loop, run = Loop(directory, roots, key_type), uuid.uuid4().hex[:12]
    loop.issue(f"warm-up.{run}.bare.example")
    # The other process of the pair starts at the same moment.
    print("ready", flush=True)
    sys.stdin.readline()
    usage, started = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    for number in range(count):
        loop.issue(f"n{number}.{run}.bare.example")
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - usage.ru_utime - usage.ru_stime
    print(json.dumps({"seconds": seconds, "cpu": cpu}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4])
