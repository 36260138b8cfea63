"""What the model decides: one request, one store, one configuration, one instant."""

from collections import namedtuple

from .world import ACTIVE, BLOCKED, SUSPENDED, Plan

# Of nginx.conf, the same that site.py writes.
IMPLIES = {"mcp:full": ("mcp:*",), "posts:write": ("posts:read",)}
CONFIGURED = ({}, {"gold": Plan(("posts:*", "mcp:full"), (400,)), "closed": Plan(no_access=True)})  # by variant
FALLBACK = Plan(limits=(30,))

# scopes: alternatives by method (None: any), each a list of which all, or with any=True one, must be held.
Rule = namedtuple("Rule", "scopes any methods", defaults=((), False, None))
# by: key, subject, address or plan. per: seconds. methods: None is all.
Limit = namedtuple("Limit", "name count per by cost methods", defaults=("key", 1, None))
HOUR, SHORT = 3600, 3
READS = ("GET", "HEAD")


class Location:
    def __init__(self, *rules, limits=(), accept=("key",), mode="on", then=None, satisfy=False):
        self.rules, self.limits, self.accept, self.mode, self.then, self.satisfy = rules, limits, accept, mode, then, satisfy


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
    "/address": Location(limits=(Limit("address", 120, HOUR, "address"),), accept=("key", "anonymous")),
    "/short": Location(limits=(Limit("short", 8, SHORT),)),
    "/two": Location(limits=(Limit("shared", 40, HOUR), Limit("two", 60, HOUR, "subject"))),
    "/shared": Location(Rule(("posts:read",)), limits=(Limit("shared", 40, HOUR),)),
    "/cost": Location(limits=(Limit("cost", 60, HOUR, "key", 3, ("POST",)), Limit("reads", 40, HOUR, "key", 1, READS))),
    "/anonymous": Location(accept=("key", "anonymous")),
    "/member": Location(Rule(("posts:read",)), accept=("key", "anonymous")),
    "/nokeys": Location(accept=("anonymous",)),
    "/off": Location(mode="off"),
    "/shadow": Location(Rule(("posts:write",)), limits=(Limit("shared", 40, HOUR),), mode="shadow"),
    "/redirect": Location(Rule(("posts:read",)), limits=(AFTER,), then="/inner"),
    "/inner": Location(Rule(("media:read",)), limits=(AFTER, Limit("inner", 30, HOUR))),
    "/satisfy": Location(Rule(("posts:read",)), satisfy=True),
}
FRIEND = "192.0.2.1"  # whom /satisfy admits by address

STATUS = {"": 200, "missing_credential": 401, "invalid_request": 400, "invalid_key": 401, "invalid_token": 401, "revoked_key": 401,
          "suspended_key": 401, "expired_key": 401, "blocked_subject": 403, "no_access": 403, "not_accepted": 403,
          "insufficient_scope": 403, "method_not_covered": 403, "rate_limited": 429, "busy": 503}  # fmt: skip

# kind: none, key (`key` names it), unknown, malformed, foreign, token, double (with `key`), same (`key` in two fields).
Ask = namedtuple("Ask", "location method kind key address spoof")
# identity: (key id, subject, plan, kind) for the backend. charges: ((counter, limit, cost), ...) once it is admitted.
# reason "": admitted. shadow: what it would have said.
Verdict = namedtuple("Verdict", "reason identity charges bcrypt", defaults=(None, (), False))

NOBODY = ("", "", "", "")


def covers(grants, scope):
    if grants is None:
        return True
    held = set(grants)
    while more := {implied for grant in held for implied in IMPLIES.get(grant, ())} - held:
        held |= more
    if "*" in held or scope in held:
        return True
    return any(grant.endswith(":*") and scope.startswith(grant[:-1]) and scope != grant[:-1] for grant in held)


class Principal:
    """A key that stands: plan, and who holds which scopes."""

    def __init__(self, world, variant, key):
        self.key = key
        subject = world.subjects.get(key.subject) if key.subject else None
        self.blocked = subject is not None and subject.state == BLOCKED
        self.plan_name = key.plan or (subject.plan if subject else "") or world.default
        configured = CONFIGURED[variant]
        plan = configured.get(self.plan_name) or world.plans.get(self.plan_name)
        self.no_access = bool(self.plan_name) and (plan is None or plan.no_access)
        self.lists = [key.scopes, plan.scopes if plan else None, subject.scopes if subject else None]
        self.limits = key.limits if key.limits is not None else (plan.limits if plan else None)

    def may(self, scope):
        return all(covers(grants, scope) for grants in self.lists)

    @property
    def identity(self):
        return (self.key.id, self.key.subject, self.plan_name, "key")


def find(world, variant, ask, alive):
    """(principal, reason): nobody and no reason for an anonymous request."""
    fixed = {"none": "", "unknown": "invalid_key", "malformed": "invalid_key", "foreign": "invalid_key", "token": "invalid_token"}
    if ask.kind in fixed:
        return None, fixed[ask.kind]
    if ask.kind == "double":
        return None, "invalid_request"
    key = world.keys.get(ask.key)
    if key is None:
        return None, "invalid_key"
    if key.state != ACTIVE:
        return None, "suspended_key" if key.state == SUSPENDED else "revoked_key"
    if not alive:
        return None, "expired_key"
    principal = Principal(world, variant, key)
    return (None, "blocked_subject") if principal.blocked else (principal, "")


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
        elif limit.by == "subject" and principal.key.subject:
            who = ("subject", principal.key.subject)
        else:
            who = ("key", principal.key.counter)
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


def one_location(world, variant, ask, location, alive):
    principal, reason = find(world, variant, ask, alive)
    if not reason and ask.kind == "none" and "anonymous" not in location.accept:
        reason = "missing_credential"
    if not reason and principal is not None:
        if "key" not in location.accept:
            reason = "not_accepted"
        elif principal.no_access:
            reason = "no_access"
    reason = reason or scope_reason(location, principal, ask.method)
    bcrypt = ask.kind in ("key", "same") and ask.key in world.keys and world.keys[ask.key].verifier != "sha256"
    if reason:
        return Verdict(reason, bcrypt=bcrypt)
    taken = charges(location, principal, ask)
    if taken is None:
        return Verdict("no_access", bcrypt=bcrypt)
    return Verdict("", principal.identity if principal else ("", "", "", "anonymous"), taken, bcrypt)


def decide(world, variant, ask, alive):
    """The verdict. Where a limit is charged, rate_limited is for the counts to judge (counts.py)."""
    location = LOCATIONS[ask.location]
    if location.mode == "off" or (location.satisfy and ask.address == FRIEND):
        return Verdict("", NOBODY)
    verdict = one_location(world, variant, ask, location, alive)
    if location.mode == "shadow":
        return Verdict("", verdict.identity or NOBODY, verdict.charges)
    if verdict.reason or location.then is None:
        return verdict
    after = one_location(world, variant, ask, LOCATIONS[location.then], alive)
    both = dict.fromkeys((*verdict.charges, *after.charges))  # what is paid isn't paid again
    return after._replace(charges=tuple(both))
