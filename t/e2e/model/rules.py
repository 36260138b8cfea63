"""What the model decides at one location: one request, one store, one configuration, one instant. Where the location leads is
route.py's."""

from collections import namedtuple
from dataclasses import replace
from ipaddress import ip_address, ip_network

from . import tokens
from .asks import AMBIENT, BASICS, COOKIE, FOREIGN, NOBODYS_TOKEN
from .issuers import ISSUERS
from .locations import READS
from .principals import FALLBACK, is_blocked, of_key, of_token
from .world import ACTIVE, DIGESTS, SUSPENDED

STATUS = {"": 200, "missing_credential": 401, "invalid_request": 400, "invalid_key": 401, "invalid_token": 401, "expired_token": 401,
          "revoked_token": 401, "unprovisioned": 401, "keys_unavailable": 503, "cross_site": 403, "revoked_key": 401,
          "suspended_key": 401, "expired_key": 401, "blocked_subject": 403, "no_access": 403, "not_accepted": 403,
          "insufficient_scope": 403, "method_not_covered": 403, "requirement_failed": 403, "rate_limited": 429, "busy": 503,
          "address_not_allowed": 403, "too_many_concurrent": 429}  # fmt: skip

# variant: of the configuration. sets: {source: the names of the keys in its set, None: there is none}. tokens: {name: Token}, all that were ever minted.
Scene = namedtuple("Scene", "variant sets tokens")
# Of one location. reason "": admitted. principal: None for nobody. known: the key, token's issuer or principal that was recognised,
# whatever became of it. charges: ((counter, limit, cost), ...) that an admission takes. bcrypt: the key costs a run of it. waits: may be told
# that keys are unavailable instead.
# places: ((counter, most), ...), each of so many that are served at once.
Verdict = namedtuple(
    "Verdict", "reason principal known charges bcrypt waits places", defaults=(None, None, (), False, False, ())
)
# Who a credential is: at most one of principal and reason; neither for an anonymous request.
Found = namedtuple("Found", "principal reason known waits", defaults=(None, "", None, False))


def is_denied(world, issuer, token, subject, now_s):
    issued = token.claims.get("iat")
    for name in ("", issuer.name):
        for kind, what in (("jti", token.claims.get("jti")), ("subject", subject)):
            denial = world.denials.get((kind, what, name)) if what else None
            if denial is None or (denial.until_s is not None and now_s >= denial.until_s):
                continue
            if kind == "jti" or issued is None or issued - issuer.leeway_s <= denial.before_s:
                return True
    return False


def issuers_for(accepted, variant):
    """In the order in which they are asked. Where no token is accepted: all, who say whether it would have been good."""
    names = []
    for word in accepted:
        names += [issuer.name for issuer in ISSUERS[variant]] if word == "token" else [word]
    by_name = {issuer.name: issuer for issuer in ISSUERS[variant]}
    return [by_name[name] for name in dict.fromkeys(names) if name in by_name]


def may_be_unknown(subject, accepted):
    return subject and "unprovisioned" in accepted  # who names nobody can't be provided for


def find_token(world, scene, token, accepted, now_s):
    issuers = ISSUERS[scene.variant]
    issuer, reason, waits = tokens.whose(issuers_for(accepted, scene.variant) or issuers, scene.sets, token, now_s)
    if issuer is None:
        return Found(reason=reason, waits=waits)
    if reason := tokens.complaint(issuer, token, now_s):
        return Found(reason=reason, known=issuer)
    subject = tokens.subject_of(issuer, token)
    if is_blocked(world, subject):
        return Found(reason="blocked_subject", known=issuer)
    if is_denied(world, issuer, token, subject, now_s):
        return Found(reason="revoked_token", known=issuer)
    own_name = bool(subject) and tokens.comes_to(issuers, issuer, subject)
    record = world.subjects.get(subject) if own_name else None
    if record is None and issuer.required and not may_be_unknown(subject, accepted):
        return Found(reason="unprovisioned", known=issuer)
    principal = of_token(world, scene.variant, issuer, token, subject, record, own_name)
    return Found(principal, known=principal)


def edges(world, variant, name, token):
    """The seconds (Unix time) at which the verdict about a key or a token may change by itself."""
    if token is None:
        key = world.keys.get(name)
        return [] if key is None or key.end_s is None else [key.end_s]
    found = tokens.edges(variant, token)
    for (kind, what, _), denial in world.denials.items():
        if denial.until_s is not None and (kind == "subject" or what == token.claims.get("jti")):
            found.add(denial.until_s)
    return sorted(found)


def given(location, sent):
    """The credentials that count here, of what was sent. What an earlier location took out of the request makes no difference: one that a
    redirect leads to decides as if it had been asked."""
    there = [source for source in location.sources if source in sent]
    explicit = {sent[source] for source in there if source not in AMBIENT}
    # What a browser sends unasked: whatever was given by intent comes first.
    return explicit or {sent[source] for source in there[:1]}


def is_cross_site(location, sent, kind, method):
    """Whether another site's page may have sent it. Of a cookie that is so unless a browser says otherwise, of Basic where one says so."""
    there = [source for source in location.sources if source in sent]
    if not there or any(source not in AMBIENT for source in there) or method in READS:
        return False
    return kind == "cookie" if COOKIE in there else kind == "foreign-page" and there[0] in BASICS


