"""The command's language: help, errors, exit statuses, and where its output goes."""

import json
import os
import signal
import subprocess

import pytest
from cli_helper import lines, on_terminal, raw, refuses, sha256
from harness.tokens import Signer

COMMANDS = [
    "init",
    *(f"plan {command}" for command in ("set", "list", "show", "remove")),
    *(f"subject {command}" for command in ("set", "block", "unblock", "list", "show", "remove")),
    *(
        f"key {command}"
        for command in (
            "create",
            "list",
            "show",
            "set",
            "rotate",
            "revoke",
            "suspend",
            "resume",
            "check",
            "import",
            "export",
            "purge",
        )
    ),
    *(f"token {command}" for command in ("revoke", "inspect")),
    "store check",
    *(f"store {command}" for command in ("stats", "backup", "restore", "compact", "upgrade")),
    "audit",
]


def test_version(kw):
    run = kw.run("--version")
    assert run.rc == 0 and run.stdout.startswith("keyward ") and run.stderr == ""


@pytest.mark.parametrize("command", ["", "plan", "subject", "key", "token", "store", *COMMANDS])
def test_help_has_an_example(kw, command):
    for flag in ("--help", "-h"):
        run = kw.run(*command.split(), flag)
        assert run.rc == 0 and run.stderr == ""
        assert f"Usage: keyward{' ' + command if command else ''} " in run.stdout
        assert "\nExample:\n  keyward " in run.stdout


@pytest.fixture
def beside_examples(folder):
    """The files that examples name."""
    (folder / "key.txt").write_text("kw_nothing\n")
    (folder / "token.txt").write_text("a.b.c\n")
    (folder / "old-keys.jsonl").write_text(lines({"sha256": sha256("1")}))
    (folder / "dump.txt").write_text("keyward_issuer auth { jwks_uri https://auth.example/jwks; }\n")
    (folder / "jwks.json").write_text(json.dumps({"keys": [Signer("EdDSA").jwk]}))
    return folder


@pytest.mark.parametrize("command", ["", "plan", "subject", "key", "token", "store", *COMMANDS])
def test_every_example_is_one(build, kw, store, beside_examples, command):
    """As a shell takes it: it may find nothing to do, but it is no wrong usage."""
    examples = kw.run(*command.split(), "--help").stdout.split("\nExample:\n")[1].splitlines()
    assert examples
    for example in examples:
        assert example.startswith("  keyward ") and (not command or command in example)
        line = example.strip().replace("keyward", str(build.command), 1).replace("/var/", f"{beside_examples}/")
        run = subprocess.run(
            ["sh", "-c", line],
            cwd=beside_examples,
            env=build.environment(KEYWARD_STORE=store.path),
            text=True,
            capture_output=True,
        )
        assert run.returncode in (0, 1, 3), (line, run)


def test_all_commands_are_tested_here(kw):
    def names(*group):
        return [
            line.split()[0]
            for line in kw.run(*group, "--help").stdout.split("Commands:\n")[1].split("\n\n")[0].splitlines()
        ]

    found = [
        f"{group} {name}" if group else name
        for group in ("plan", "subject", "key", "token", "store")
        for name in names(group)
    ]
    assert sorted([*found, "init", "audit"]) == sorted(COMMANDS)


@pytest.mark.parametrize(
    "arguments, says",
    [
        ([], "a command is missing"),
        (["frob"], "no command `keyward frob`; there are init, plan"),
        (["key"], "a command is missing after `keyward key`; there are create"),
        (["key", "frob"], "no command `keyward key frob`; there are create"),
        (["key", "create"], "--name is required"),
        (["key", "create", "--name"], "--name needs a value"),
        (["key", "create", "--name", "a", "--name", "b"], "--name: given more than once"),
        (["key", "list", "--frob"], 'has no option "--frob"'),
        (["key", "list", "--frob=x"], 'has no option "--frob"'),
        (["key", "show"], "ID is required"),
        (["key", "show", "a", "b"], "too many arguments for `keyward key show`"),
        (["key", "list", "--store", ""], "--store needs the path"),
    ],
)
def test_wrong_usage(kw, arguments, says):
    refuses(kw, *arguments, status=2, says=says)


@pytest.mark.parametrize(
    "arguments, of",
    [
        (["help"], []),
        (["help", "key"], ["key"]),
        (["help", "key", "create"], ["key", "create"]),
        (["key", "help"], ["key"]),
        (["key", "help", "create"], ["key", "create"]),
        (["help", "init"], ["init"]),
        (["--json", "help", "plan", "set"], ["plan", "set"]),
        (["--store", "key", "help", "token"], ["token"]),
        (["help", "help"], []),
        (["store", "help"], ["store"]),
        (["help", "key", "create", "more"], ["key", "create"]),
    ],
)
def test_report_U22(kw, arguments, of):
    """`help` as a word."""
    run = kw.run(*arguments)
    assert (run.rc, run.stderr) == (0, "")
    assert run.stdout == kw.run(*of, "--help").stdout


