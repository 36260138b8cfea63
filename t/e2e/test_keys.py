"""API keys, and whose scopes they have."""

import hashlib
import itertools
import json
import secrets
import threading
import time

import bcrypt
import pytest
from harness.client import encode_request
from harness.drive import TELL, connection_to_each_worker, cpu_seconds, each_port, frozen, statuses, volley
from harness.wait import until

FORMATS = """
keyward_key_format kw_ base62=43 checksum;
keyward_key_format old_ hex=40;
keyward_key_format long_ hex=68 verifier=sha256;
"""
REASON = "add_header X-Reason $keyward_reason always;"
BATCH_SECONDS = 5  # use counts are in the store after about two seconds; this is the bound for a busy machine


@pytest.fixture
def guard(edge):
    """guard(directives): an edge with keyward on that tells its reasons in X-Reason."""

    def start(directives="", http="", **more):
        return edge(http=FORMATS + http, location=f"keyward on; {REASON}\n{directives}", **more)

    return start


@pytest.fixture
def take(kw):
    """take({...}, {...}): imports these lines."""

    def run(*lines):
        return kw("key", "import", "-", input="".join(json.dumps(line) + "\n" for line in lines))

    return run


def old_key():
    return "old_" + secrets.token_hex(20)


def sha256(key):
    return hashlib.sha256(key.encode()).hexdigest()


def bcrypt_of(key, cost=4, kind="2b"):
    text = bcrypt.hashpw(key.encode() if isinstance(key, str) else key, bcrypt.gensalt(cost)).decode()
    return f"${kind}${text[4:]}"


def send(edge, key, target="/", **more):
    return edge.get(target, {"X-API-Key": key}, **more)


def ask(edge, key, target="/"):
    response = send(edge, key, target)
    return response.status, response.header("X-Reason")


ADMITTED = (200, None)
INVALID = (401, "invalid_key")


# Verifiers and look-up.


@pytest.mark.parametrize("verifier", ["bcrypt:4", "bcrypt:10", "bcrypt", "sha256"])
def test_a_key_is_admitted_at_once_and_again(verifier, guard, store, backend):
    key = store.key(verifier=verifier, subject="acme")
    e = guard()
    assert [ask(e, key["key"]) for _ in range(3)] == [ADMITTED] * 3
    assert {request.header("X-Keyward-Key-Id") for request in backend.requests} == {key["id"]}
    assert backend.last.header("X-Keyward-Subject") == "acme"
    assert backend.last.header("X-Keyward-Kind") == "key"
    assert backend.last.header("X-API-Key") is None
    other = store.key(verifier=verifier)["key"]
    mixed = other[:-1] + ("A" if other[-1] != "A" else "B")
    assert ask(e, mixed) == INVALID
    assert backend.count() == 3


def test_a_key_made_while_nginx_runs_is_admitted_at_once(guard, store):
    e = guard()
    for _ in range(3):
        assert ask(e, store.key()["key"]) == ADMITTED


@pytest.mark.parametrize("kind", ["2a", "2b", "2y"])
def test_bcrypt_hashes_of_other_systems_verify(kind, guard, take, backend):
    key = old_key()
    take({"id": "imported", "sha256": sha256(key), "bcrypt": bcrypt_of(key, kind=kind)})
    e = guard()
    assert ask(e, key) == ADMITTED
    assert backend.last.header("X-Keyward-Key-Id") == "imported"


def test_what_is_found_by_its_sha256_still_has_to_satisfy_its_bcrypt_hash(guard, take, backend):
    key, other = old_key(), old_key()
    take({"sha256": sha256(key), "bcrypt": bcrypt_of(other)})
    e = guard()
    assert [ask(e, key), ask(e, other), ask(e, key)] == [INVALID] * 3
    assert backend.count() == 0


