"""Models that err in one way each, to show that the comparison finds it and the shrinking ends with what matters."""

from dataclasses import replace

from .rules import decide
from .world import ACTIVE, REVOKED, SUSPENDED


def state(was, is_now):
    """Takes keys in one state for keys in another."""

    def model(world, variant, ask, alive):
        key = world.keys.get(ask.key)
        if key is not None and key.state == was:
            world = world.with_key(replace(key, state=is_now))
        return decide(world, variant, ask, alive)

    return model


def never_expires(world, variant, ask, alive):
    return decide(world, variant, ask, True)


def rotation_ends_at_once(world, variant, ask, alive):
    key = world.keys.get(ask.key)
    return decide(world, variant, ask, alive and not (key and key.overlap_s is not None))


def needs_more(world, variant, ask, alive):
    """Takes /read to need media:read besides."""
    verdict = decide(world, variant, ask, alive)
    if ask.location == "/read" and not verdict.reason:
        return decide(world, variant, ask._replace(location="/both", method="GET"), alive)
    return verdict


def subjects_are_never_blocked(world, variant, ask, alive):
    subjects = {name: replace(subject, state=ACTIVE) for name, subject in world.subjects.items()}
    return decide(replace(world, subjects=subjects), variant, ask, alive)


def old_configuration(world, variant, ask, alive):
    return decide(world, 0, ask, alive)


def limit_of(location, change):
    """Takes the limits of one location for others."""

    def model(world, variant, ask, alive):
        verdict = decide(world, variant, ask, alive)
        if ask.location == location and verdict.charges:
            taken = tuple((counter, change(limit), cost) for counter, limit, cost in verdict.charges)
            verdict = verdict._replace(charges=taken)
        return verdict

    return model


def anothers_identity(world, variant, ask, alive):
    verdict = decide(world, variant, ask, alive)
    return verdict._replace(identity=("key_other", *verdict.identity[1:])) if ask.location == "/key" and verdict.identity else verdict


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
}
