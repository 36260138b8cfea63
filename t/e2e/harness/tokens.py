"""Issuers of tokens: keys made for the test, and tokens minted by python3-jwt, or by hand where that would refuse."""

import base64
import copy
import hashlib
import hmac
import json
import time

import jwt
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

CURVES = {"ES256": ec.SECP256R1, "ES384": ec.SECP384R1, "ES512": ec.SECP521R1}
ASYMMETRIC = ["EdDSA", *CURVES, "RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]
SYMMETRIC = ["HS256", "HS384", "HS512"]

_rsa = {}


def rsa_key(number=0, bits=2048):
    """One of a few, as making them takes long."""
    if (number, bits) not in _rsa:
        _rsa[number, bits] = rsa.generate_private_key(65537, bits)
    return _rsa[number, bits]


def b64(data):
    data = data if isinstance(data, bytes) else data.encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def number(value, size=None):
    return b64(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


class Signer:
    """A key of an issuer: Signer("EdDSA"), Signer("RS256", kid="2"), Signer("HS256", secret=b"...")."""

    def __init__(self, algorithm="EdDSA", kid=None, secret=None, rsa_number=0):
        self.algorithm, self.kid = algorithm, kid
        if algorithm in SYMMETRIC:
            self.private = secret or b"0123456789abcdef" * 4
        elif algorithm in CURVES:
            self.private = ec.generate_private_key(CURVES[algorithm]())
        elif algorithm == "EdDSA":
            self.private = ed25519.Ed25519PrivateKey.generate()
        else:
            self.private = rsa_key(rsa_number)

    def named(self, kid):
        """The same key under another kid."""
        other = copy.copy(self)
        other.kid = kid
        return other

    @property
    def pem(self):
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return self.private.public_key().public_bytes(serialization.Encoding.PEM, form).decode()

    @property
    def jwk(self):
        jwk = {"kid": self.kid} if self.kid is not None else {}
        if self.algorithm in SYMMETRIC:
            return {**jwk, "kty": "oct", "k": b64(self.private)}
        public = self.private.public_key()
        if self.algorithm == "EdDSA":
            raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
            return {**jwk, "kty": "OKP", "crv": "Ed25519", "x": b64(raw)}
        numbers = public.public_numbers()
        if self.algorithm in CURVES:
            size = (public.curve.key_size + 7) // 8
            curve = f"P-{public.curve.key_size}"
            return {**jwk, "kty": "EC", "crv": curve, "x": number(numbers.x, size), "y": number(numbers.y, size)}
        return {**jwk, "kty": "RSA", "n": number(numbers.n), "e": number(numbers.e)}

    def token(self, headers=None, lifetime=600, **claims):
        """A token for sub "u1" that is good for ten minutes; a claim that is None is left out."""
        now = int(time.time())
        claims = {"sub": "u1", "iat": now, "exp": now + lifetime, **claims}
        claims = {name: value for name, value in claims.items() if value is not None}
        kid = {"kid": self.kid} if self.kid is not None else {}
        return jwt.encode(claims, self.private, self.algorithm, headers={**kid, **(headers or {})})

    def raw_token(self, header, claims):
        """Of EdDSA: whatever the members are."""
        text = f"{b64(json.dumps(header))}.{b64(json.dumps(claims))}"
        return f"{text}.{b64(self.private.sign(text.encode()))}"

    def bearer(self, headers=None, **claims):
        return {"Authorization": f"Bearer {self.token(headers, **claims)}"}


def jwks(*signers, **more):
    return json.dumps({"keys": [signer.jwk for signer in signers], **more})


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def forge(token, header=None, claims=None, signature=None):
    """The token with members of its header or claims changed, or another signature; not signed anew."""
    parts = token.split(".")
    for i, changes in enumerate((header, claims)):
        if changes is not None:
            parts[i] = b64(json.dumps({**json.loads(unb64(parts[i])), **changes}))
    if signature is not None:
        parts[2] = b64(signature)
    return ".".join(parts)


def hs256_with(secret, header, claims):
    """As an attacker signs: HMAC with whatever bytes."""
    text = f"{b64(json.dumps(header))}.{b64(json.dumps(claims))}"
    return f"{text}.{b64(hmac.new(secret, text.encode(), hashlib.sha256).digest())}"


def ps256_with_salt(key, salt, header, claims):
    text = f"{b64(json.dumps(header))}.{b64(json.dumps(claims))}"
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), salt)
    return f"{text}.{b64(key.sign(text.encode(), pss, hashes.SHA256()))}"


def flipped(token, bit):
    """The token with one bit of its signature turned over."""
    signature = bytearray(unb64(token.rsplit(".", 1)[1]))
    signature[bit // 8] ^= 1 << bit % 8
    return f"{token.rsplit('.', 1)[0]}.{b64(bytes(signature))}"


class Issuers:
    """Key files in a folder, and the keyward_issuer blocks that name them.

    block = issuers.block("auth", Signer(), "audience api;")
    """

    def __init__(self, folder):
        self.folder = folder / "issuers"
        self.folder.mkdir()
        self.folder.chmod(0o755)

    def path(self, name):
        return self.folder / name

    def write(self, name, text, mode=0o644):
        """Whole at once, as a careful operator does."""
        temporary = self.folder / f".{name}"
        temporary.write_bytes(text if isinstance(text, bytes) else text.encode())
        temporary.chmod(mode)
        temporary.replace(self.folder / name)
        return self.folder / name

    def block(self, name, signer, rules=""):
        """signer: one (a PEM file, or a secret), or a list (a JWKS)."""
        if isinstance(signer, list):
            keys = f"jwks_file {self.write(f'{name}.json', jwks(*signer))};"
        elif signer.algorithm in SYMMETRIC:
            keys = f"secret_file {self.write(f'{name}.secret', signer.private, 0o640)};"
        else:
            keys = f"public_key {self.write(f'{name}.pem', signer.pem)};"
        return f"keyward_issuer {name} {{ {keys} {rules} }}\n"