def test_report_U22_version(kw):
    assert kw.run("-V").rc == 0
    assert kw.run("-V").stdout == kw.run("--version").stdout


@pytest.mark.parametrize(
    "typed, meant",
    [
        ("key delete ID", "key revoke"),
        ("key remove ID", "key revoke"),
        ("key rm ID", "key revoke"),
        ("key ls", "key list"),
        ("key add", "key create"),
        ("key new", "key create"),
        ("key get ID", "key show"),
        ("key disable ID", "key suspend"),
        ("key enable ID", "key resume"),
        ("key block ID", "key suspend"),
        ("subject delete ID", "subject remove"),
        ("subject add ID", "subject set"),
        ("subject disable ID", "subject block"),
        ("subject enable ID", "subject unblock"),
        ("subject create ID", "subject set"),
        ("plan create p", "plan set"),
        ("plan delete p", "plan remove"),
        ("plan update p", "plan set"),
        ("plan ls", "plan list"),
        ("token delete", "token revoke"),
        ("token verify", "token inspect"),
        ("store info", "store stats"),
        ("store verify", "store check"),
        ("kye list", "key list"),
        ("kye", "key"),
        ("keys list", "key list"),
        ("key creat", "key create"),
        ("kye creat", "key create"),
        ("key lst", "key list"),
        ("key rev ID", "key revoke"),
        ("subjet set a", "subject set"),
        ("user list", "subject list"),
        ("users delete a", "subject remove"),
        ("strore check", "store check"),
        ("token inspct", "token inspect"),
        ("create --name x", "key create"),
        ("revoke ID", "key revoke"),
        ("delete ID", "key revoke"),
        ("initt", "init"),
        ("help kye", "key"),
        ("help key creat", "key create"),
        ("--json key delete ID", "key revoke"),
    ],
)
def test_report_U22_the_nearest_command_is_named(kw, typed, meant):
    run = kw.run(*typed.split())
    assert (run.rc, run.stdout) == (2, "")
    assert f"did you mean `keyward {meant}`?" in run.stderr and "--help`" in run.stderr
    assert "key_" not in run.stderr


@pytest.mark.parametrize("typed", ["frob", "key frob", "key x", "x", "plan zzzzz"])
def test_report_U22_nothing_is_like_it(kw, typed):
    error = refuses(kw, *typed.split(), status=2, says="there is no command")
    assert "did you mean" not in error and "there are " in error


@pytest.mark.parametrize(
    "typed, meant",
    [
        ("key create --name a --scopes b", "--scope"),
        ("key create --nmae a", "--name"),
        ("key create --name a --limits 1r/s", "--limit"),
        ("key list --subjects=alice", "--subject"),
        ("plan set p --no-scope", "--no-scopes"),
        ("plan set p --maxkeys 1", "--max-keys"),
        ("plan list --jsn", "--json"),
        ("plan list --stor x", "--store"),
        ("token revoke --isuer a", "--issuer"),
    ],
)
def test_report_U22_the_nearest_option_is_named(kw, typed, meant):
    refuses(
        kw, *typed.split(), status=2, says=f"did you mean `{meant}`? See `keyward {' '.join(typed.split()[:2])} --help`"
    )


def test_an_error_repeats_no_key(kw):
    secret = "kw_s3cretS3cretS3cret"
    for arguments in (
        ["key", "check", secret],
        [secret],
        ["key", secret],
        ["key", "create", "--name", "x", secret],
        ["key", f"--{secret}"],
    ):
        assert "s3cret" not in refuses(kw, *arguments, status=2)
    assert "standard input" in refuses(kw, "key", "check", secret, status=2)


def test_errors_as_json(kw):
    for arguments in (
        ["--json", "key", "show", "nope"],
        ["key", "--json", "show", "nope"],
        ["key", "show", "nope", "--json"],
    ):
        run = kw.run(*arguments)
        assert (run.rc, run.stdout) == (1, "")
        assert json.loads(run.stderr) == {
            "error": 'there is no key with the id "nope"; `keyward key list` shows the ids',
            "status": 1,
        }
    run = kw.run("key", "frob", "--json")
    assert run.rc == 2 and json.loads(run.stderr)["status"] == 2