def test_all_32_bytes_of_a_sha256_are_compared(guard, take, backend):
    """The look-up goes by the first 16 bytes; a record that agrees in just those is another key's."""
    keys = {at: old_key() for at in (16, 24, 31)}
    for at, key in keys.items():
        digest = bytearray.fromhex(sha256(key))
        digest[at] ^= 1
        take({"sha256": digest.hex()})
    e = guard()
    assert [ask(e, key) for key in keys.values()] == [INVALID] * 3
    assert backend.count() == 0


def test_a_key_of_73_bytes_is_no_bcrypt_key(guard, take, backend):
    # bcrypt reads 72 bytes and would ignore the rest.
    key = "long_" + secrets.token_hex(34)
    assert len(key) == 73
    take({"sha256": sha256(key), "bcrypt": bcrypt_of(key[:72])})
    e = guard()
    assert ask(e, key) == INVALID
    assert backend.count() == 0


def test_an_unknown_key_of_every_format_is_refused(guard, store):
    store.init()
    e = guard()
    assert ask(e, old_key()) == INVALID
    assert ask(e, "long_" + secrets.token_hex(34)) == INVALID


# States and expiry.


@pytest.mark.parametrize("verifier", ["bcrypt:4", "sha256"])
@pytest.mark.parametrize("remembered", [False, True])
def test_states_hold_at_once(verifier, remembered, guard, store, kw, backend):
    key = store.key(verifier=verifier)
    e = guard()
    if remembered:
        assert ask(e, key["key"]) == ADMITTED
    kw("key", "suspend", key["id"])
    assert ask(e, key["key"]) == (401, "suspended_key")
    kw("key", "resume", key["id"])
    assert ask(e, key["key"]) == ADMITTED
    count = backend.count()
    kw("key", "revoke", key["id"])
    assert ask(e, key["key"]) == (401, "revoked_key")
    assert kw.run("key", "resume", key["id"]).rc != 0
    assert ask(e, key["key"]) == (401, "revoked_key")
    assert backend.count() == count


def test_a_pending_key_is_refused(guard, store, backend):
    key = store.pending_key(verifier="sha256")
    e = guard()
    assert ask(e, key["key"]) == (401, "pending_key")
    assert backend.count() == 0


def test_imported_states_hold(guard, take):
    keys = {state: old_key() for state in ("active", "suspended", "revoked")}
    take(*({"sha256": sha256(key), "state": state} for state, key in keys.items()))
    e = guard()
    assert ask(e, keys["active"]) == ADMITTED
    assert ask(e, keys["suspended"]) == (401, "suspended_key")
    assert ask(e, keys["revoked"]) == (401, "revoked_key")


def test_an_expired_key_is_told_so(guard, take):
    key = old_key()
    take({"sha256": sha256(key), "expires_at": "2020-01-01T00:00:00Z"})
    response = send(guard(), key)
    assert (response.status, response.header("X-Reason")) == (401, "expired_key")
    assert response.json() == {"error": "API key expired", "code": "unauthorized"}


@pytest.mark.parametrize("verifier", ["bcrypt", "sha256"])
def test_expiry_holds_to_the_second_also_for_a_remembered_key(verifier, guard, take):
    """A key is good before the second that expires_at names, and refused from its very beginning."""
    e = guard("keepalive_requests 1000000;")
    key = old_key()
    hashed = {"bcrypt": bcrypt_of(key)} if verifier == "bcrypt" else {}
    end = int(time.time()) + 3
    take({"sha256": sha256(key), "expires_at": end, **hashed})
    seen = []
    with e.connect() as connection:
        while not seen or seen[-1][2] != 401:
            start = time.time()
            response = connection.request(headers={"X-API-Key": key})
            seen.append((start, time.time(), response.status))
            assert start < end + 2
    assert {status for _, _, status in seen[:-1]} == {200}
    assert all(start < end for start, _, status in seen if status == 200)
    assert seen[-1][1] >= end


# Subjects.


