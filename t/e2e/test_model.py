"""The invariant at the matrix's end: whoever reached the backend had a reason to, says a model that knows nothing of the product.

What each of these plays is random journals: t/e2e/model/run.py says how to play one again. `make check` makes a million decisions.
"""

import pytest
from model.mutations import MUTATIONS
from model.run import play, rounds
from model.shrink import shrink


def say(*texts, **_):
    print(*texts)


@pytest.mark.time_limit(600)
def test_every_decision_of_a_known_journal_is_the_models(build):
    assert rounds(build, "fixed", 10_000, say=say) is None


def create(key, **more):
    return {"do": "create", "key": key, "verifier": "sha256", "subject": "", "plan": "", "scopes": None, "limits": None,
            "expires": 0, **more}  # fmt: skip


def asks(*keys, location="/open", times=1, kinds=("key",)):
    return [[location, "GET", kind, key, "192.0.2.7", False] for key in keys for kind in kinds] * times


def ask(list_):
    return {"do": "ask", "asks": list_, "connections": 2, "fresh": 0}


# Whatever MUTATIONS are about, in one journal: states, ends, scopes, subjects, configurations, limits, and changes amid requests.
EVERYTHING = [
    {"do": "plan", "plan": "gold", "scopes": [], "limits": [], "no_access": False, "default": False},
    *(create(key) for key in ("good", "revoked", "suspended", "rotated", "limited")),
    create("golden", plan="gold"), create("blocked", subject="s0"), create("reader", scopes=["posts:read"]),
    {"do": "import", "keys": [{**create("expired", expires=-5), "state": "active"}]},
    {"do": "revoke", "key": "revoked"}, {"do": "suspend", "key": "suspended"},
    {"do": "rotate", "key": "rotated", "successor": "next", "overlap": 3600, "verifier": "sha256"},
    {"do": "subject", "subject": "s0", "state": "blocked"}, {"do": "reload", "variant": 1, "zone": 0},
    ask(asks("good", "revoked", "suspended", "rotated", "next", "blocked", "expired")),
    ask(asks("golden", "reader", location="/read")), ask(asks("good", location="/short", times=12)),
    ask(asks("limited", location="/key", times=50)),
    *(op for n in range(8) for op in (
        create(f"k{n}"), {"do": "during", "ops": [{"do": "revoke", "key": f"k{n}"}], "ask": ask(asks(f"k{n}", times=5))})),
]  # fmt: skip


@pytest.fixture(scope="module")
def played(build):
    """A site on which EVERYTHING has happened."""
    problems, site = play(build, EVERYTHING)
    assert problems == []
    return site


@pytest.mark.xdist_group("model")
@pytest.mark.parametrize("name", MUTATIONS)
def test_a_model_that_errs_is_found_out(name, played):
    """The same answers, held against a model with one rule changed: as if the product had that fault, and the model were right."""
    assert played.check(MUTATIONS[name])


@pytest.mark.xdist_group("model")
def test_a_change_that_comes_late_is_found_out(played, build):
    """As if whatever a command had done were seen by workers only that much after the command's end."""
    problems = played.check(early_s=0.2 * build.patience)
    assert any("ADMITTED WITHOUT A REASON" in problem.text for problem in problems)


def test_a_failure_is_shrunk_to_what_it_needs(build):
    """The model takes revoked keys for active ones: making a key, revoking it and asking with it is all that this needs."""
    model = MUTATIONS["revoked-is-active"]
    revoke = {"do": "revoke", "key": "k1"}
    many = ask(asks("k0", "k1", kinds=("key", "none", "unknown")))
    during = {"do": "during", "ops": [{"do": "compact"}, revoke], "ask": many}
    ops = [create("k0"), create("k1"), {"do": "kill", "worker": 0}, during, {"do": "suspend", "key": "k0"}, many]

    def fails(ops):
        return bool(play(build, ops, model)[0])

    assert fails(ops)
    assert shrink(ops, fails) == [create("k1"), revoke, ask(asks("k1"))]