def find_key(world, scene, key, now_s):
    if key.state != ACTIVE:
        return Found(reason="suspended_key" if key.state == SUSPENDED else "revoked_key", known=key)
    if key.end_s is not None and now_s >= key.end_s:
        return Found(reason="expired_key", known=key)
    if is_blocked(world, key.subject):
        return Found(reason="blocked_subject", known=key)
    principal = of_key(world, scene.variant, key)
    return Found(principal, known=principal)


def unformed(accepted):
    """What is neither a key nor a token by its form."""
    return "invalid_key" if "key" in accepted else "invalid_token"


def find(world, scene, credential, accepted, now_s):
    what, name = credential
    if credential == NOBODYS_TOKEN:
        return Found(reason="invalid_token")
    if credential == FOREIGN:
        return Found(reason=unformed(accepted))
    if token := scene.tokens.get(name):
        if not token.looks:
            return Found(reason=unformed(accepted))
        if what == "malformed":  # another signature than it had
            token = replace(token, key="")
        return find_token(world, scene, token, accepted, now_s)
    key = world.keys.get(name)
    if key is None or what != "whole":
        return Found(reason="invalid_key")
    return find_key(world, scene, key, now_s)


def scope_reason(location, principal, method):
    rules = [rule for rule in location.rules if rule.methods is None or method in rule.methods]
    if not rules:
        return "method_not_covered" if location.rules else ""
    if principal is None:
        return "missing_credential"
    held = all((any if rule.any else all)(principal.may(scope) for scope in rule.scopes) for rule in rules)
    return "" if held else "insufficient_scope"


def holds(what, principal):
    """What a location requires: a tenant among the token's, or somebody with a subject."""
    if what == "subject":
        return bool(principal and principal.identity[1])
    tenant = principal.claims.get("tenant") if principal else None
    return "partner" in (tenant if isinstance(tenant, list) else [tenant])


def requirement_reason(location, principal):
    return next((reason for what, reason in location.requires if not holds(what, principal)), "")


def charges(location, principal, method, address):
    """What an admission takes, or None: no access."""
    taken = []
    for limit in location.limits:
        if limit.methods is not None and method not in limit.methods:
            continue
        if principal is None or limit.by == "address":
            who = ("address", address)
        else:
            who = principal.subject_counter if limit.by == "subject" else principal.counter
        counts = [limit.count]
        if limit.by == "plan":
            counts = principal.limits if principal is not None else None
            if counts is None and limit.name == "default":
                counts = FALLBACK.limits
            if counts is None:
                return None
        for position, count in enumerate(counts):
            name = "plan" if limit.by == "plan" else limit.name
            taken.append(((name, position, limit.per, *who), count, limit.cost))
    return tuple(taken)


def places(location, principal, address):
    """What an admission holds until the request ends."""
    found = []
    for limit in location.at_once:
        who = ("address", address) if principal is None else principal.counter
        who = principal.subject_counter if principal is not None and limit.by == "subject" else who
        most = limit.count or (principal.concurrency if principal is not None else None)
        if most:
            found.append(((limit.name, *who), most))
    return tuple(found)


def is_accepted(principal, accepted, scene):
    return "key" in accepted if principal.kind == "key" else issuers_for(accepted, scene.variant)


def is_from(principal, address):
    """Whether the address is one from which it may come."""
    if principal.allow_from is None:
        return True
    return any(ip_address(address) in ip_network(network) for network in principal.allow_from)


def judge(found, scene, method, ask, location):
    """(reason, charges) of what was found."""
    accepted, principal = location.accepts(method), found.principal
    if principal is None and "anonymous" not in accepted:
        return "missing_credential", ()
    if principal is not None and not is_accepted(principal, accepted, scene):
        return "not_accepted", ()
    if principal is not None and principal.no_access:
        return "no_access", ()
    if principal is not None and not is_from(principal, ask.address):
        return "address_not_allowed", ()
    if reason := scope_reason(location, principal, method):
        return reason, ()
    if reason := requirement_reason(location, principal):
        return reason, ()
    taken = charges(location, principal, method, ask.address)
    return ("no_access", ()) if taken is None else ("", taken)


def one_location(world, scene, ask, sent, method, location, now_s):
    """sent: {source: credential}. method: the one that it has come here with."""
    some = given(location, sent)
    if len(some) > 1:
        return Verdict("invalid_request")
    if is_cross_site(location, sent, ask.kind, method):
        return Verdict("cross_site")
    found, bcrypt = Found(), False
    for credential in some:
        found = find(world, scene, credential, location.accepts(method), now_s)
        key = world.keys.get(credential[1])
        bcrypt = credential[0] == "whole" and key is not None and key.verifier not in DIGESTS
    if found.reason:
        return Verdict(found.reason, None, found.known, (), bcrypt, found.waits)
    reason, charged = judge(found, scene, method, ask, location)
    held = places(location, found.principal, ask.address) if not reason else ()
    return Verdict(reason, found.principal, found.known, charged, bcrypt, places=held)
