"""Models that err in one way each, to show that the comparison finds it and the shrinking ends with what matters."""

from dataclasses import replace
from unittest.mock import patch

from . import rules, tokens
from .issuers import ISSUERS, KIDS, SOURCES
from .rules import EVERY, Location, decide
from .world import ACTIVE, REVOKED, SUSPENDED

ENDLESS = 1e12


def state(was, is_now):
    """Takes keys in one state for keys in another."""

    def model(world, scene, ask, now_s):
        key = world.keys.get(ask.key)
        if key is not None and key.state == was:
            world = world.with_key(replace(key, state=is_now))
        return decide(world, scene, ask, now_s)

    return model


def never_expires(world, scene, ask, now_s):
    return decide(world, scene, ask, now_s if ask.key in scene.tokens else 0)


def rotation_ends_at_once(world, scene, ask, now_s):
    key = world.keys.get(ask.key)
    return decide(world, scene, ask, ENDLESS if key and key.overlap_s is not None else now_s)


def needs_more(world, scene, ask, now_s):
    """Takes /read to need media:read besides."""
    verdict = decide(world, scene, ask, now_s)
    if ask.location == "/read" and not verdict.reason:
        return decide(world, scene, ask._replace(location="/both", method="GET"), now_s)
    return verdict


def subjects_are_never_blocked(world, scene, ask, now_s):
    subjects = {name: replace(subject, state=ACTIVE) for name, subject in world.subjects.items()}
    return decide(replace(world, subjects=subjects), scene, ask, now_s)


def old_configuration(world, scene, ask, now_s):
    return decide(world, scene._replace(variant=0), ask, now_s)


def limit_of(location, change):
    """Takes the limits of one location for others."""

    def model(world, scene, ask, now_s):
        verdict = decide(world, scene, ask, now_s)
        if ask.location == location and verdict.charges:
            taken = tuple((counter, change(limit), cost) for counter, limit, cost in verdict.charges)
            verdict = verdict._replace(charges=taken)
        return verdict

    return model


def anothers_identity(world, scene, ask, now_s):
    verdict = decide(world, scene, ask, now_s)
    return verdict._replace(identity=("key_other", *verdict.identity[1:])) if ask.location == "/key" and verdict.identity else verdict


# Of tokens.


def with_(module, **functions):
    """Has other functions in place of these. Each is given the one whose place it takes, and then what that one would be given."""

    def model(world, scene, ask, now_s):
        with patch.multiple(module, **others):
            return decide(world, scene, ask, now_s)

    def instead_of(was, function):
        return lambda *given: function(was, *given)

    others = {name: instead_of(getattr(module, name), function) for name, function in functions.items()}
    return model


def issuers_with(**rules_):
    """Takes every issuer to have these rules."""
    changed = tuple(tuple(replace(issuer, **rules_) for issuer in issuers) for issuers in ISSUERS)

    def model(world, scene, ask, now_s):
        with patch.object(rules, "ISSUERS", changed):
            return decide(world, scene, ask, now_s)

    return model


def claims_with(**claims):
    """Takes every token to say that; None: not to say it."""

    def model(world, scene, ask, now_s):
        token = scene.tokens.get(ask.key)
        if token is None:
            return decide(world, scene, ask, now_s)
        said = {name: value for name, value in {**token.claims, **claims}.items() if value is not None}
        return decide(world, scene._replace(tokens={ask.key: replace(token, claims=said)}), ask, now_s)

    return model


def every_key_is_in_its_set(world, scene, ask, now_s):
    return decide(world, scene._replace(sets=SOURCES), ask, now_s)


def signatures_are_good(world, scene, ask, now_s):
    """Takes an unsigned token for one that the key of its kid has signed."""
    token = scene.tokens.get(ask.key)
    if token is not None and not token.key and token.kid in KIDS:
        token = replace(token, key=token.kid)
        return decide(world, scene._replace(tokens={ask.key: token}), ask, now_s)
    return decide(world, scene, ask, now_s)


def without_kid(is_signed, keys, token):
    return is_signed(keys, replace(token, kid=None))


def whose_but_not_finally(whose, issuers, sets, token, now_s):
    """Passes over an issuer that the token is for, where a claim is wrong for it."""
    return whose([issuer for issuer in issuers if tokens.are_claims_good(issuer, token.claims)], sets, token, now_s)


def whose_without_a_set(whose, issuers, sets, token, now_s):
    """Takes an issuer without keys for one whose keys don't fit."""
    return whose(issuers, {source: keys or () for source, keys in sets.items()}, replace(token, kid=None), now_s)


def whose_of_those_with_keys(whose, issuers, sets, token, now_s):
    """Passes over an issuer without keys, where another one takes the token."""
    found = whose([issuer for issuer in issuers if sets[issuer.source] is not None], sets, token, now_s)
    return found if found[0] else whose(issuers, sets, token, now_s)


def denied(change):
    """Takes denials for others. change(name, denial): (name, denial)."""

    def model(world, scene, ask, now_s):
        denials = dict(change(name, denial) for name, denial in world.denials.items())
        return decide(replace(world, denials=denials), scene, ask, now_s)

    return model


def by_each_token(world, scene, ask, now_s):
    """Counts every token by itself."""
    verdict = decide(world, scene, ask, now_s)
    if ask.key not in scene.tokens:
        return verdict
    return verdict._replace(charges=tuple(((*counter, ask.key), limit, cost) for counter, limit, cost in verdict.charges))


def not_without_iat(is_denied, world, issuer, token, subject, now_s):
    return "iat" in token.claims and is_denied(world, issuer, token, subject, now_s)


