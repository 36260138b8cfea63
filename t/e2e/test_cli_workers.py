"""What the command says where no nginx worker reads the store: nothing is refused by that store then."""

import json
import subprocess

NOBODY = "no nginx worker has this store open: %s refused once one does, by `keyward_store %s;` in its configuration"


def commands(store):
    """Each command that refuses something from now on, and what it speaks of."""
    keys = [store.key(subject="alice", verifier="sha256") for _ in range(4)]
    return [
        (["token", "revoke", "--jti", "a"], "these tokens are", ""),
        (["token", "revoke", "--subject", "alice"], "these tokens are", ""),
        (["key", "suspend", keys[0]["id"]], "the key is", ""),
        (["key", "revoke", keys[1]["id"]], "the key is", ""),
        (["key", "revoke", "--stdin"], "these keys are", keys[2]["id"]),
        (["subject", "set", "alice", "--state", "blocked"], "the subject's keys and tokens are", ""),
        (["subject", "block", "alice"], "the subject's keys and tokens are", ""),
        (["key", "rotate", keys[3]["id"], "--overlap", "0", "--verifier", "sha256"], "the old key is", ""),
    ]


def test_report_S14(kw, store, edge, backend):
    """nginx runs, but without this store: tokens that were "revoked" in it went on being good."""
    edge(location="keyward off;", store=False)
    run = kw.run("token", "revoke", "--subject", "alice")
    assert run.rc == 0
    assert f"keyward: warning: {NOBODY % ('these tokens are', store.path)}\n" == run.stderr
    assert kw("token", "revoke", "--subject", "alice")["workers"] == 0


def test_report_S14_every_command_that_refuses(kw, store):
    for command, what, typed in commands(store):
        run = kw.run(*command, input=typed)
        assert run.rc == 0 and f"keyward: warning: {NOBODY % (what, store.path)}\n" in run.stderr, (command, run)


def test_report_S14_as_json(kw, store):
    key = store.key(verifier="sha256")
    run = kw.run("key", "suspend", key["id"], "--json")
    assert json.loads(run.stderr) == {"warning": NOBODY % ("the key is", store.path)}
    assert run.json()["workers"] == 0
    assert kw("key", "revoke", "--stdin", input=key["id"])[0]["workers"] == 0


def test_report_S14_not_where_workers_read_it(kw, store, edge, backend):
    """From their start on, before any request."""
    e = edge(location="keyward on;", workers=2)
    for command, _, typed in commands(store):
        run = kw.run(*command, input=typed)
        assert run.rc == 0 and "no nginx worker" not in run.stderr, (command, run)
    assert kw("token", "revoke", "--jti", "b")["workers"] == 2
    assert kw("subject", "block", "alice")["workers"] == 2
    e.stop()
    assert kw("token", "revoke", "--jti", "b")["workers"] == 0


def test_report_S14_a_worker_that_was_killed_reads_nothing(kw, store, edge, backend):
    e = edge(location="keyward on;")
    assert kw("token", "revoke", "--jti", "b")["workers"] == 1
    e.kill_worker()
    e.allow_log("exited on signal 9")
    e.stop()
    assert kw("token", "revoke", "--jti", "b")["workers"] == 0


def test_report_S14_other_commands_are_no_workers(kw, store, build):
    """A `key import` that waits for its lines has the store open."""
    importing = subprocess.Popen(
        [build.command, "key", "import", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        env=build.environment(KEYWARD_STORE=store.path),
    )
    try:
        while kw("store", "stats")["readers"] < 2:
            assert importing.poll() is None
        assert kw("token", "revoke", "--jti", "b")["workers"] == 0
    finally:
        importing.stdin.close()
        assert importing.wait() == 0
