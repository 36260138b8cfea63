"""Hashes of keys as other systems keep them, made by their own means: Python's hashlib, crypt(3), libsodium."""

import base64
import ctypes
import hashlib
import hmac
import secrets
import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # Debian 12's Python still has it
    import crypt

DIGITS = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def salt(length):
    return "".join(secrets.choice(DIGITS) for _ in range(length))


def argon2(key, kind, memory, passes):
    sodium = ctypes.CDLL("libsodium.so.23")
    assert sodium.sodium_init() >= 0
    out = ctypes.create_string_buffer(128)
    make = {
        "argon2id": sodium.crypto_pwhash_argon2id_str,
        "argon2i": sodium.crypto_pwhash_argon2i_str,
    }[kind]
    sizes = (
        ctypes.c_ulonglong(len(key)),
        ctypes.c_ulonglong(passes),
        ctypes.c_size_t(memory),
    )
    assert make(out, key.encode(), *sizes) == 0
    return out.value.decode()


def pbkdf2(digest, key, salt_bytes, rounds):
    return hashlib.pbkdf2_hmac(digest, key.encode(), salt_bytes, rounds)


def django(key, rounds):
    text = secrets.token_hex(11)
    digest = base64.b64encode(pbkdf2("sha256", key, text.encode(), rounds)).decode()
    return f"pbkdf2_sha256${rounds}${text}${digest}"


def adapted(data):
    return base64.b64encode(data, b"./").decode().rstrip("=")


def passlib(key, rounds, digest="sha256"):
    text = secrets.token_bytes(16)
    return f"$pbkdf2-{digest}${rounds}${adapted(text)}${adapted(pbkdf2(digest, key, text, rounds))}"


def named_pbkdf2(key, rounds):
    text = secrets.token_bytes(16)
    plain = lambda data: base64.b64encode(data).decode().rstrip("=")
    return f"$pbkdf2-sha256$i={rounds},l=32${plain(text)}${plain(pbkdf2('sha256', key, text, rounds))}"


# Each by its name: make(key, costly), cheap or of some tenths of a second.
MAKERS = {
    "argon2id": lambda key, costly: argon2(key, "argon2id", 1 << (26 if costly else 20), 3 if costly else 1),
    "argon2i": lambda key, costly: argon2(key, "argon2i", 1 << (26 if costly else 20), 3),
    "scrypt": lambda key, costly: crypt.crypt(key, f"$7${'D' if costly else '7'}6..../....{salt(22)}"),
    "yescrypt": lambda key, costly: crypt.crypt(key, f"$y$j{'BT' if costly else '75'}${salt(20)}"),
    "sha512_crypt": lambda key, costly: crypt.crypt(key, f"$6$rounds={600000 if costly else 1000}${salt(16)}"),
    "django": lambda key, costly: django(key, 600000 if costly else 1000),
    "passlib": lambda key, costly: passlib(key, 600000 if costly else 1000),
    "passlib-sha512": lambda key, costly: passlib(key, 300000 if costly else 1000, "sha512"),
    "pbkdf2": lambda key, costly: named_pbkdf2(key, 600000 if costly else 1000),
}


def digest_of(kind, key, pepper=None):
    """In hexadecimal digits: sha256, sha512, or hmac_sha256 under a pepper."""
    if kind == "hmac_sha256":
        return hmac.new(pepper, key.encode(), "sha256").hexdigest()
    return hashlib.new(kind, key.encode()).hexdigest()
