"""What a request brings: which source holds which credential."""

from collections import namedtuple
from functools import lru_cache

# kind: none, key (`key` names it, or a token; in X-API-Key), bearer (the same in Authorization), unknown, malformed, foreign,
# token (of nobody), double (with `key`), same (`key` in two fields), cookie (`key` in a cookie), page (the same, and the
# browser says that a page of ours sent it), ambient (`key`, and nonsense in a cookie).
# service: what is in X-Service-Key besides: nothing (""), what the kind brings ("same"), or a key or token by its name.
# basic: whether Authorization names a Basic user, if it is free: not (""), or the one with a "good" or a "bad" password.
Ask = namedtuple("Ask", "location method kind key address spoof service basic", defaults=("", ""))

BEARER, API_KEY, SERVICE_KEY, COOKIE = "bearer", "x-api-key", "x-service-key", "cookie"
DEFAULT_SOURCES = (BEARER, API_KEY)
USERS = {"good": "bob", "bad": "mallory"}  # of Basic: who has a password, and who has not

# A credential is (what it is, whose key or token it is made from); equal ones are equal texts.
UNKNOWN, FOREIGN, NOBODYS_TOKEN, STRANGE = (("unknown", ""), ("foreign", ""), ("token", ""), ("strange", ""))


@lru_cache(1 << 16)
def credentials_of(kind, key, service):
    """{source: credential}"""
    whole = ("whole", key)
    found = {
        "none": {},
        "key": {API_KEY: whole},
        "bearer": {BEARER: whole},
        "unknown": {API_KEY: UNKNOWN},
        "malformed": {API_KEY: ("malformed", key)},
        "foreign": {API_KEY: FOREIGN},
        "token": {BEARER: NOBODYS_TOKEN},
        "double": {API_KEY: whole, BEARER: STRANGE},
        "same": {API_KEY: whole, BEARER: whole},
        "cookie": {COOKIE: whole},
        "page": {COOKIE: whole},
        "ambient": {BEARER: whole, COOKIE: UNKNOWN},
    }[kind]
    if service:
        same = next(iter(found.values()), whole)
        found = {**found, SERVICE_KEY: same if service == "same" else ("whole", service)}
    return found


def credentials(ask):
    return credentials_of(ask.kind, ask.key, ask.service)


def basic_user(ask):
    """Who Authorization says it is, and "" where it is taken by a credential."""
    return USERS.get(ask.basic, "") if BEARER not in credentials(ask) else ""


def names(ask):
    """The keys and tokens that it may be about."""
    return (ask.key, ask.service) if ask.service and ask.service != "same" else (ask.key,)
