"""Who a key or a token is, as a store and a configuration have it: plan, scopes, and who is counted."""

from functools import lru_cache

from . import tokens
from .world import BLOCKED, Plan

# Of nginx.conf, the same that conf.py writes.
IMPLIES = {"mcp:full": ("mcp:*",), "posts:write": ("posts:read",)}
FALLBACK = Plan(limits=(30,))
CONFIGURED = (
    {"fallback": FALLBACK},
    {
        "fallback": FALLBACK,
        "gold": Plan(("posts:*", "mcp:full"), (400,), concurrency=2),
        "closed": Plan(no_access=True),
    },
)  # by variant

NOBODY = ("", "", "", "", "", frozenset())
ANONYMOUS = ("", "", "", "anonymous", "", frozenset())
# Scopes by which two lists of grants are told apart.
UNIVERSE = (
    "posts:read",
    "posts:write",
    "posts:x",
    "media:read",
    "mcp:read",
    "mcp:analytics",
    "mcp:full",
    "other:read",
    "rare",
    "Admin",
    "Billing",
)


def covers(grants, scope):
    if grants is None:
        return True
    held = set(grants)
    while more := {implied for grant in held for implied in IMPLIES.get(grant, ())} - held:
        held |= more
    if "*" in held or scope in held:
        return True
    return any(grant.endswith(":*") and scope.startswith(grant[:-1]) and scope != grant[:-1] for grant in held)


@lru_cache(1 << 16)
def held(*lists):
    return frozenset(scope for scope in UNIVERSE if all(covers(grants, scope) for grants in lists))


def identity_of(key_id, subject, plan, kind, issuer, scopes):
    """As the backend was told it, in texts."""
    return (key_id, subject, plan, kind, issuer, held(tuple(scopes.split())))


class Principal:
    """Whoever has a plan and may do something: a key or a token that stands. own: its own scopes, None: not narrowed. record: the subject's.

    counter, subject_counter: who is counted, by key and by subject. identity: (key id, subject, plan, kind, issuer, scopes held
    of UNIVERSE). claims: what variables say of the token.
    """

    def __init__(self, world, variant, own, own_plan, record, counter, subject_counter, kind):
        self.counter, self.subject_counter, self.kind = counter, subject_counter, kind
        self.plan_name = own_plan or world.default
        plan = CONFIGURED[variant].get(self.plan_name) or world.plans.get(self.plan_name)
        self.no_access = bool(self.plan_name) and (plan is None or plan.no_access)
        self.lists = (own, plan.scopes if plan else None, record.scopes if record else None)
        self.limits = plan.limits if plan else None
        self.concurrency = plan.concurrency if plan else None

    claims = {}
    allow_from = None  # networks

    @property
    def id(self):
        return self.identity[0]

    def may(self, scope):
        return all(covers(grants, scope) for grants in self.lists)


def is_blocked(world, subject):
    return bool(subject) and subject in world.subjects and world.subjects[subject].state == BLOCKED


def of_key(world, variant, key):
    record = world.subjects.get(key.subject) if key.subject else None
    counter = ("key", key.counter)
    by_subject = ("subject", key.subject) if key.subject else counter
    principal = Principal(
        world, variant, key.scopes, key.plan or (record.plan if record else ""), record, counter, by_subject, "key"
    )
    principal.limits = key.limits if key.limits is not None else principal.limits
    principal.concurrency = key.concurrency or principal.concurrency
    principal.allow_from = key.allow_from
    principal.identity = (key.id, key.subject, principal.plan_name, "key", "", held(*principal.lists))
    return principal


def of_token(world, variant, issuer, token, subject, record, own_name):
    """record: None where the subject isn't in the store. own_name: the subject's name is the store's, and not only this issuer's."""
    plan = (
        (record.plan if record else "")
        or (issuer.plan_claim and tokens.claim_of(token.claims, issuer.plan_claim))
        or issuer.plan
    )
    counter = ("token", issuer.name, subject)
    by_subject = ("subject", subject) if subject and own_name else counter
    principal = Principal(world, variant, tokens.scopes_of(issuer, token), plan, record, counter, by_subject, "token")
    principal.identity = ("", subject, principal.plan_name, "token", issuer.name, held(*principal.lists))
    principal.claims = token.claims
    return principal