def test_a_blocked_subject_is_refused_at_once_and_let_in_again(guard, store, kw, backend):
    keys = [store.key(subject="acme", verifier=verifier)["key"] for verifier in ("sha256", "bcrypt:4")]
    fresh = store.key(subject="acme", verifier="sha256")["key"]  # not seen before the block
    other = store.key(subject="other", verifier="sha256")["key"]
    e = guard()
    assert [ask(e, key) for key in [*keys, other]] == [ADMITTED] * 3
    kw("subject", "set", "acme", "--state", "blocked")
    count = backend.count()
    assert [ask(e, key) for key in [*keys, fresh]] == [(403, "blocked_subject")] * 3
    assert backend.count() == count
    assert ask(e, other) == ADMITTED
    kw("subject", "set", "acme", "--state", "active")
    assert [ask(e, key) for key in [*keys, fresh]] == [ADMITTED] * 3


def test_a_blocked_subject_is_told_access_denied(guard, store, kw):
    key = store.key(subject="acme", verifier="sha256")["key"]
    kw("subject", "set", "acme", "--state", "blocked")
    response = send(guard(), key)
    assert (response.status, response.json()) == (403, {"error": "access denied", "code": "forbidden"})


def test_a_subject_needs_no_record(guard, store, backend):
    e = guard()
    assert ask(e, store.key(subject="nobody-knows", verifier="sha256")["key"]) == ADMITTED
    assert backend.last.header("X-Keyward-Subject") == "nobody-knows"


# Plans.


def test_a_plan_of_the_store_narrows_and_is_told(guard, store, kw, backend):
    kw("plan", "set", "basic", "--scope", "a:read")
    key = store.key(plan="basic", scope=["a:read", "a:write"], verifier="sha256")["key"]
    e = guard("keyward_scope $arg_scope;")
    assert ask(e, key, "/?scope=a:read") == ADMITTED
    assert backend.last.header("X-Keyward-Plan") == "basic"
    assert ask(e, key, "/?scope=a:write") == (403, "insufficient_scope")


def test_a_changed_plan_holds_from_the_next_request_on(guard, store, kw):
    kw("plan", "set", "basic", "--scope", "a:read")
    key = store.key(plan="basic", verifier="sha256")["key"]
    e = guard("keyward_scope $arg_scope;")
    assert ask(e, key, "/?scope=a:write") == (403, "insufficient_scope")
    kw("plan", "set", "basic", "--scope", "a:read", "--scope", "a:write")
    assert ask(e, key, "/?scope=a:write") == ADMITTED
    kw("plan", "set", "basic", "--scope", "a:read")
    assert ask(e, key, "/?scope=a:write") == (403, "insufficient_scope")
    kw("plan", "set", "basic", "--no-access")
    assert ask(e, key, "/?scope=a:read") == (403, "no_access")


def test_the_configuration_owns_the_names_it_has(guard, store, kw):
    kw("plan", "set", "basic", "--scope", "a:read")
    kw("plan", "set", "closed", "--scope", "*")
    basic = store.key(plan="basic", verifier="sha256")["key"]
    closed = store.key(plan="closed", verifier="sha256")["key"]
    e = guard("keyward_scope $arg_scope;", http="keyward_plan basic scope=b:read;\nkeyward_plan closed no_access;")
    assert ask(e, basic, "/?scope=a:read") == (403, "insufficient_scope")
    assert ask(e, basic, "/?scope=b:read") == ADMITTED
    assert ask(e, closed, "/?scope=a:read") == (403, "no_access")


