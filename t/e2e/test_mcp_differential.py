"""What keyward makes of an MCP message against Python's own json: whatever a server that uses it would execute, taking the
first or the last of two members, with names as they are or folded as Go folds them, is judged as that call."""

import json
import os
import posixpath
import re
import subprocess
from urllib.parse import unquote

import pytest
from harness.thorough import THOROUGH, thorough

CASES = 1_000_000 if THOROUGH else 20_000
# In the order of the rules in t/fuzz/mcp_check.hpp.
PROTECTED = (
    ("tools/call", "deploy"),
    ("prompts/get", "secret"),
    ("resources/read", re.compile(r"(?i:file):///secret/.+")),
    ("tasks/get", "t1"),
)
NAME = {
    **dict.fromkeys(("tools/call", "prompts/get"), "name"),
    **dict.fromkeys(("resources/read", "resources/subscribe"), "uri"),
    **dict.fromkeys(("tasks/get", "tasks/cancel"), "taskId"),
}


def go_fold(name):
    return name.replace("\u017f", "s").replace("\u212a", "k").lower() if not name.isascii() else name.lower()


def hook(first, fold):
    def build(pairs):
        members = {}
        for name, value in pairs:
            name = fold(name)
            if not (first and name in members):
                members[name] = value
        return members

    return build


READERS = [(first, fold) for first in (False, True) for fold in (str, go_fold)]


def touched(message, fold):
    """The methods and names that a message leads to."""
    params = message.get("params", {})
    method = message["method"]
    if method in NAME:
        yield method, params.get(fold(NAME[method]))
    if method == "completion/complete":
        ref = params["ref"]
        yield "prompts/get", ref.get("name")
        yield "resources/read", ref.get("uri")
    if method == "subscriptions/listen":
        lists = params.get("notifications", {})
        yield from (("resources/read", uri) for uri in lists.get(fold("resourceSubscriptions"), ()))
        yield from (("tasks/get", task) for task in lists.get(fold("taskIds"), ()))


def is_protected(method, name, rule):
    protected, pattern = rule
    if method != protected or not isinstance(name, str):
        return False
    if isinstance(pattern, str):
        return name == pattern
    scheme, _, path = unquote(name).replace("\\", "/").partition("://")
    return pattern.fullmatch(f"{scheme}://{posixpath.normpath(path)}") is not None


@thorough(1200)
def test_is_judged_as_what_python_reads(build, tmp_path):
    program = build.folder / "unit_tests"
    if not program.exists():
        pytest.skip("the unit tests aren't built")
    out = tmp_path / "cases"
    environment = {**os.environ, "KEYWARD_MCP_CASES": str(CASES), "KEYWARD_MCP_OUT": str(out)}
    command = [program, "--gtest_brief=1", "--gtest_filter=McpDifferential.*"]
    done = subprocess.run(command, env=environment, text=True, capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr

    seen = dict.fromkeys(PROTECTED, 0)
    with out.open() as cases:
        for case in cases:
            flags, method, name, body = case.split()
            method, name = (bytes.fromhex(text.rstrip(".")).decode() for text in (method, name))
            body = bytes.fromhex(body)
            is_public, is_fine, *holds = (flag == "1" for flag in flags)
            for first, fold in READERS:
                message = json.loads(body, object_pairs_hook=hook(first, fold))
                if "method" not in message:
                    assert not method and not is_public, body
                    continue
                assert message["method"] == method, body
                for number, (led_to, what) in enumerate(touched(message, fold)):
                    assert number > 0 or led_to != method or what == name, body
                    for rule, hold in zip(PROTECTED, holds):
                        if is_protected(led_to, what, rule):
                            assert not is_public and (hold or not is_fine), body
                            seen[rule] += 1
    assert all(seen.values()), seen