def counted_apart(of_token, *given):
    """Doesn't count a subject's tokens with its keys."""
    principal = of_token(*given)
    principal.subject_counter = principal.counter
    return principal


def cookies_are_like_fields(world, scene, ask, now_s):
    return decide(world, scene, ask._replace(kind="page") if ask.kind == "cookie" else ask, now_s)


def plan_of_the_token_first(of_token, world, variant, issuer, token, subject, record, own_name):
    plan = issuer.plan_claim and tokens.claim_of(token.claims, issuer.plan_claim)
    record = replace(record, plan=plan) if record and plan else record
    return of_token(world, variant, issuer, token, subject, record, own_name)


MUTATIONS = {
    "revoked-is-active": state(REVOKED, ACTIVE),
    "active-is-revoked": state(ACTIVE, REVOKED),
    "suspended-is-active": state(SUSPENDED, ACTIVE),
    "never-expires": never_expires,
    "rotation-ends-at-once": rotation_ends_at_once,
    "needs-more-scopes": needs_more,
    "never-blocked": subjects_are_never_blocked,
    "old-configuration": old_configuration,
    "lower-limit": limit_of("/key", lambda limit: limit - 1),
    "higher-limit": limit_of("/key", lambda limit: limit + 1),
    "lower-short-limit": limit_of("/short", lambda limit: limit // 4),
    "anothers-identity": anothers_identity,
    "token-signatures-are-good": signatures_are_good,
    "token-of-any-key": every_key_is_in_its_set,
    "token-kid-says-nothing": with_(tokens, is_signed=without_kid),
    "token-of-an-algorithm-turned-off": issuers_with(algorithms=("EdDSA", "Ed25519", "ES256", "HS256", "HS384", "HS512")),
    "token-verdict-is-not-final": with_(tokens, whose=whose_but_not_finally),
    "token-is-everybodys": with_(rules, issuers_for=lambda issuers_for, accepted, variant: list(rules.ISSUERS[variant])),
    "token-last-issuer-first": with_(rules, issuers_for=lambda issuers_for, *given: issuers_for(*given)[::-1]),
    "token-of-any-iss": issuers_with(iss=""),
    "token-of-any-audience": issuers_with(audience=()),
    "token-of-any-type": issuers_with(type=""),
    "token-that-meets-nothing": with_(tokens, meets=lambda meets, *given: True),
    "token-has-no-leeway": issuers_with(leeway_s=0),
    "token-may-live-for-ever": issuers_with(max_lifetime_s=None),
    "token-need-not-expire": issuers_with(require_exp=False),
    "token-never-expires": with_(tokens, complaint=lambda complaint, *given: complaint(*given).replace("expired_token", "")),
    "token-expired-and-more-is-expired": claims_with(aud="web"),
    "token-nbf-says-nothing": claims_with(nbf=None),
    "token-iat-may-be-later": claims_with(iat=1),
    "token-unprovisioned-is-fine": issuers_with(required=False),
    "token-unprovisioned-is-accepted": with_(Location, accepts=lambda accepts, *given: (*accepts(*given), "unprovisioned")),
    "token-of-nobody-is-unprovisioned": with_(rules, may_be_unknown=lambda may_be_unknown, subject, accepted: "unprovisioned" in accepted),
    "token-prefix-is-lost": issuers_with(prefix=""),
    "token-subjects-are-shared": with_(tokens, comes_to=lambda comes_to, *given: True),
    "token-subjects-are-apart": with_(tokens, comes_to=lambda comes_to, *given: False),
    "token-of-another-subject": issuers_with(subject_claim="sub"),
    "token-scopes-are-wild": issuers_with(wildcards=True),
    "token-roles-are-lists": with_(tokens, holds_lists=lambda holds_lists, path: True),
    "token-scopes-are-tame": issuers_with(wildcards=False),
    "token-is-granted-nothing": issuers_with(grant=()),
    "token-scopes-from-elsewhere": issuers_with(scope_claims=("permissions", "scp", "scope")),
    "token-has-no-plan": issuers_with(plan=""),
    "token-names-no-plan": issuers_with(plan_claim=""),
    "token-plan-goes-first": with_(rules, of_token=plan_of_the_token_first),
    "token-jti-is-not-denied": denied(lambda name, denial: (("", *name[1:]) if name[0] == "jti" else name, denial)),
    "token-subject-is-not-denied": denied(lambda name, denial: (("", *name[1:]) if name[0] == "subject" else name, denial)),
    "token-denied-by-one-is-by-all": denied(lambda name, denial: ((*name[:2], ""), denial)),
    "token-denied-for-ever": denied(lambda name, denial: (name, replace(denial, until_s=None))),
    "token-denied-without-leeway": denied(lambda name, denial: (name, replace(denial, before_s=denial.before_s - 30))),
    "token-denied-later-too": denied(lambda name, denial: (name, replace(denial, before_s=ENDLESS))),
    "token-without-iat-is-not-denied": with_(rules, is_denied=not_without_iat),
    "token-may-be-of-the-next-set": with_(tokens, is_awaited=lambda is_awaited, *given: False),
    "token-needs-no-set": with_(tokens, whose=whose_without_a_set),
    "token-is-anothers-without-a-set": with_(tokens, whose=whose_of_those_with_keys),
    "token-is-accepted-anywhere": with_(Location, accepts=lambda accepts, *given: (*accepts(*given), *EVERY)),
    "token-counts-by-itself": by_each_token,
    "token-counts-with-no-key": with_(rules, of_token=counted_apart),
    "cookie-is-like-a-field": cookies_are_like_fields,
}