def test_the_keys_plan_then_the_subjects_then_the_default(guard, store, kw, backend):
    for name in ("of-key", "of-subject"):
        kw("plan", "set", name)
    kw("plan", "set", "usual", "--default")
    kw("subject", "set", "acme", "--plan", "of-subject")
    kw("subject", "set", "bare")
    e = guard()
    for options, plan in (
        ({"subject": "acme", "plan": "of-key"}, "of-key"),
        ({"subject": "acme"}, "of-subject"),
        ({"subject": "bare"}, "usual"),
        ({"subject": "without-a-record"}, "usual"),
        ({}, "usual"),
    ):
        assert ask(e, store.key(verifier="sha256", **options)["key"]) == ADMITTED
        assert backend.last.header("X-Keyward-Plan") == plan
    e.reload(http=FORMATS + "keyward_plan house default;")
    assert ask(e, store.key(verifier="sha256")["key"]) == ADMITTED
    assert backend.last.header("X-Keyward-Plan") == "house"


def test_a_plan_that_is_named_and_missing_refuses(guard, take, kw, backend):
    # The import says that there is none such, and takes it: the configuration may have it.
    of_key, of_subject, back = old_key(), old_key(), old_key()
    kw("plan", "set", "usual", "--default", "--scope", "*")
    kw("subject", "set", "acme", "--plan", "nowhere")
    take(
        {"sha256": sha256(of_key), "plan": "nowhere"},
        {"sha256": sha256(of_subject), "subject": "acme"},
        {"sha256": sha256(back), "subject": "acme", "plan": "usual"},
    )
    e = guard()
    assert ask(e, of_key) == ask(e, of_subject) == (403, "no_access")
    assert backend.count() == 0
    assert ask(e, back) == ADMITTED
    e.reload(http=FORMATS + "keyward_plan nowhere;")
    assert ask(e, of_key) == ask(e, of_subject) == ADMITTED


@pytest.mark.parametrize("verifier", ["sha256", "bcrypt:4"])
def test_a_plan_that_is_removed_or_misspelt_refuses_also_who_was_remembered(guard, store, kw, backend, verifier):
    keys = [store.key(verifier=verifier, plan="pro")["key"]]
    kw("subject", "set", "acme", "--plan", "pro")
    keys.append(store.key(verifier=verifier, subject="acme")["key"])
    plans = "keyward_plan {} scope=*;\nkeyward_plan usual scope=* default;"
    e = guard(http=plans.format("pro"))
    assert [ask(e, key) for key in keys * 2] == [ADMITTED] * 4
    backend.clear()
    # Not even the default steps in.
    for other in ("Pro", "pro2", "pr", "none"):
        e.reload(http=FORMATS + plans.format(other))
        assert [ask(e, key) for key in keys] == [(403, "no_access")] * 2
    assert backend.count() == 0
    # The store's plan of this name is as good; and can't be taken away while it is used.
    kw("plan", "set", "pro", "--scope", "*")
    assert [ask(e, key) for key in keys] == [ADMITTED] * 2
    assert kw.run("plan", "remove", "pro").rc == 1
    assert [ask(e, key) for key in keys] == [ADMITTED] * 2
    kw("plan", "set", "pro", "--no-access")
    assert [ask(e, key) for key in keys] == [(403, "no_access")] * 2


def test_a_plan_without_access_refuses_also_as_the_default(guard, store, kw):
    kw("plan", "set", "free", "--no-access", "--default")
    kw("plan", "set", "paid")
    e = guard()
    assert ask(e, store.key(verifier="sha256", scope="*")["key"]) == (403, "no_access")
    assert ask(e, store.key(verifier="sha256", plan="paid")["key"]) == ADMITTED


# Effective scopes.

LISTS = [None, [], ["a:read"], ["a:*"], ["*"], ["b:write", "a:read"], ["full"]]
SCOPES = ["a:read", "a:write", "b:write", "c:x", "full", "a:readx", "a:rea"]
IMPLIED = {"full": ["a:*", "b:*"]}


def covers(grants, scope):
    """The model: exact, a wildcard after a colon, or all; and what a grant brings with it."""
    grants = [*grants, *(other for grant in grants for other in IMPLIED.get(grant, []))]
    return any(grant in ("*", scope) or (grant.endswith(":*") and scope.startswith(grant[:-1])) for grant in grants)


