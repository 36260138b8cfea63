"""What the model decides: one request, one store, one configuration, one instant."""

from collections import namedtuple
from dataclasses import replace

from . import tokens
from .issuers import ISSUERS
from .principals import ANONYMOUS, FALLBACK, NOBODY, is_blocked, of_key, of_token
from .world import ACTIVE, SUSPENDED

# Of nginx.conf, the same that conf.py writes.
#
# scopes: alternatives by method (None: any), each a list of which all, or with any=True one, must be held.
Rule = namedtuple("Rule", "scopes any methods", defaults=((), False, None))
# by: key, subject, address or plan. per: seconds. methods: None is all.
Limit = namedtuple("Limit", "name count per by cost methods", defaults=("key", 1, None))
HOUR, SHORT = 3600, 3
READS = ("GET", "HEAD")
EVERY = ("key", "token")  # what is accepted by default


class Location:
    """accept: as keyward_accept has it; in a dict by method, where None is for the methods that aren't named."""

    def __init__(self, *rules, limits=(), accept=EVERY, mode="on", then=None, satisfy=False, cookie=False):
        self.rules, self.limits, self.mode, self.then, self.satisfy, self.cookie = rules, limits, mode, then, satisfy, cookie
        self._accept = accept if isinstance(accept, dict) else {None: accept}

    def accepts(self, method):
        method = "GET" if method == "HEAD" else method
        return self._accept.get(method, self._accept.get(None, ()))


PLAN = Limit("plan", None, HOUR, "plan")
AFTER = Limit("redirect", 300, HOUR)
LOCATIONS = {
    "/open": Location(),
    "/read": Location(Rule(("posts:read",))),
    "/any": Location(Rule(("posts:write", "media:read"), any=True)),
    "/methods": Location(Rule(("posts:read",), methods=READS), Rule(("posts:write",), methods=("POST", "PUT"))),
    "/both": Location(
        Rule(("posts:read", "media:read")),
        Rule(("posts:read",), methods=(*READS, "PUT", "DELETE")),
        Rule(("posts:write",), methods=("POST",)),
    ),
    "/umbrella": Location(Rule(("mcp:read", "mcp:analytics"))),
    "/plan": Location(limits=(PLAN,)),
    "/default": Location(limits=(PLAN._replace(name="default"),)),
    "/key": Location(limits=(Limit("key", 40, HOUR),)),
    "/subject": Location(limits=(Limit("subject", 70, HOUR, "subject"),)),
    "/address": Location(limits=(Limit("address", 120, HOUR, "address"),), accept=(*EVERY, "anonymous")),
    "/short": Location(limits=(Limit("short", 8, SHORT),)),
    "/two": Location(limits=(Limit("shared", 40, HOUR), Limit("two", 60, HOUR, "subject"))),
    "/shared": Location(Rule(("posts:read",)), limits=(Limit("shared", 40, HOUR),)),
    "/cost": Location(limits=(Limit("cost", 60, HOUR, "key", 3, ("POST",)), Limit("reads", 40, HOUR, "key", 1, READS))),
    "/anonymous": Location(accept=(*EVERY, "anonymous")),
    "/member": Location(Rule(("posts:read",)), accept=(*EVERY, "anonymous")),
    "/nokeys": Location(accept=("anonymous",)),
    "/off": Location(mode="off"),
    "/shadow": Location(Rule(("posts:write",)), limits=(Limit("shared", 40, HOUR),), mode="shadow"),
    "/redirect": Location(Rule(("posts:read",)), limits=(AFTER,), then="/inner"),
    "/inner": Location(Rule(("media:read",)), limits=(AFTER, Limit("inner", 30, HOUR)), accept=("key", "oauth", "internal", "auth")),
    "/satisfy": Location(Rule(("posts:read",)), satisfy=True),
    "/keys": Location(accept=("key",)),
    "/auth": Location(accept=("auth",)),
    "/provision": Location(accept=("auth", "oauth", "unprovisioned")),
    "/partner": Location(Rule(("posts:read",)), accept=("partner",)),
    "/several": Location(Rule(("posts:read", "media:read"), any=True), accept=("fetched", "oauth", "partner", "key")),
    "/issuers": Location(accept=("token",), limits=(Limit("issuers", 50, HOUR),)),
    "/by-method": Location(accept={"GET": ("token", "anonymous"), "POST": ("internal", "auth", "unprovisioned"), None: ("key",)}),
    "/session": Location(Rule(("posts:read",), methods=READS), Rule(("posts:write",), methods=("POST", "PUT", "DELETE")), cookie=True),
}
FRIEND = "192.0.2.1"  # whom /satisfy admits by address

STATUS = {"": 200, "missing_credential": 401, "invalid_request": 400, "invalid_key": 401, "invalid_token": 401, "expired_token": 401,
          "revoked_token": 401, "unprovisioned": 401, "keys_unavailable": 503, "cross_site": 403, "revoked_key": 401,
          "suspended_key": 401, "expired_key": 401, "blocked_subject": 403, "no_access": 403, "not_accepted": 403,
          "insufficient_scope": 403, "method_not_covered": 403, "rate_limited": 429, "busy": 503}  # fmt: skip

