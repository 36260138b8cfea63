"""Models that err in one way each, to show that the comparison finds it and the shrinking ends with what matters.

Each is made of another model, so that a product with known faults can be searched for more: the model has them too then.
"""

from dataclasses import replace
from functools import reduce
from unittest.mock import patch

from . import route, rules, tokens
from .asks import BASIC, COOKIE, PASSWORD, SCHEME
from .issuers import ISSUERS, KIDS, SOURCES, Issuer
from .locations import EVERY, LOCATIONS, Location
from .route import decide
from .world import ACTIVE, REVOKED, SUSPENDED

ENDLESS = 1e12


def mutated(*names):
    """The model with these mutations, all at once."""
    return reduce(lambda model, name: MUTATIONS[name](model), names, decide)


def with_(module, **functions):
    """Has other functions in place of these. Each is given the one whose place it takes, and then what that one would be given."""

    def instead_of(was, function):
        return lambda *given, **more: function(was, *given, **more)

    def mutation(model):
        def wrong(situations, ask):
            others = {name: instead_of(getattr(module, name), function) for name, function in functions.items()}
            with patch.multiple(module, **others):
                return model(situations, ask)

        return wrong

    return mutation


def everywhere(change):
    """Takes each situation for another one. change(world, scene, now_s, ask): (world, scene, now_s)."""
    return lambda model: lambda situations, ask: model([change(*situation, ask) for situation in situations], ask)


def state(was, is_now):
    """Takes keys in one state for keys in another."""
    return with_(rules, find_key=lambda find_key, world, scene, key, now_s: find_key(
        world, scene, replace(key, state=is_now) if key.state == was else key, now_s))  # fmt: skip


def never_expires(find_key, world, scene, key, now_s):
    return find_key(world, scene, key, 0)


def rotation_ends_at_once(find_key, world, scene, key, now_s):
    return find_key(world, scene, key, ENDLESS if key.overlap_s is not None else now_s)


def needs_more(scope_reason, location, principal, method):
    """Takes /read to need media:read besides."""
    reason = scope_reason(location, principal, method)
    return reason or (scope_reason(LOCATIONS["/both"], principal, "GET") if location is LOCATIONS["/read"] else "")


def subjects_are_never_blocked(world, scene, now_s, ask):
    subjects = {name: replace(subject, state=ACTIVE) for name, subject in world.subjects.items()}
    return replace(world, subjects=subjects), scene, now_s


def changes_are_forgotten(world, scene, now_s, ask):
    keys = {
        name: replace(key.was, state=key.state, overlap_s=key.overlap_s) if key.was else key
        for name, key in world.keys.items()
    }
    return replace(world, keys=keys), scene, now_s


def limit_of(place, change):
    """Takes the limits of one location for others."""

    def other(charges, location, *given):
        taken = charges(location, *given)
        if location is LOCATIONS[place] and taken:
            return tuple((counter, change(limit), cost) for counter, limit, cost in taken)
        return taken

    return with_(rules, charges=other)


def anothers_identity(of_key, world, variant, key):
    principal = of_key(world, variant, key)
    principal.identity = ("key_other", *principal.identity[1:])
    return principal


def places_of(path, change):
    """Takes another number for those at once in a location."""

    def other(places, location, *given):
        found = places(location, *given)
        return tuple((who, change(most)) for who, most in found) if location is LOCATIONS[path] else found

    return with_(rules, places=other)


def numbers_of_plans_alone(of_key, world, variant, key):
    return of_key(world, variant, replace(key, concurrency=None))


def no_places_in_shadow(places, location, *given):
    return () if location.mode == "shadow" else places(location, *given)


def without_source(source):
    """Takes a place for credentials for none."""
    return with_(rules, given=lambda given, location, sent: given(
        location, {place: credential for place, credential in sent.items() if place != source}))  # fmt: skip


def basic_is_like_a_field(given, location, sent):
    with patch.object(rules, "AMBIENT", (COOKIE,)):
        return given(location, sent)


def unknown(*verifiers):
    """Takes keys that were kept in one of these ways for keys that nobody has."""
    return with_(rules, find_key=lambda find_key, world, scene, key, now_s: rules.Found(reason="invalid_key")
                 if key.verifier in verifiers else find_key(world, scene, key, now_s))  # fmt: skip