def expected(key, plan, subject, scope):
    own = plan if key is None else key
    return all(covers(grants, scope) for grants in (own, plan, subject) if grants is not None)


def test_effective_scopes_are_the_keys_within_the_plans_within_the_subjects(guard, take, kw, backend):
    """Every combination against the model; a key without a list and a plan without one is left out."""
    combinations = [c for c in itertools.product(range(len(LISTS)), repeat=3) if c[0] or c[1]]
    for number, grants in enumerate(LISTS):
        options = [part for grant in grants or [] for part in ("--scope", grant)]
        options = ["--scope", ""] if grants == [] else options
        kw("plan", "set", f"plan{number}", *options)
        kw("subject", "set", f"subject{number}", *options)
    keys = {combination: old_key() for combination in combinations}
    lines = []
    for (key, plan, subject), text in keys.items():
        line = {"sha256": sha256(text), "plan": f"plan{plan}", "subject": f"subject{subject}"}
        lines.append(line if LISTS[key] is None else {**line, "scopes": LISTS[key]})
    take(*lines)
    e = guard("keyward_scope $arg_scope;", http="keyward_scope_implies full a:* b:*;")
    wrong = []
    connection = e.connect()
    for combination, text in keys.items():
        lists = [LISTS[number] for number in combination]
        for scope in SCOPES:
            response = connection.request(target=f"/?scope={scope}", headers={"X-API-Key": text})
            want = 200 if expected(*lists, scope) else 403
            if response.status != want:
                wrong.append((lists, scope, response.status, want))
            if response.header("Connection") == "close":
                connection.close()
                connection = e.connect()
    connection.close()
    assert (
        not wrong
    ), f"{len(wrong)} of {len(keys) * len(SCOPES)}, such as (key, plan, subject), scope, is, should: {wrong[:5]}"


def test_a_key_without_a_list_has_its_plans(guard, store, kw, backend):
    kw("plan", "set", "basic", "--scope", "a:read", "--scope", "b:*")
    key = store.key(plan="basic", verifier="sha256")["key"]
    e = guard("keyward_scope $arg_scope;")
    assert ask(e, key, "/?scope=b:anything") == ADMITTED
    assert set(backend.last.header("X-Keyward-Scopes").split()) == {"a:read", "b:*"}
    assert ask(e, key, "/?scope=a:write") == (403, "insufficient_scope")


def test_an_empty_list_grants_nothing(guard, store, kw):
    kw("plan", "set", "all", "--scope", "*")
    key = store.key(plan="all", scope="", verifier="sha256")["key"]
    e = guard("keyward_scope $arg_scope;")
    assert ask(e, key, "/?scope=a:read") == (403, "insufficient_scope")
    e.reload(location=f"keyward on; {REASON}")
    assert ask(e, key) == ADMITTED


def test_a_variable_scope_that_is_empty_or_malformed_refuses_even_all(guard, store):
    key = store.key(scope="*", verifier="sha256")["key"]
    e = guard("keyward_scope $arg_scope;")
    for target in ("/", "/?scope=", '/?scope=a"b', "/?scope=*", "/?scope=a:*"):
        assert ask(e, key, target) == (403, "insufficient_scope"), target
    assert ask(e, key, "/?scope=a:read") == ADMITTED


def test_a_missing_scope_is_named_together_with_what_is_granted(guard, store):
    key = store.key(scope="a:read", verifier="sha256")["key"]
    response = send(guard("keyward_scope a:read b:write;"), key)
    assert response.status == 403
    assert response.json()["code"] == "forbidden"
    assert set(response.json()["required_scope"].split()) == {"a:read", "b:write"}
    challenge = response.header("WWW-Authenticate")
    assert challenge.startswith("Bearer ") and 'error="insufficient_scope"' in challenge
    assert set(named_scopes(challenge)) == {"a:read", "b:write"}