# kind: none, key (`key` names it, or a token), unknown, malformed, foreign, token (of nobody), double (with `key`), same (`key` in two
# fields), cookie (`key` in a cookie), page (the same, and the browser says that a page of ours sent it), ambient (`key`, and nonsense in
# a cookie).
Ask = namedtuple("Ask", "location method kind key address spoof")
# variant: of the configuration. sets: {source: the names of the keys in its set, None: there is none}. tokens: {name: Token}, all that were ever minted.
Scene = namedtuple("Scene", "variant sets tokens")
# identity: (key id, subject, plan, kind, issuer, scopes held of UNIVERSE) for the backend. charges: ((counter, limit, cost), ...) once
# it is admitted. reason "": admitted. shadow: what it would have said. waits: may be told that keys are unavailable instead.
Verdict = namedtuple("Verdict", "reason identity charges bcrypt waits", defaults=(None, (), False, False))


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
    """(principal, reason, waits)"""
    issuers = ISSUERS[scene.variant]
    issuer, reason, waits = tokens.whose(issuers_for(accepted, scene.variant) or issuers, scene.sets, token, now_s)
    if issuer is None:
        return None, reason, waits
    if reason := tokens.complaint(issuer, token, now_s):
        return None, reason, False
    subject = tokens.subject_of(issuer, token)
    if is_blocked(world, subject):
        return None, "blocked_subject", False
    if is_denied(world, issuer, token, subject, now_s):
        return None, "revoked_token", False
    own_name = bool(subject) and tokens.comes_to(issuers, issuer, subject)
    record = world.subjects.get(subject) if own_name else None
    if record is None and issuer.required and not may_be_unknown(subject, accepted):
        return None, "unprovisioned", False
    return of_token(world, scene.variant, issuer, token, subject, record, own_name), "", False


def edges(world, variant, ask, token):
    """The seconds (Unix time) at which the verdict may change by itself."""
    if token is None:
        key = world.keys.get(ask.key)
        return [] if key is None or key.end_s is None else [key.end_s]
    found = tokens.edges(variant, token)
    for (kind, what, _), denial in world.denials.items():
        if denial.until_s is not None and (kind == "subject" or what == token.claims.get("jti")):
            found.add(denial.until_s)
    return sorted(found)


WHOLE = ("key", "same", "cookie", "page", "ambient")
FIXED = {"none": "", "unknown": "invalid_key", "token": "invalid_token", "double": "invalid_request"}


def find(world, scene, ask, location, now_s):
    """(principal, reason, waits): nobody and no reason for an anonymous request."""
    if ask.kind in ("cookie", "page") and not location.cookie:
        return None, "", False
    if ask.kind == "cookie" and ask.method not in READS:
        return None, "cross_site", False
    if ask.kind in FIXED:
        return None, FIXED[ask.kind], False
    # What has the form of neither a key nor a token.
    formless = "invalid_key" if "key" in location.accepts(ask.method) else "invalid_token"
    if ask.kind == "foreign":
        return None, formless, False
    if token := scene.tokens.get(ask.key):
        if not token.looks:
            return None, formless, False
        if ask.kind == "malformed":  # another signature than it had
            token = replace(token, key="")
        return find_token(world, scene, token, location.accepts(ask.method), now_s)
    key = world.keys.get(ask.key)
    if key is None or ask.kind == "malformed":
        return None, "invalid_key", False
    if key.state != ACTIVE:
        return None, "suspended_key" if key.state == SUSPENDED else "revoked_key", False
    if key.end_s is not None and now_s >= key.end_s:
        return None, "expired_key", False
    if is_blocked(world, key.subject):
        return None, "blocked_subject", False
    return of_key(world, scene.variant, key), "", False


def scope_reason(location, principal, method):
    rules = [rule for rule in location.rules if rule.methods is None or method in rule.methods]
    if not rules:
        return "method_not_covered" if location.rules else ""
    if principal is None:
        return "missing_credential"
    held = all((any if rule.any else all)(principal.may(scope) for scope in rule.scopes) for rule in rules)
    return "" if held else "insufficient_scope"


def charges(location, principal, ask):
    """What an admission takes, or None: no access."""
    taken = []
    for limit in location.limits:
        if limit.methods is not None and ask.method not in limit.methods:
            continue
        if principal is None or limit.by == "address":
            who = ("address", ask.address)
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


def one_location(world, scene, ask, location, now_s):
    principal, reason, waits = find(world, scene, ask, location, now_s)
    accepted = location.accepts(ask.method)
    if not reason and principal is None and "anonymous" not in accepted:
        reason = "missing_credential"
    if not reason and principal is not None:
        is_accepted = "key" in accepted if principal.kind == "key" else issuers_for(accepted, scene.variant)
        if not is_accepted:
            reason = "not_accepted"
        elif principal.no_access:
            reason = "no_access"
    reason = reason or scope_reason(location, principal, ask.method)
    bcrypt = ask.kind in WHOLE and ask.key in world.keys and world.keys[ask.key].verifier != "sha256"
    if reason:
        return Verdict(reason, bcrypt=bcrypt, waits=waits)
    taken = charges(location, principal, ask)
    if taken is None:
        return Verdict("no_access", bcrypt=bcrypt)
    return Verdict("", principal.identity if principal else ANONYMOUS, taken, bcrypt)


def decide(world, scene, ask, now_s):
    """The verdict at a second (Unix time). Where a limit is charged, rate_limited is for the counts to judge (counts.py)."""
    location = LOCATIONS[ask.location]
    if location.mode == "off" or (location.satisfy and ask.address == FRIEND):
        return Verdict("", NOBODY)
    verdict = one_location(world, scene, ask, location, now_s)
    if location.mode == "shadow":
        return Verdict("", verdict.identity or NOBODY, verdict.charges)
    if verdict.reason or location.then is None:
        return verdict
    after = one_location(world, scene, ask, LOCATIONS[location.then], now_s)
    both = dict.fromkeys((*verdict.charges, *after.charges))  # what is paid isn't paid again
    return after._replace(charges=tuple(both))