# Of redirects, and of whom others admit.


def paid_is_paid(due, at, counter, limit, cost):
    """Takes a window that was charged for paid, whatever it costs now and whoever charged it."""
    return (0, None) if counter in at.paid else due(at, counter, limit, cost)


def every_cost_is_paid_anew(due, at, counter, limit, cost):
    return due(at._replace(before={}), counter, limit, cost)


def refusing_gives_all_back(end, route_, at, status, *given, **more):
    return end(route_, at._replace(paid={}) if status == 429 else at, status, *given, **more)


def shadow_pays(remembered, at, location, amounts):
    return remembered(at, LOCATIONS["/open"], amounts)


def refused_are_named(unnamed, verdict):
    if verdict.principal:
        return route.named(verdict.principal)
    (*identity, issuer, scopes), *claims = unnamed(verdict)
    return (*identity, verdict.known.name if isinstance(verdict.known, Issuer) else issuer, scopes), *claims


def users_of_the_refused(users, subject, decision, reason, admitted, sent):
    return (*users(subject, decision, reason, admitted, sent), subject, sent, admitted)


def off_keeps_identity(go_on, route_, at, identity, names, decision, *given, **more):
    """Where keyward is off, takes the fields to be there that an earlier location has set."""
    identity = at.arrivals[-1].identity if decision == "off" and at.arrivals else identity
    return go_on(route_, at, identity, names, decision, *given, **more)


def nor_are_ids_of_the_refused(unnamed, verdict):
    identity, *claims = unnamed(verdict)
    return ("", *identity[1:]), *claims


def first_source_is_the_only_one(verdicts, route_, at, location):
    """Once a credential was taken out, takes it for all that there is."""
    if at.taken is None:
        return verdicts(route_, at, location)
    source, credential = at.taken
    if source not in location.sources:
        return [rules.Verdict("missing_credential")]
    with patch.object(route_, "sent", {source: credential}):
        return verdicts(route_, at, location)


def stripped_once(stripped, at, location, sent):
    return at if at.taken else stripped(at, location, sent)


def page_is_decided_anew(enter, route_, at):
    return enter(route_, at._replace(refusal=None))


def of_the_first_method(enter, route_, at):
    return enter(route_, at._replace(method=route_.ask.method))


# Of tokens.


def issuers_with(**rules_):
    """Takes every issuer to have these rules."""
    changed = tuple(tuple(replace(issuer, **rules_) for issuer in issuers) for issuers in ISSUERS)

    def mutation(model):
        def wrong(situations, ask):
            with patch.object(rules, "ISSUERS", changed):
                return model(situations, ask)

        return wrong

    return mutation


def tokens_with(change):
    """Takes every token for another one."""

    def other(find_token, world, scene, token, *given):
        return find_token(world, scene, change(token), *given)

    return with_(rules, find_token=other)


def claims_with(**claims):
    """Takes every token to say that; None: not to say it."""

    def change(token):
        said = {name: value for name, value in {**token.claims, **claims}.items() if value is not None}
        return replace(token, claims=said)

    return tokens_with(change)


def every_key_is_in_its_set(world, scene, now_s, ask):
    return world, scene._replace(sets=SOURCES), now_s


def signed_by_its_kid(token):
    """Takes an unsigned token for one that the key of its kid has signed."""
    return replace(token, key=token.kid) if not token.key and token.kid in KIDS else token


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

    def other(world, scene, now_s, ask):
        denials = dict(change(name, denial) for name, denial in world.denials.items())
        return replace(world, denials=denials), scene, now_s

    return everywhere(other)


def counted_by_jti(of_token, *given):
    """Counts every token by itself."""
    principal = of_token(*given)
    principal.counter = (*principal.counter, principal.claims.get("jti"))
    return principal


def not_without_iat(is_denied, world, issuer, token, subject, now_s):
    return "iat" in token.claims and is_denied(world, issuer, token, subject, now_s)


def counted_apart(of_token, *given):
    """Doesn't count a subject's tokens with its keys."""
    principal = of_token(*given)
    principal.subject_counter = principal.counter
    return principal


