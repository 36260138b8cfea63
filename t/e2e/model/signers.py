"""The issuers' side of it: keys, the files and the server of their key sets, and tokens minted with them, good and bad.

Signed by python3-jwt and cryptography; never looked at by the product's code.
"""

import hmac
import json
import time

from harness import issuer as key_server
from harness.tokens import Issuers, Signer, b64, flipped, jwks
from jwt.algorithms import get_default_algorithms

from .issuers import FIRST_SETS, ISSUERS, KIDS, SOURCES, algorithms_of, block
from .tokens import Token

ALGORITHMS = get_default_algorithms()

BAD_ANSWERS = {"nonsense": key_server.answer(b"nonsense"), "error": key_server.answer(b"", "500 Internal Server Error"),
               "empty": key_server.answer(b'{"keys":[]}'), "elsewhere": key_server.answer(b"", "302 Found", {"Location": "/other"})}  # fmt: skip


def make(key):
    match algorithms_of(key)[0]:
        case "HS256":
            return Signer("HS256", secret=key.encode() * 32)
        case algorithm:
            return Signer(algorithm, KIDS[key])


def signature(algorithm, private, text):
    signer = ALGORITHMS["EdDSA" if algorithm == "Ed25519" else algorithm]
    return signer.sign(text.encode(), signer.prepare_key(private))


class Signers:
    """sets: {source: the names of the keys that it publishes}."""

    def __init__(self, folder):
        self.born = time.monotonic()
        self.keys = {key: make(key) for key in KIDS}
        self.files = Issuers(folder)
        self.server = key_server.Issuer()
        self.serving, self.stale = "well", "1h"
        self.sets = dict(FIRST_SETS)
        for source in SOURCES:
            self.publish(source, self.sets[source])

    def close(self):
        self.server.close()

    def blocks(self, variant):
        return "".join(block(issuer, self._place(issuer.source)) for issuer in ISSUERS[variant])

    def publish(self, source, keys):
        self.sets[source] = keys
        self._put(source, self._content(source, keys))

    def spoil(self, source):
        """In place of its keys, nonsense."""
        self._put(source, b"nonsense")

    def serve(self, how):
        """Has the server of the set that is fetched answer as it should ("well"), with one of BAD_ANSWERS, or not at all ("")."""
        if self.serving and not how:
            self.server.stop()
        self.serving, was = how, self.serving
        if how:
            self._put("fetched", self._content("fetched", self.sets["fetched"]))
        if how and not was:
            self.server.start()

    def _content(self, source, keys):
        match source:
            case "oauth":
                return self.keys[keys[0]].pem.encode()
            case "internal":
                return self.keys[keys[0]].private
        return jwks(*(self.keys[key] for key in keys)).encode()

    def _put(self, source, content):
        if source == "fetched":
            self.server.behave = BAD_ANSWERS.get(self.serving) or key_server.answer(content)
        else:
            self.files.write(source, content)  # the secret too: workers have to be able to read it

    def _place(self, source):
        if source == "fetched":
            return f"jwks_uri {self.server.url} refresh=1s stale={self.stale} plain"
        directive = {"oauth": "public_key", "internal": "secret_file"}.get(source, "jwks_file")
        return f"{directive} {self.files.path(source)}"

    # Tokens.

    def mint(self, op):
        """(the token's text, what is true of it). Times in the operation are seconds from now."""
        now_s = int(time.time())
        claims = {
            **op["claims"],
            **{name: now_s + op[name] for name in ("iat", "nbf", "exp") if op.get(name) is not None},
        }
        header = {"alg": op["alg"], "typ": op["typ"], "kid": op["kid"]}
        header = {name: value for name, value in header.items() if value is not None}
        payload, key = json.dumps(claims), op["key"]
        match op["flaw"]:
            case "crit":
                header["crit"] = ["exp"]
            case "twice":
                payload = f'{{"sub":"s0",{json.dumps({**claims, "sub": "s1"})[1:]}'
            case "own-key":
                header["jwk"] = self.keys[key].jwk
        text = f"{b64(json.dumps(header))}.{b64(payload)}"
        signed, by = self._sign(op, key, text)
        token = Token(
            op["token"], by, op["alg"], op["kid"], op["typ"], claims, op["flaw"] not in ("crit", "twice"), bool(signed)
        )
        text = f"{text}.{b64(signed)}"
        return (flipped(text, 77) if op["flaw"] == "flipped" and signed else text), token

    def _sign(self, op, key, text):
        """(signature, the key by which it can be verified)"""
        if op["alg"] == "none":
            return b"", ""
        if op["alg"] not in algorithms_of(key):  # as who takes a public key for a secret
            secret = self.keys[key].pem.encode() if key[0] != "h" else b"x" * 32
            return hmac.digest(secret, text.encode(), "sha256"), ""
        return signature(op["alg"], self.keys[key].private, text), key if op["flaw"] != "flipped" else ""