def named_scopes(challenge):
    return challenge.split('scope="')[1].split('"')[0].split()


def test_a_challenge_names_no_scope_twice(guard, store):
    key = store.key(scope="a:read", verifier="sha256")["key"]
    named = named_scopes(send(guard("keyward_scope a:read b:write;"), key).header("WWW-Authenticate"))
    assert sorted(named) == ["a:read", "b:write"]


# Usage.


def usage(kw, id):
    shown = kw("key", "show", id)
    return shown["uses"], shown["last_used_at"]


def test_use_counts_are_exact_over_two_workers_and_soon_in_the_store(edge, store, kw):
    keys = [store.key(verifier=verifier) for verifier in ("sha256", "bcrypt:4", "sha256")]
    e = edge(server=f"{TELL} keyward on; location / {{ empty_gif; }}", workers=2)
    before = int(time.time())
    responses = volley(each_port(e), 30, 20, make=lambda n: ("/", {"X-API-Key": keys[n % 2]["key"]}))
    after = time.time()
    assert statuses(responses) == {200: 600}
    assert len({response.header("X-Worker") for response in responses}) == 2
    until(
        lambda: [usage(kw, key["id"])[0] for key in keys] == [300, 300, 0],
        BATCH_SECONDS,
        f"300, 300, 0 uses, not {[usage(kw, key['id']) for key in keys]}",
    )
    for key in keys[:2]:
        stamp = usage(kw, key["id"])[1]
        assert before <= parse_time(stamp) <= after, stamp
    assert usage(kw, keys[2]["id"]) == (0, None)
    listed = {key["id"]: (key["uses"], key["last_used_at"] is not None) for key in kw("key", "list")}
    assert listed == {keys[0]["id"]: (300, True), keys[1]["id"]: (300, True), keys[2]["id"]: (0, False)}


