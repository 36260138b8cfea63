"""What a request brings: which source holds which credential."""

from collections import namedtuple
from functools import lru_cache

# kind: none, key (`key` names it, or a token; in X-API-Key), bearer (the same in Authorization), unknown, malformed, foreign,
# token (of nobody), double (with `key`), same (`key` in two fields), cookie (`key` in a cookie), page (the same, and the
# browser says that a page of ours sent it), ambient (`key`, and nonsense in a cookie), scheme (`key` behind a scheme of its own),
# basic, password (`key` as one half of Basic, and nonsense as the other), foreign-page (basic, sent by another site's page).
# service: what is in X-Service-Key besides: nothing (""), what the kind brings ("same"), or a key or token by its name.
# basic: whether Authorization names a Basic user, if it is free: not (""), or the one with a "good" or a "bad" password.
Ask = namedtuple("Ask", "location method kind key address spoof service basic", defaults=("", ""))

BEARER, API_KEY, SERVICE_KEY, COOKIE = "bearer", "x-api-key", "x-service-key", "cookie"
SCHEME, BASIC, PASSWORD = (
    "scheme",
    "basic",
    "basic-password",
)  # others in Authorization: basic is the user, or the password
BASICS = (BASIC, PASSWORD)
AUTHORIZATION = (BEARER, SCHEME, *BASICS)
AMBIENT = (COOKIE, *BASICS)  # what browsers send unasked
DEFAULT_SOURCES = (BEARER, API_KEY)
USERS = {"good": "bob", "bad": "mallory"}  # of Basic: who has a password, and who has not

FOREIGN_TEXT = "sk_live_0123456789abcdef"

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
        "scheme": {SCHEME: whole},
        "basic": {BASIC: whole, PASSWORD: FOREIGN},
        "password": {BASIC: FOREIGN, PASSWORD: whole},
        "foreign-page": {BASIC: whole, PASSWORD: FOREIGN},
    }[kind]
    if service:
        same = next(iter(found.values()), whole)
        found = {**found, SERVICE_KEY: same if service == "same" else ("whole", service)}
    return found


def credentials(ask):
    found = credentials_of(ask.kind, ask.key, ask.service)
    return {**found, BASIC: FOREIGN, PASSWORD: FOREIGN} if basic_user(ask) else found


def basic_user(ask):
    """Who Authorization says it is, and "" where it is taken by a credential."""
    found = credentials_of(ask.kind, ask.key, ask.service)
    return USERS.get(ask.basic, "") if not any(source in found for source in AUTHORIZATION) else ""


def names(ask):
    """The keys and tokens that it may be about."""
    return (ask.key, ask.service) if ask.service and ask.service != "same" else (ask.key,)
