"""keyward --man and --completion: made from the command's own options, so each of them must be there, and work."""

import os
import re
import shutil
import subprocess

import pytest
from cli_helper import refuses
from harness.build import PROJECT

SHELLS = ["bash", "zsh", "fish"]


@pytest.fixture
def commands(kw):
    """Each command with its options, as --help has them: {"key create": {"--name", ...}}."""

    def names(*group):
        return re.findall(
            r"^  ([a-z]+)", kw.run(*group, "--help").stdout.split("Commands:\n")[1].split("\n\n")[0], re.M
        )

    paths = []
    for name in names():
        text = kw.run(name, "--help").stdout
        paths += [f"{name} {child}" for child in names(name)] if "Commands:\n" in text else [name]
    return {
        path: set(
            re.findall(
                r"^  .*?(--[a-z-]+)",
                kw.run(*path.split(), "--help").stdout.split("Options:\n")[1].split("\n\n")[0],
                re.M,
            )
        )
        for path in paths
    }


@pytest.fixture
def page(kw):
    run = kw.run("--man")
    assert (run.rc, run.stderr) == (0, "")
    return run.stdout


def plain(text):
    """A rendered page without overstriking, escapes and its layout."""
    return re.sub(r"\s+", " ", re.sub(r"\x1b\[[0-9;]*m|.\x08", "", text)).replace("\u2010", "-").replace("\u2212", "-")


def test_the_page_has_its_sections_and_no_stray_requests(page):
    assert page.startswith('.TH KEYWARD 1 "" "keyward ')
    assert re.findall(r"^\.SH (.*)$", page, re.M) == [
        "NAME",
        "SYNOPSIS",
        "DESCRIPTION",
        "OPTIONS",
        "COMMANDS",
        "EXIT STATUS",
        "ENVIRONMENT",
        "FILES",
        "EXAMPLES",
        "SEE ALSO",
    ]
    requests = set(re.findall(r"^([.'][a-zA-Z]*)", page, re.M))
    assert requests <= {".TH", ".nh", ".ad", ".SH", ".SS", ".TP", ".PP", ".B", ".BR", ".RI", ".I", ".EX", ".EE"}
    assert page.isascii()


def test_the_page_renders_without_a_warning(page, commands):
    if shutil.which("groff") is None:
        pytest.skip("no groff here")
    done = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", "-rLL=100n"],
        input=page,
        text=True,
        capture_output=True,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )
    assert (done.returncode, done.stderr) == (0, "")
    text = plain(done.stdout)
    for path, options in commands.items():
        assert f" keyward {path} " in text
        for option in options:
            assert option in text
    assert "keyward plan set pro --scope 'posts:*' --limit 60r/m" in text
    assert "--scope '' is an empty list, which grants nothing" in text
    assert "KEYWARD_STORE" in text


def test_the_page_has_each_commands_help_and_example(page, commands, kw):
    sections = dict(re.findall(r"^\.SS keyward (.*?)\n(.*?)(?=^\.S[SH] )", page, re.M | re.S))
    assert set(sections) == set(commands)
    for path, options in commands.items():
        text = (
            sections[path]
            .replace("\\-", "-")
            .replace("\\(aq", "'")
            .replace("\\(ga", "`")
            .replace("\\(dq", '"')
            .replace("\\fB", "")
            .replace("\\fR", "")
        )
        help_text = kw.run(*path.split(), "--help").stdout
        assert help_text.splitlines()[0] in text
        assert help_text.split("Example:\n  ")[1].rstrip("\n") in text
        for option in options - {"--help"}:
            assert option in text


@pytest.mark.parametrize("option", [["--man"], *(["--completion", shell] for shell in SHELLS)])
def test_they_are_the_same_everywhere_and_for_everyone(option, kw, build):
    run = kw.run(*option)
    assert (run.rc, run.stderr) == (0, "")
    assert "\x1b" not in run.stdout and str(PROJECT) not in run.stdout and str(build.folder) not in run.stdout
    assert run.stdout.endswith("\n") and not run.stdout.endswith("\n\n")
    again = subprocess.run(
        [build.command, *option],
        env={"PATH": "/nowhere", "COLUMNS": "40", "CLICOLOR_FORCE": "1", "KEYWARD_STORE": "/nowhere"},
        text=True,
        capture_output=True,
    )
    assert again.stdout == run.stdout


def test_an_unknown_shell(kw):
    refuses(kw, "--completion", "tcsh", status=2, says="--completion: write bash, zsh or fish")
    refuses(kw, "--completion", status=2, says="--completion needs a value")
    refuses(kw, "--completion", "", status=2, says="bash, zsh or fish")


@pytest.mark.parametrize("shell", SHELLS)
def test_a_completion_knows_every_command_and_option(shell, commands, kw):
    text = kw.run("--completion", shell).stdout
    for path, options in commands.items():
        assert f"'{path}'" in text
        for option in options:
            assert (f"-l {option[2:]} " if shell == "fish" else option) in text


# --- bash --------------------------------------------------------------------------------------------------------------