def test_where_the_store_is(kw, make_store):
    other = make_store("other")
    other.kw("plan", "set", "there")
    assert kw("plan", "list") == []
    for arguments in (
        ["--store", other.path, "plan", "list"],
        ["plan", "list", "--store", other.path],
        ["plan", "list", f"--store={other.path}"],
    ):
        assert [plan["name"] for plan in kw(*arguments)] == ["there"]


def test_a_missing_store(kw, folder):
    for command in (
        ["key", "list"],
        ["key", "create", "--name", "x"],
        ["store", "check"],
        ["store", "stats"],
        ["key", "export"],
        ["plan", "set", "p"],
    ):
        error = refuses(kw, *command, "--store", folder / "nowhere", status=3, says="nowhere")
        assert "keyward init" in error
    assert not (folder / "nowhere").exists()


def test_init_refuses_what_is_there(kw, folder):
    refuses(kw, "init", says="already")
    refuses(kw, "init", "--store", folder / "new", "--user", "no-such-user", status=2, says='no user "no-such-user"')
    refuses(kw, "init", "--store", folder / "new", "--map-size", "lots", status=2, says="4g")
    assert not (folder / "new").exists()


def test_init_says_what_comes_next(kw, folder):
    run = kw.run("init", "--store", folder / "new", "--map-size", "64m")
    assert run.rc == 0
    assert f"keyward_store {folder}/new;" in run.stdout and "keyward on;" in run.stdout
    made = kw("init", "--store", folder / "new2")
    assert made["store"] == f"{folder}/new2"
    assert (folder / "new/secret").stat().st_mode & 0o777 == 0o600


def test_output_to_a_full_disk_is_an_error(build, kw, store):
    kw("plan", "set", "p")
    for command in (
        ["plan", "list"],
        ["plan", "list", "--json"],
        ["--version"],
        ["store", "check"],
        ["key", "list", "--json"],
    ):
        with open("/dev/full", "w") as full:
            run = raw(build, store.path, *command, stdout=full)
        assert run.returncode == 3, command
        assert b"No space left" in run.stderr


@pytest.mark.parametrize("options", [[], ["--json"], ["--quiet"]])
def test_a_key_that_could_not_be_shown_is_revoked(build, kw, store, options):
    """Nobody has seen it whole, but a part may have been written somewhere."""
    with open("/dev/full", "w") as full:
        run = raw(
            build,
            store.path,
            "key",
            "create",
            "--name",
            "x",
            "--scope",
            "a",
            "--verifier",
            "sha256",
            *options,
            stdout=full,
        )
    assert run.returncode == 3
    (key,) = kw("key", "list")
    assert key["state"] == "revoked"
    error = run.stderr.decode()
    assert key["id"] in error and "No space left on device" in error and "so it is revoked again" in error
    assert error.count("\n") == 1


def test_a_key_for_a_reader_that_has_gone_is_revoked(build, kw, store):
    read, write = os.pipe()
    os.close(read)
    run = raw(build, store.path, "key", "create", "--name", "x", "--verifier", "sha256", "--json", stdout=write)
    os.close(write)
    assert run.returncode == 3 and b"revoked again" in run.stderr
    assert [key["state"] for key in kw("key", "list")] == ["revoked"]
    run = raw(
        build,
        store.path,
        "key",
        "create",
        "--name",
        "x",
        "--verifier",
        "sha256",
        "--json",
        preexec_fn=lambda: os.close(1),
    )
    assert run.returncode == 3
    assert [key["state"] for key in kw("key", "list")] == ["revoked", "revoked"]


def test_what_turns_the_writing_direction_is_not_shown(build, kw, store):
    """Neither in tables nor in JSON, which people look at on terminals, too; a program reads the name as it is."""
    name = "a\u202eb\u2066c\u061cd\u200fe\u0085f"
    kw(
        "key",
        "import",
        "-",
        input=lines({"id": "k", "sha256": sha256("1"), "name": name.replace("\u0085", ""), "subject": "s\u202ex"}),
    )
    for arguments in (
        ["key", "list"],
        ["key", "show", "k"],
        ["key", "list", "--json"],
        ["key", "show", "k", "--json"],
        ["key", "export"],
    ):
        shown = kw.run(*arguments).stdout
        assert not set("\u202e\u2066\u061c\u200f\u0085") & set(shown), arguments
    assert kw("key", "show", "k")["name"] == name.replace("\u0085", "")
    assert kw("key", "show", "k")["subject"] == "s\u202ex"
    assert "a?b?c?d?e" in kw.run("key", "list").stdout
    text = refuses(kw, "subject", "show", "s\u202ey", says="no subject")
    assert "\u202e" not in text


