"""The invariant at the matrix's end: whoever reached the backend had a reason to, says a model that knows nothing of the product.

What each of these plays is random journals: t/e2e/model/run.py says how to play one again. `make check` makes a million decisions.
"""

import random

import pytest
from model.journal import journal
from model.mutations import MUTATIONS
from model.run import ROUND, play, rounds
from model.shrink import shrink
from model.site import Site


def say(*texts, **_):
    print(*texts)


@pytest.mark.time_limit(600)
def test_every_decision_of_a_known_journal_is_the_models(build):
    assert rounds(build, "fixed", 10_000, say=say) is None


@pytest.mark.time_limit(600)
def test_every_decision_of_a_random_journal_is_the_models(build):
    seed = random.getrandbits(32)
    print(f"seed {seed}")
    assert rounds(build, seed, 10_000, say=say) is None


@pytest.fixture(scope="module")
def played(build):
    """A site on which everything has happened that a journal holds."""
    site = Site(build)
    try:
        for op in journal("everything", ROUND):
            site.run(op)
        site.close()
    except BaseException:
        site.abandon()
        raise
    assert site.check() == []
    return site


@pytest.mark.xdist_group("model")
@pytest.mark.parametrize("name", MUTATIONS)
def test_a_model_that_errs_is_found_out(name, played):
    """The same answers, held against a model with one rule changed: as if the product had that fault, and the model were right."""
    assert played.check(MUTATIONS[name])


@pytest.mark.xdist_group("model")
@pytest.mark.parametrize("early_s", [0.05, 0.2])
def test_a_change_that_comes_late_is_found_out(early_s, played):
    """As if whatever a command had done were seen by workers that much after the command's end."""
    assert any("ADMITTED WITHOUT A REASON" in problem.text for problem in played.check(early_s=early_s))


def test_a_failure_is_shrunk_to_what_it_needs(build):
    """The model takes revoked keys for active ones: making a key, revoking it and asking with it is all that this needs."""
    model = MUTATIONS["revoked-is-active"]
    create = {"do": "create", "verifier": "sha256", "subject": "", "plan": "", "scopes": None, "limits": None, "expires": 0}
    asks = [["/open", "GET", kind, key, "192.0.2.7", False] for key in ("k0", "k1") for kind in ("key", "none", "unknown")]
    ask = {"do": "ask", "asks": asks, "connections": 2, "fresh": 0}
    revoke = {"do": "revoke", "key": "k1"}
    ops = [{**create, "key": "k0"}, {**create, "key": "k1"}, {"do": "kill", "worker": 0},
           {"do": "during", "ops": [{"do": "compact"}, revoke], "ask": {**ask}}, {"do": "suspend", "key": "k0"}, ask]  # fmt: skip

    def fails(ops):
        return bool(play(build, ops, model)[0])

    assert fails(ops)
    last = {**ask, "asks": [["/open", "GET", "key", "k1", "192.0.2.7", False]]}
    assert shrink(ops, fails) == [{**create, "key": "k1"}, revoke, last]