DRIVE = 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _keyward; ((${#COMPREPLY[@]} == 0)) || printf "%s\\n" "${COMPREPLY[@]}"'


@pytest.fixture
def complete(kw, folder):
    """complete("key", ""): what bash offers for the last word."""
    script = folder / "keyward.bash"
    script.write_text(kw.run("--completion", "bash").stdout)

    def run(*words, cwd=folder):
        done = subprocess.run(
            ["bash", "-u", "-c", DRIVE, "bash", str(script), "keyward", *words], text=True, capture_output=True, cwd=cwd
        )
        assert (done.returncode, done.stderr) == (0, ""), done
        return done.stdout.splitlines()

    return run


def test_bash_completes_commands(complete, commands):
    assert complete("") == list(dict.fromkeys(path.split()[0] for path in commands))
    for group in {path.split()[0] for path in commands if " " in path}:
        assert complete(group, "") == [path.split()[1] for path in commands if path.startswith(group + " ")]
    assert complete("k") == ["key"]
    assert complete("key", "sus") == ["suspend"]
    assert complete("nothing-like-it") == []
    assert complete("--json", "--store", "key", "plan", "") == complete("plan", "")
    assert complete("--store", "=", "key", "plan", "") == complete("plan", "")


def test_bash_completes_options(complete, commands):
    for path, options in commands.items():
        assert set(complete(*path.split(), "--")) == options | {"--store", "--json"}
    assert {"--version", "--man", "--completion", "--store"} <= set(complete("--"))
    assert complete("key", "create", "--name", "list", "--sub") == ["--subject"]
    assert "-q" in complete("key", "create", "-")


def test_bash_completes_values(complete, folder):
    assert complete("key", "list", "--state", "") == ["active", "suspended", "pending", "revoked", "expired"]
    assert complete("key", "list", "--state", "=", "re") == ["revoked"]
    assert complete("key", "list", "--state", "=") == complete("key", "list", "--state", "")
    assert complete("subject", "set", "alice", "--state", "b") == ["blocked"]
    assert complete("key", "create", "--verifier", "") == ["bcrypt", "sha256"]
    assert complete("--completion", "") == SHELLS
    assert complete("key", "create", "--name", "") == []
    assert complete("init", "--user", "roo") == ["root"]
    (folder / "a folder").mkdir()
    (folder / "a file").touch()
    for words in (["--store"], ["key", "list", "--store"], ["store", "backup"]):
        assert complete(*words, "a") == ["a folder"]
    assert sorted(complete("key", "import", "a f")) == ["a file", "a folder"]


def test_each_choice_is_accepted(complete, kw):
    """What is offered for --state is what the command takes."""
    for state in complete("key", "list", "--state", ""):
        assert kw("key", "list", "--state", state) == []
    for state in complete("subject", "set", "alice", "--state", ""):
        assert kw("subject", "set", "alice", "--state", state)["state"] == state
    for verifier in complete("key", "create", "--verifier", ""):
        assert kw("key", "create", "--name", "a", "--verifier", verifier)["key"]
    for shell in complete("--completion", ""):
        assert kw.run("--completion", shell).rc == 0


# --- zsh and fish ------------------------------------------------------------------------------------------------------


@pytest.fixture
def script(kw, folder):
    def make(shell):
        if shutil.which(shell) is None:
            pytest.skip(f"no {shell} here")
        path = folder / f"keyward.{shell}"
        path.write_text(kw.run("--completion", shell).stdout)
        return path

    return make


@pytest.mark.parametrize("shell", SHELLS)
def test_a_completion_is_well_formed(shell, script):
    done = subprocess.run([shell, "-n", script(shell)], text=True, capture_output=True)
    assert (done.returncode, done.stderr) == (0, "")


ZSH = """
compdef() { }
compadd() { shift; print -l -- "$@" }
_describe() { print -l -- ${(P)2} }
_files() { print files "$@" }
compset() { PREFIX=${PREFIX#*=} }
source $1; shift
words=("$@"); CURRENT=$#words; PREFIX=$words[CURRENT]; _keyward
"""


def test_zsh_completes(script):
    path = script("zsh")

    def offered(*words):
        done = subprocess.run(["zsh", "-f", "-c", ZSH, "zsh", path, "keyward", *words], text=True, capture_output=True)
        assert done.stderr == ""
        return [line.split(":")[0] for line in done.stdout.splitlines()]

    assert {"init", "key", "store"} <= set(offered(""))
    assert "rotate" in offered("--store", "key", "key", "")
    assert offered("key", "list", "--state", "") == offered("key", "list", "--state=")
    assert "revoked" in offered("key", "list", "--state", "")
    assert "--expires" in offered("key", "create", "--name", "list", "--")
    assert offered("--store", "") == ["files -/"]


def test_fish_completes(script):
    path = script("fish")

    def offered(line):
        command = ["fish", "--no-config", "-c", f"source {path}; complete -C '{line}'"]
        done = subprocess.run(command, text=True, capture_output=True, env={**os.environ, "HOME": str(path.parent)})
        assert done.stderr == ""
        return [found.split("\t")[0] for found in done.stdout.splitlines()]

    assert {"init", "key", "store"} <= set(offered("keyward "))
    assert "rotate" in offered("keyward key ")
    assert sorted(offered("keyward key list --state ")) == ["active", "expired", "pending", "revoked", "suspended"]
    assert "--expires" in offered("keyward key create --e")
    assert offered("keyward --store x key rev") == ["revoke"]
    assert sorted(offered("keyward --completion ")) == ["bash", "fish", "zsh"]
