"""A TLS server on loopback that shows whatever chain it was given."""

from __future__ import annotations

import contextlib
import socket
import ssl
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from certificates import keys
from sandbox.free_ports import free_port
from tests.validation.closing import end


class FakeSite:
    """Serves `chain` (leaf first) with the leaf's key; with no chain it talks plain text instead of TLS."""

    def __init__(
        self,
        chain: Sequence[x509.Certificate] = (),
        key: keys.PrivateKey | None = None,
        address: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self._context = _context(chain, key) if key is not None else None
        self.port = port or free_port()
        self._socket = socket.create_server((address, self.port))
        self.asked: list[str] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        end([self._socket], [self._thread])

    def _serve(self) -> None:
        while True:
            try:
                peer, _address = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(peer,), daemon=True).start()

    def _answer(self, peer: socket.socket) -> None:
        with peer, contextlib.suppress(OSError):
            peer.settimeout(5)
            if self._context is None:
                peer.sendall(b"220 mail.example ESMTP ready\r\n")
                return
            self._context.sni_callback = lambda _socket, name, _context: self.asked.append(str(name))
            with self._context.wrap_socket(peer, server_side=True) as tls:
                tls.recv(1)


def _context(chain: Sequence[x509.Certificate], key: keys.PrivateKey) -> ssl.SSLContext:
    with tempfile.TemporaryDirectory() as folder:
        certificates, private = Path(folder, "chain.pem"), Path(folder, "key.pem")
        certificates.write_bytes(b"".join(row.public_bytes(serialization.Encoding.PEM) for row in chain))
        private.write_bytes(keys.to_pem(key))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates, private)
        return context