def parse_time(text):
    return time.mktime(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ")) - time.timezone


def test_no_use_is_lost_by_a_reload_a_killed_worker_or_a_stop(edge, store, kw):
    # A crash may lose a batch; what is counted in shared memory isn't lost by a worker's.
    key = store.key(verifier="sha256")
    e = edge(server=f"{TELL} keyward on; location / {{ empty_gif; }}", workers=2)
    headers = {"X-API-Key": key["key"]}
    assert statuses(volley(each_port(e), 10, 10, headers=headers)) == {200: 100}
    e.reload()
    assert statuses(volley(each_port(e), 10, 10, headers=headers)) == {200: 100}
    e.kill_worker()
    assert statuses(volley(each_port(e), 10, 10, headers=headers)) == {200: 100}
    e.stop()
    assert usage(kw, key["id"])[0] == 300


def test_refusals_are_no_uses_and_the_last_reason_is_kept(guard, store, kw):
    key = store.key(scope="a:read", verifier="sha256")
    e = guard("keyward_scope $arg_scope;")
    assert kw("key", "show", key["id"])["last_refusal"] is None
    assert ask(e, key["key"], "/?scope=b:read") == (403, "insufficient_scope")

    def last_refusal(reason):
        until(
            lambda: (kw("key", "show", key["id"])["last_refusal"] or {}).get("reason") == reason, BATCH_SECONDS, reason
        )

    last_refusal("insufficient_scope")
    assert usage(kw, key["id"]) == (0, None)
    assert ask(e, key["key"], "/?scope=a:read") == ADMITTED
    kw("key", "suspend", key["id"])
    assert ask(e, key["key"], "/?scope=a:read") == (401, "suspended_key")
    last_refusal("suspended_key")
    assert usage(kw, key["id"])[0] == 1


# Keys of which only a bcrypt hash and the first characters are known.


def legacy(key, length=12, cost=4, **more):
    return {"prefix": key[:length], "bcrypt": bcrypt_of(key, cost), **more}


def wrong(key, length=12):
    """Another key with the same first characters."""
    return key[:length] + secrets.token_hex(30)[: len(key) - length]


BUSY = (503, "busy")


def use_up_failures(e, key):
    """As many failures as this prefix may have in a minute."""
    answers = [ask(e, wrong(key)) for _ in range(10)]
    assert answers == [INVALID] * 10
    assert ask(e, wrong(key)) == BUSY


def test_a_legacy_key_is_found_by_its_prefix(guard, take, backend):
    key, other = old_key(), old_key()
    take(legacy(key, id="first"), legacy(other, length=8, id="second"))
    e = guard()
    for text, id in ((key, "first"), (other, "second"), (key, "first")):
        assert ask(e, text) == ADMITTED
        assert backend.last.header("X-Keyward-Key-Id") == id
    assert ask(e, wrong(key)) == INVALID
    assert ask(e, key[:12]) == INVALID
    assert ask(e, old_key()) == INVALID


def test_each_of_several_candidates_is_found(guard, take, backend):
    keys = [old_key()]
    keys += [wrong(keys[0]) for _ in range(7)]
    take(*(legacy(key, id=f"candidate{n}") for n, key in enumerate(keys)))
    e = guard()
    for n in (7, 0, 3, 5, 1, 2, 4, 6, 7, 0):
        assert ask(e, keys[n]) == ADMITTED
        assert backend.last.header("X-Keyward-Key-Id") == f"candidate{n}"
    assert ask(e, wrong(keys[0])) == INVALID


def test_a_legacy_keys_state_is_told_only_after_the_verifier(guard, take, kw):
    key = old_key()
    take(legacy(key, id="k", state="suspended"))
    e = guard()
    assert ask(e, wrong(key)) == INVALID
    assert ask(e, key) == (401, "suspended_key")
    kw("key", "revoke", "k")
    assert ask(e, wrong(key)) == INVALID
    assert ask(e, key) == (401, "revoked_key")


def test_an_expired_legacy_key_is_told_so_only_after_the_verifier(guard, take):
    key = old_key()
    take(legacy(key, expires_at="2020-01-01T00:00:00Z"))
    e = guard()
    assert ask(e, wrong(key)) == INVALID
    assert ask(e, key) == (401, "expired_key")


def test_ten_failures_a_minute_for_a_prefix_then_busy(guard, take, backend):
    key, other = old_key(), old_key()
    take(legacy(key), legacy(other))
    e = guard()
    use_up_failures(e, key)
    for text in (wrong(key), key):
        response = send(e, text)
        assert (response.status, response.header("X-Reason")) == BUSY
        assert int(response.header("Retry-After")) >= 1
    assert backend.count() == 0
    assert ask(e, other) == ADMITTED


def test_a_flood_of_wrong_keys_with_one_prefix_is_capped(edge, take, store):
    # Over two workers and all at once, no more than ten runs' worth of bcrypt, and others aren't delayed.
    key = old_key()
    take(legacy(key, cost=11))
    good = store.key(verifier="sha256")["key"]
    e = edge(http=FORMATS, server=f"{TELL} keyward on; location / {{ empty_gif; }}", workers=2)
    start = time.process_time()
    bcrypt_of(key, 11)
    run = time.process_time() - start
    before = cpu_seconds(*e.workers())
    responses = volley(each_port(e), 60, 1, make=lambda n: ("/", {"X-API-Key": wrong(key)}))
    assert set(statuses(responses)) <= {401, 503}
    assert statuses(responses)[401] <= 10 and statuses(responses)[503] >= 50
    assert cpu_seconds(*e.workers()) - before < 14 * run + 0.5
    assert send(e, good).status == 200


def test_ten_failures_a_minute_are_no_more_with_two_workers(edge, take):
    """Nine failures, and then one more wrong key for each worker at once."""
    key = old_key()
    take(legacy(key, cost=11))
    e = edge(http=FORMATS, server=f"{TELL} keyward on; location / {{ empty_gif; }}", workers=2)
    first, second = connection_to_each_worker(e).values()
    send = lambda connection: connection.send(encode_request(headers={"X-API-Key": wrong(key)}))
    answers = []
    for _ in range(9):
        send(first)
        answers.append(first.read_response().status)
    assert answers == [401] * 9
    send(first), send(second)
    answers = [first.read_response().status, second.read_response().status]
    first.close(), second.close()
    assert sorted(answers) == [401, 503]


def indexed(kw, id):
    """Whether the record is filed under its SHA-256 (an export tells)."""
    lines = [json.loads(line) for line in kw("key", "export", json=False).splitlines()]
    return next("locator" in line for line in lines if line["id"] == id)


def test_a_legacy_key_is_refiled_at_its_first_success(guard, take, kw, backend):
    key = old_key()
    sibling = wrong(key)
    take(legacy(key, id="k", subject="acme", scopes=["a:read"]), legacy(sibling, id="sibling"))
    before = kw("key", "show", "k")
    e = guard()
    assert ask(e, wrong(key)) == INVALID
    assert not indexed(kw, "k")
    assert ask(e, key) == ADMITTED
    until(lambda: indexed(kw, "k"), 5, "the key to be filed under its SHA-256")
    assert not indexed(kw, "sibling")
    # Only the index changes.
    after = kw("key", "show", "k")
    for name in ("uses", "last_used_at", "last_refusal", "changed_at"):
        before.pop(name, None), after.pop(name, None)
    assert after == before
    assert ask(e, key) == ADMITTED
    assert backend.last.header("X-Keyward-Key-Id") == "k"
    assert ask(e, sibling) == ADMITTED
    assert backend.last.header("X-Keyward-Key-Id") == "sibling"


def test_a_refiled_key_is_no_candidate_any_more(guard, take, kw):
    """With the failures of its prefix used up and its proof gone, it's found by its SHA-256 alone."""
    key = old_key()
    other = wrong(key)
    take(legacy(key, id="k", created_at="2020-01-01T00:00:00Z"), legacy(other, id="other"))
    e = guard()
    assert ask(e, key) == ADMITTED
    until(lambda: indexed(kw, "k"), 5, "the key to be filed under its SHA-256")
    use_up_failures(e, key)
    kw("key", "suspend", "k")
    kw("key", "resume", "k")
    assert ask(e, key) == ADMITTED
    assert ask(e, other) == BUSY


def test_a_refiled_key_that_was_revoked_stays_revoked(guard, take, kw, backend):
    key = old_key()
    take(legacy(key, id="k"))
    e = guard()
    assert ask(e, key) == ADMITTED
    kw("key", "revoke", "k")
    assert ask(e, key) == (401, "revoked_key")
    until(lambda: ask(e, key) == (401, "revoked_key"))
    e.reload()
    assert [ask(e, key) for _ in range(5)] == [(401, "revoked_key")] * 5
    assert kw("key", "show", "k")["state"] == "revoked"


def test_a_legacy_key_revoked_during_its_first_run_stays_revoked(edge, take, kw):
    # The revocation comes between the verifier's start and the re-filing.
    key = old_key()
    take(legacy(key, id="k", cost=13))
    e = edge(http=FORMATS, location=f"keyward on; {REASON}")
    worker = e.workers()[0]
    before = cpu_seconds(worker)
    answers = []
    thread = threading.Thread(target=lambda: answers.append(ask(e, key)))
    thread.start()
    until(lambda: cpu_seconds(worker) - before > 0.03, 30, "the bcrypt run")
    with frozen(worker):
        assert not answers
        kw("key", "revoke", "k")
    thread.join(60)
    assert answers == [(401, "revoked_key")]
    assert ask(e, key) == (401, "revoked_key")
    assert kw("key", "show", "k")["state"] == "revoked"