def plan_of_the_token_first(of_token, world, variant, issuer, token, subject, record, own_name):
    plan = issuer.plan_claim and tokens.claim_of(token.claims, issuer.plan_claim)
    record = replace(record, plan=plan) if record and plan else record
    return of_token(world, variant, issuer, token, subject, record, own_name)


MUTATIONS = {
    "revoked-is-active": state(REVOKED, ACTIVE),
    "active-is-revoked": state(ACTIVE, REVOKED),
    "suspended-is-active": state(SUSPENDED, ACTIVE),
    "never-expires": with_(rules, find_key=never_expires),
    "rotation-ends-at-once": with_(rules, find_key=rotation_ends_at_once),
    "needs-more-scopes": with_(rules, scope_reason=needs_more),
    "requires-nothing": with_(rules, requirement_reason=lambda requirement_reason, *given: ""),
    "requires-a-subject-of-nobody": with_(
        rules, holds=lambda holds, what, principal: holds(what, principal) or principal is None
    ),
    "never-blocked": everywhere(subjects_are_never_blocked),
    "addresses-say-nothing": with_(rules, is_from=lambda is_from, *given: True),
    "addresses-are-of-one-kind": with_(rules, is_from=lambda is_from, principal, address: is_from(principal, address) or (
        principal.allow_from is not None and ":" in address)),  # fmt: skip
    "changes-are-forgotten": everywhere(changes_are_forgotten),
    "old-configuration": everywhere(lambda world, scene, now_s, ask: (world, scene._replace(variant=0), now_s)),
    "lower-limit": limit_of("/key", lambda limit: limit - 1),
    "higher-limit": limit_of("/key", lambda limit: limit + 1),
    "lower-short-limit": limit_of("/short", lambda limit: limit // 4),
    "anothers-identity": with_(rules, of_key=anothers_identity),
    "token-signatures-are-good": tokens_with(signed_by_its_kid),
    "token-of-any-key": everywhere(every_key_is_in_its_set),
    "token-kid-says-nothing": with_(tokens, is_signed=without_kid),
    "token-of-an-algorithm-turned-off": issuers_with(
        algorithms=("EdDSA", "Ed25519", "ES256", "HS256", "HS384", "HS512")
    ),
    "token-verdict-is-not-final": with_(tokens, whose=whose_but_not_finally),
    "token-is-everybodys": with_(
        rules, issuers_for=lambda issuers_for, accepted, variant: list(rules.ISSUERS[variant])
    ),
    "token-last-issuer-first": with_(rules, issuers_for=lambda issuers_for, *given: issuers_for(*given)[::-1]),
    "token-of-any-iss": issuers_with(iss=""),
    "token-of-any-audience": issuers_with(audience=()),
    "token-of-any-type": issuers_with(type=""),
    "token-that-meets-nothing": with_(tokens, meets=lambda meets, *given: True),
    "token-has-no-leeway": issuers_with(leeway_s=0),
    "token-may-live-for-ever": issuers_with(max_lifetime_s=None),
    "token-need-not-expire": issuers_with(require_exp=False),
    "token-never-expires": with_(
        tokens, complaint=lambda complaint, *given: complaint(*given).replace("expired_token", "")
    ),
    "token-expired-and-more-is-expired": claims_with(aud="web"),
    "token-nbf-says-nothing": claims_with(nbf=None),
    "token-iat-may-be-later": claims_with(iat=1),
    "token-unprovisioned-is-fine": issuers_with(required=False),
    "token-unprovisioned-is-accepted": with_(
        Location, accepts=lambda accepts, *given: (*accepts(*given), "unprovisioned")
    ),
    "token-of-nobody-is-unprovisioned": with_(
        rules, may_be_unknown=lambda may_be_unknown, subject, accepted: "unprovisioned" in accepted
    ),
    "token-prefix-is-lost": issuers_with(prefix=""),
    "token-subjects-are-shared": with_(tokens, comes_to=lambda comes_to, *given: True),
    "token-subjects-are-apart": with_(tokens, comes_to=lambda comes_to, *given: False),
    "token-of-another-subject": issuers_with(subject_claim="sub"),
    "token-scopes-are-wild": issuers_with(wildcards=True),
    "token-scopes-are-tame": issuers_with(wildcards=False),
    "token-is-granted-nothing": issuers_with(grant=()),
    "token-scopes-from-elsewhere": issuers_with(scope_claims=("permissions", "scp", "scope")),
    "token-has-no-plan": issuers_with(plan=""),
    "token-names-no-plan": issuers_with(plan_claim=""),
    "token-plan-goes-first": with_(rules, of_token=plan_of_the_token_first),
    "token-jti-is-not-denied": denied(lambda name, denial: (("", *name[1:]) if name[0] == "jti" else name, denial)),
    "token-subject-is-not-denied": denied(
        lambda name, denial: (("", *name[1:]) if name[0] == "subject" else name, denial)
    ),
    "token-denied-by-one-is-by-all": denied(lambda name, denial: ((*name[:2], ""), denial)),
    "token-denied-for-ever": denied(lambda name, denial: (name, replace(denial, until_s=None))),
    "token-denied-without-leeway": denied(lambda name, denial: (name, replace(denial, before_s=denial.before_s - 30))),
    "token-denied-later-too": denied(lambda name, denial: (name, replace(denial, before_s=ENDLESS))),
    "token-without-iat-is-not-denied": with_(rules, is_denied=not_without_iat),
    "token-may-be-of-the-next-set": with_(tokens, is_awaited=lambda is_awaited, *given: False),
    "token-needs-no-set": with_(tokens, whose=whose_without_a_set),
    "token-is-anothers-without-a-set": with_(tokens, whose=whose_of_those_with_keys),
    "token-is-accepted-anywhere": with_(Location, accepts=lambda accepts, *given: (*accepts(*given), *EVERY)),
    "token-counts-by-itself": with_(rules, of_token=counted_by_jti),
    "token-counts-with-no-key": with_(rules, of_token=counted_apart),
    "at-once-one-fewer": places_of("/at-once", lambda most: most - 1),
    "at-once-one-more": places_of("/at-once", lambda most: most + 1),
    "at-once-of-plans-alone": with_(rules, of_key=numbers_of_plans_alone),
    "at-once-of-two-locations-is-the-first-ones": places_of("/held-inner", lambda most: 5),
    "at-once-in-shadow-counts-nobody": with_(rules, places=no_places_in_shadow),
    "basic-is-no-source": without_source(BASIC),
    "basic-is-the-user-always": without_source(PASSWORD),
    "basic-is-like-a-field": with_(rules, given=basic_is_like_a_field),
    "basic-is-of-any-page": with_(
        rules, is_cross_site=lambda is_cross_site, *given: given[2] == "cookie" and is_cross_site(*given)
    ),
    "scheme-is-no-source": without_source(SCHEME),
    "other-digests-are-unknown": unknown("sha512", "hmac_sha256"),
    "other-hashes-are-unknown": unknown("argon2id", "pbkdf2", "django", "sha512_crypt"),
    "cookie-is-like-a-field": with_(rules, is_cross_site=lambda is_cross_site, *given: False),
    "redirect-is-paid-once": with_(route, due=paid_is_paid, remembered=shadow_pays),
    "redirect-is-paid-anew": with_(route, due=every_cost_is_paid_anew),
    "redirect-in-shadow-pays": with_(route, remembered=shadow_pays),
    "redirect-refused-gives-all-back": with_(route.Route, end=refusing_gives_all_back),
    "redirect-keeps-its-method": with_(route.Route, enter=of_the_first_method),
    "redirect-knows-one-credential": with_(route.Route, verdicts=first_source_is_the_only_one),
    "redirect-strips-once": with_(route, stripped=stripped_once),
    "basic-needs-no-password": with_(route.Route, has_password=lambda has_password, route_: route_.user != ""),
    "page-is-decided-anew": with_(route.Route, enter=page_is_decided_anew),
    "refused-are-named": with_(route, unnamed=refused_are_named, users=users_of_the_refused),
    "off-keeps-identity": with_(route.Route, go_on=off_keeps_identity),
    "refused-have-no-id": with_(route, unnamed=nor_are_ids_of_the_refused),
    "what-has-no-form-is-a-key": with_(rules, unformed=lambda unformed, accepted: "invalid_key"),
    "role-is-split": with_(tokens, words_of=lambda words_of, path, claim: words_of("scope", claim)),
    "role-of-a-scope-claim-is-whole": with_(tokens, words_of=lambda words_of, path, claim: words_of("roles", claim)),
}
