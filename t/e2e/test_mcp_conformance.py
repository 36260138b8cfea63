"""The protocol's own conformance suite (from npm), for each era's revision: against a server alone, and through keyward."""

import json
import re
import subprocess

import pytest
from harness.npm import Program, modules, node

pytestmark = pytest.mark.xdist_group("mcp_conformance")  # the servers alone are asked once

REVISIONS = {"legacy": "2025-11-25", "modern": "2026-07-28"}

# The suite has no credentials: the first server lends it one.
HTTP = """
server {
    listen 127.0.0.1:@PORT_SUITE@;
    proxy_set_header Authorization "Bearer @KEY@";
    proxy_set_header Host $http_host;
    proxy_http_version 1.1;
    proxy_buffering off;
    location / { proxy_pass http://127.0.0.1:@PORT@; }
}
server {
    listen 127.0.0.1:@PORT@;
    server_name 127.0.0.1 localhost;
    location = /mcp {
        keyward on;
        keyward_mcp on @OPTIONS@;
        @RULES@
        proxy_pass @MCP@;
        proxy_set_header Host $http_host;
        proxy_http_version 1.1;
        proxy_buffering off;
    }
}
"""
RULES = {
    "gate": ("", "keyward_limit 10000r/m; keyward_tool * limit=10000r/m;"),
    "filtered": ("lists=filter", "keyward_rpc * scope=all;"),
}


# What keyward refuses itself: methods with a URI, without one. That 2026-07-28 has no such method, it leaves to servers.
REFUSED = {
    "sep-2575-http-server-method-not-found-404-resources-subscribe",
    "sep-2575-http-server-method-not-found-404-resources-unsubscribe",
}


def results(build, url, revision, folder):
    """{scenario: [(check, status)]} of what the revision requires."""
    modules_folder = modules(build, "@modelcontextprotocol/conformance")
    suite = modules_folder / "node_modules/@modelcontextprotocol/conformance/dist/index.js"
    command = [node(modules_folder), suite, "server", "--url", url, "--requirements", revision, "-o", folder]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=110)
    found = {}
    for path in sorted(folder.glob("server-*/checks.json")):
        scenario = re.fullmatch(r"server-(.+?)-\d{4}-\d\d-\d\dT.*", path.parent.name)[1]
        found[scenario] = [(check["id"], check["status"]) for check in json.loads(path.read_text())]
    assert len(found) > 30, done.stdout + done.stderr
    return done, found


@pytest.fixture(scope="module", params=REVISIONS)
def alone(request, build, tmp_path_factory):
    """(era, URL, results) of the server alone, which conforms."""
    program = Program("mcp/server", modules(build, "@modelcontextprotocol/conformance"))
    url = f"http://127.0.0.1:{program('start', request.param)['port']}"
    done, found = results(build, f"{url}/mcp", REVISIONS[request.param], tmp_path_factory.mktemp("alone"))
    assert done.returncode == 0, done.stdout
    yield request.param, url, found
    program.close()


@pytest.mark.parametrize("rules", RULES)
def test_a_server_conforms_behind_keyward_as_it_does_alone(rules, alone, build, edge, store, tmp_path):
    era, url, expected = alone
    options, directives = RULES[rules]
    key = store.key(scope="all", verifier="sha256")["key"]
    e = edge(http=HTTP, KEY=key, MCP=url, OPTIONS=options, RULES=directives, workers=2)
    done, found = results(build, f"http://127.0.0.1:{e.value('PORT_SUITE')}/mcp", REVISIONS[era], tmp_path)
    for scenario, checks in expected.items():
        different = [one[0] for one, other in zip(checks, found[scenario]) if one != other]
        assert set(different) <= REFUSED, (scenario, found[scenario])
        assert len(found[scenario]) == len(checks)
    assert found.keys() == expected.keys()
    assert done.returncode == 0 or era == "modern", done.stdout