def to_a_closed_pipe(build, store, *command, **options):
    read, write = os.pipe()
    os.close(read)
    run = raw(build, store.path, *command, stdout=write, **options)
    os.close(write)
    return run


def test_report_U21(build, kw, store):
    """Whoever reads has enough: the command ends as `ls | head -1` does, and says nothing."""
    kw(
        "key",
        "import",
        "-",
        input=lines(*({"id": f"k{i:05}", "sha256": sha256(f"{i}"), "name": "x" * 100} for i in range(6000))),
    )
    for command in ("key list", "key list --json", "key export"):
        run = subprocess.run(
            ["bash", "-c", f'"$0" {command} | head -1; echo "${{PIPESTATUS[0]}}"', build.command],
            capture_output=True,
            text=True,
            env=build.environment(KEYWARD_STORE=store.path),
        )
        assert run.stderr == "" and run.stdout.splitlines()[-1] == str(128 + signal.SIGPIPE), (command, run)


@pytest.mark.parametrize(
    "command",
    [
        "key list",
        "key list --json",
        "key export",
        "plan list",
        "subject list --json",
        "store check",
        "store stats",
        "--help",
        "--man",
        "key create --help",
        "token revoke --jti a",
    ],
)
def test_report_U21_nobody_reads(build, kw, store, command):
    store.key(verifier="sha256")
    kw("plan", "set", "p")
    run = to_a_closed_pipe(build, store, *command.split())
    assert run.returncode == -signal.SIGPIPE
    assert run.stderr == b"" or command.startswith("token")


def test_report_U21_a_change_is_whole(build, kw, store):
    """The signal comes when there is nothing left to do."""
    key = store.key(subject="alice", verifier="sha256")
    for command in (
        ["plan", "set", "p", "--scope", "a"],
        ["key", "suspend", key["id"]],
        ["subject", "block", "alice"],
        ["store", "compact"],
    ):
        assert to_a_closed_pipe(build, store, *command).returncode == -signal.SIGPIPE
    assert kw("plan", "show", "p")["scopes"] == ["a"]
    assert kw("key", "show", key["id"])["state"] == "suspended"
    assert kw("subject", "show", "alice")["state"] == "blocked"
    assert kw("store", "check")["ok"]


def test_report_U21_a_caller_that_ignores_the_signal_is_told(build, store):
    store.key(verifier="sha256")
    ignored = {"restore_signals": False, "preexec_fn": lambda: signal.signal(signal.SIGPIPE, signal.SIG_IGN)}
    run = to_a_closed_pipe(build, store, "key", "list", **ignored)
    assert run.returncode == 3 and b"Broken pipe" in run.stderr


def test_closed_descriptors_never_become_the_stores(build, kw, store):
    """A process without descriptor 1 that opens the store would get it as descriptor 1, and print into it."""
    kw("plan", "set", "p")
    for closing in (">&-", "2>&-", "<&-", "<&- >&- 2>&-"):
        for command in ("plan set q", "plan list", "key create --name x --verifier sha256", "frob"):
            subprocess.run(
                ["sh", "-c", f"{build.command} {command} {closing}"],
                env=build.environment(KEYWARD_STORE=store.path),
                capture_output=True,
            )
        assert kw("store", "check")["ok"]


def test_an_argument_after_two_dashes(kw):
    assert kw.run("subject", "set", "--", "--odd").rc == 0
    assert kw.run("--json", "subject", "show", "--", "--odd").json()["id"] == "--odd"


def test_a_group_name_may_be_an_id(kw):
    kw("subject", "set", "key")
    kw("plan", "set", "plan", "--limit", "1r/s")
    assert kw("subject", "show", "key")["id"] == "key"
    assert kw("plan", "show", "plan")["limits"] == ["1r/s"]


def test_colours_are_for_terminals(build, store):
    store.key("laptop", verifier="sha256")
    status, shown = on_terminal(build, store.path, "key", "list")
    assert status == 0 and "\x1b[32mactive\x1b[0m" in shown
    status, shown = on_terminal(build, store.path, "key", "list", env={"NO_COLOR": "1"})
    assert status == 0 and "\x1b" not in shown and "active" in shown
    plain = store.kw("key", "list", json=False)
    assert "\x1b" not in plain and "\t" not in plain
    header, row = plain.splitlines()
    assert header.index("STATE") == row.index("active")


def test_names_cannot_move_a_terminal(kw, store):
    kw("subject", "set", "a\u202eb")
    assert "a?b" in kw("subject", "list", json=False)
    assert "\u202e" not in kw("subject", "show", "a\u202eb", json=False)
