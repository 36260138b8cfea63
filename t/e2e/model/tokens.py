"""What the model decides of a token: whose it is, what is wrong with it at a moment, and whom it names. From the documents alone:
no signature is verified here, as who has minted a token knows which key signed it."""

import math
import re
from dataclasses import dataclass

from .issuers import ISSUERS, KIDS, algorithms_of

SCOPE_TOKEN = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")  # RFC 6749, section 3.3

LISTS = ("scope", "scp", "permissions")


@dataclass(frozen=True)
class Token:
    """key: the one that signed it, "" where none did. sound: strict JWS, whose payload is one object without duplicates.
    looks: like a token at all."""

    name: str
    key: str
    alg: str
    kid: str
    typ: str
    claims: dict
    sound: bool = True
    looks: bool = True


def claim_of(claims, path):
    """None is absent; no claim here is null."""
    if "://" in path:
        return claims.get(path)
    value = claims
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_signed(keys, token):
    """By one of the keys, as the name and the algorithm in its header allow."""
    if token.key not in keys or token.alg not in algorithms_of(token.key):
        return False
    name = KIDS[token.key]
    return token.kid is None or token.kid == name or (name is None and token.kid not in {KIDS[key] for key in keys})


def is_type(wanted, typ):
    return typ is not None and typ.lower().removeprefix("application/") == wanted.lower()


def meets(requirement, claims):
    claim, values = requirement
    found = claim_of(claims, claim)
    return any(one in values for one in (found if isinstance(found, list) else [found]))


def is_meant_for(issuer, token):
    """By what it says, whoever has signed it."""
    if (issuer.iss and token.claims.get("iss") != issuer.iss) or token.alg not in issuer.algorithms:
        return False
    return (not issuer.type or is_type(issuer.type, token.typ)) and all(
        meets(one, token.claims) for one in issuer.require
    )


def is_for(issuer, keys, token):
    return is_meant_for(issuer, token) and is_signed(keys, token)


def is_awaited(issuer, keys, token):
    """Whether the issuer's next set may have the key. keys: None where there is no set."""
    if not issuer.fetched or token.alg not in issuer.algorithms or token.claims.get("iss") != issuer.iss:
        return False
    return keys is None or (token.kid is not None and token.kid not in {KIDS[key] for key in keys})


def has_audience(issuer, audience):
    return not issuer.audience or any(
        one in issuer.audience for one in (audience if isinstance(audience, list) else [audience])
    )


def are_claims_good(issuer, claims):
    """All but the clock's."""
    audience = claims.get("aud")
    texts = [
        claims.get("iss", ""),
        claims.get("jti", ""),
        *(audience if isinstance(audience, list) else [audience or ""]),
    ]
    dates = [claims[name] for name in ("exp", "nbf", "iat") if name in claims]
    plan, subject = issuer.plan_claim and claim_of(claims, issuer.plan_claim), claim_of(claims, issuer.subject_claim)
    if not all(isinstance(text, str) for text in texts) or not all(is_number(date) for date in dates):
        return False
    if not has_audience(issuer, audience) or (issuer.require_exp and "exp" not in claims):
        return False
    if issuer.max_lifetime_s is not None and not ("exp" in claims and "iat" in claims and
                                                  claims["exp"] - claims["iat"] <= issuer.max_lifetime_s):  # fmt: skip
        return False
    if plan and not isinstance(plan, str):
        return False
    return subject is None or (
        isinstance(subject, str) and subject != "" and not re.search(r"[\x00-\x1f\x7f]", subject)
    )


def complaint(issuer, token, now_s):
    """The reason, of an issuer that it is for. expired_token only where nothing else is wrong."""
    claims = token.claims
    if not are_claims_good(issuer, claims):
        return "invalid_token"
    if any(now_s < claims[name] - issuer.leeway_s for name in ("nbf", "iat") if name in claims):
        return "invalid_token"
    return "expired_token" if "exp" in claims and now_s >= claims["exp"] + issuer.leeway_s else ""


def whose(issuers, sets, token, now_s):
    """(issuer, reason, waits): the one whose verdict is final, or None and why; whether a fetch may bring a key that nobody has yet.

    Where all that it is meant for would refuse it alike, by what it says, nobody looks at its signature.
    Where one has no keys, and asks for what the token says, the token may be its own, so none that comes later may take it. Nobody waits for
    a fetch where all that the token may be for would refuse it all the same, by what it says."""
    if not token.sound:
        return None, "invalid_token", False
    said = {complaint(issuer, token, now_s) for issuer in issuers if is_meant_for(issuer, token)}
    if not said or (len(said) == 1 and "" not in said):
        return None, said.pop() if said else "invalid_token", False
    awaited, taker = [], None
    for issuer in issuers:
        keys = sets[issuer.source]
        if is_awaited(issuer, keys, token):
            awaited.append(issuer)
        elif is_for(issuer, keys or (), token):
            taker = issuer
            break
    without_keys = [issuer for issuer in awaited if sets[issuer.source] is None]
    if taker is not None and not without_keys:
        return taker, "", False
    complaints = [complaint(issuer, token, now_s) for issuer in (*awaited, *([taker] if taker else []))]
    if all(complaints):
        return None, "expired_token" if "expired_token" in complaints else "invalid_token", False
    if without_keys:
        return None, "keys_unavailable", False
    return None, "invalid_token", True


def edges(variant, token):
    """The seconds at which something may be said otherwise than before."""
    found = set()
    for issuer in ISSUERS[variant]:
        for name, sign in (("exp", 1), ("nbf", -1), ("iat", -1)):
            if is_number(token.claims.get(name)):
                found.add(math.ceil(token.claims[name] + sign * issuer.leeway_s))
    return found


def subject_of(issuer, token):
    claim = claim_of(token.claims, issuer.subject_claim)
    return "" if claim is None else issuer.prefix + claim


def words_of(path, claim):
    """A string is one value, but in the claims that hold lists by their definition: a role may have a blank in it."""
    if isinstance(claim, str):
        return claim.split(" ") if path in LISTS else [claim]
    return claim if isinstance(claim, list) else []


def text_of(value):
    """As a variable tells a claim."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return " ".join(text_of(one) for one in value)
    return str(value) if isinstance(value, (str, int, float)) else ""


def scopes_of(issuer, token):
    """Its own, and what its issuer grants."""
    claims = ((path, claim_of(token.claims, path)) for path in issuer.scope_claims)
    words = next((words_of(path, claim) for path, claim in claims if claim is not None), [])
    words = [word for word in words if isinstance(word, str) and SCOPE_TOKEN.fullmatch(word)]
    return (*(word for word in words if issuer.wildcards or "*" not in word), *issuer.grant)


def comes_to(issuers, issuer, subject):
    """Whether this name of a subject is the store's own, for this issuer, and not another issuer's."""
    among = [one for one in issuers if subject.startswith(one.prefix)]
    owner = min(among, key=lambda one: (-len(one.prefix), not one.shared, not one.required, issuers.index(one)))
    return owner is issuer or (owner.shared and issuer.shared)
