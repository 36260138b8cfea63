"""An issuer of tokens: keys of its own, tokens signed with them, and a server of its key set that does what a test tells it to."""

import json
import secrets
import socket
import ssl
import threading

from .edge import Ports
from .tokens import Signer, bearer
from .wait import until


def answer(body=b"", status="200 OK", headers=()):
    """A whole HTTP answer, as bytes."""
    fields = {
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "Connection": "close",
        **dict(headers),
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body


class Issuer:
    """`behave`: nothing is told, and it answers with its keys; bytes are sent as they are, and the connection is closed; a function is
    given the connection and does what it likes. `documents`: where they are told, answers by path, and 404 elsewhere. `gate`: an Event that
    every answer waits for. tls: an SSLContext of a server.
    """

    def __init__(self, tls=None, host="127.0.0.1"):
        self.keys = {}
        self.behave = None
        self.gate = None
        self.documents = None
        self.connections = 0
        self.paths = []
        self.peers = []  # the client's port of every connection that sent a request
        self._ports = Ports()
        self._tls = tls
        self.port = self._ports.take()
        self.url = f"{'https' if tls else 'http'}://{host}:{self.port}/jwks.json"
        self.add_key("first")
        self.start()

    # Keys and tokens.

    def add_key(self, kid):
        self.keys[kid] = Signer("EdDSA", kid)

    def jwks(self, *more):
        return json.dumps({"keys": [*(key.jwk for key in self.keys.values()), *more]}).encode()

    def token(self, kid=None, signed_with=None, **claims):
        """kid: of the last key that was added. signed_with: a Signer that needn't be among ours."""
        kid = kid or list(self.keys)[-1]
        signer = signed_with or self.keys[kid]
        return signer.token({"kid": kid}, jti=secrets.token_hex(8), **claims)

    def bearer(self, *args, **kwargs):
        return bearer(self.token(*args, **kwargs))

    # The server.

    @property
    def count(self):
        return len(self.peers)

    def wait_count(self, count, timeout=20):
        until(lambda: self.count >= count, timeout, f"{count} fetches, {self.count} came")

    def start(self):
        """On the port that it always has."""
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
        self._thread = threading.Thread(target=self._serve, args=[self._listener], daemon=True)
        self._thread.start()

    def stop(self):
        """From now on nobody listens there."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._listener.close()

    def close(self):
        if self._thread.is_alive():
            self.stop()
        if self.gate is not None:
            self.gate.set()
        self._ports.close()

    def _serve(self, listener):
        while True:
            try:
                connection, peer = listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._answer, args=[connection, peer[1]], daemon=True).start()

    def _answer(self, connection, peer):
        try:
            with connection:
                connection.settimeout(60)
                if self._tls:
                    connection = self._tls.wrap_socket(connection, server_side=True)
                head = b""
                while b"\r\n\r\n" not in head:
                    data = connection.recv(65536)
                    if not data:
                        return
                    head += data
                gate, behave = self.gate, self.behave
                path = head.split(b" ")[1].decode()
                self.paths.append(path)
                self.peers.append(peer)
                if gate is not None:
                    gate.wait(60)
                if callable(behave):
                    behave(connection)
                elif behave is None and self.documents is not None:
                    known = self.documents.get(path)
                    connection.sendall(answer(known) if known is not None else answer(status="404 Not Found"))
                else:
                    connection.sendall(behave if behave is not None else answer(self.jwks()))
                if self._tls:
                    connection.unwrap()
        except (OSError, ssl.SSLError):
            pass
