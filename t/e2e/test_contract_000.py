"""conf.d/plans.conf against what document 000 states (docs/contracts.md lists every statement). Only paths and ports are replaced."""

import hashlib
import os
import re
import time
from collections import Counter
from pathlib import Path

import pytest
from harness.build import PROJECT
from harness.drive import statuses, volley
from harness.mcp_server import send, serve, use
from harness.published import published

FORMAT = "snk_ base62=43 checksum"  # as the file has it: what mints keys is told the same

# The operations of each scope, as the file lays them out.
PATHS = {
    "mcp:read": "/v1/insights/latest",
    "mcp:write": "/v1/content/plan",
    "mcp:distribute": "/v1/schedule/post",
    "mcp:analytics": "/v1/analytics/refresh",
    "mcp:comments": "/v1/comments/list",
    "mcp:autopilot": "/v1/autopilot/configure",
}
PLANS = {"starter": 30, "pro": 60, "team": 120}


@pytest.fixture
def e(edge, store):
    return edge(http=published("plans.conf"), workers=2)


@pytest.fixture
def key(store, kw):
    """key("pro"): the header field of a new key whose subject has this plan."""
    numbers = iter(range(1000))

    def make(plan, subject=None, **options):
        subject = subject or f"{plan}{next(numbers)}"
        kw("subject", "set", subject, *(["--plan", plan] if plan else []))
        made = store.key(verifier="sha256", format=FORMAT, subject=subject, **options)
        make.last = made
        return {"X-API-Key": made["key"]}

    return make


def allowed(e, headers):
    """The scopes whose operations are allowed."""
    found = {scope for scope, path in PATHS.items() if e.get(path, headers).status == 200}
    assert {e.get(path, headers).status for path in PATHS.values()} <= {200, 403}
    return found


def test_contract_000_it_loads_without_a_warning(config_test, store):
    rc, output = config_test(http=published("plans.conf"))
    assert rc == 0 and "warn" not in output, output


def test_contract_000_01_an_api_key_is_all_that_a_request_needs(e, key, backend):
    headers = key("pro")
    assert e.get("/v1/insights/x", headers).status == 200
    assert e.get("/v1/insights/x", {"Authorization": f"Bearer {headers['X-API-Key']}"}).status == 200
    assert e.get("/v1/insights/x").status == 401
    assert backend.count() == 2


def test_contract_000_02_access_follows_the_plan_at_once_when_that_changes(e, key, kw):
    headers = key("starter", subject="acme")
    assert allowed(e, headers) == {"mcp:read", "mcp:analytics"}
    kw("subject", "set", "acme", "--plan", "pro")
    assert allowed(e, headers) == set(PATHS)
    kw("subject", "set", "acme", "--plan", "free")
    assert {e.get(path, headers).status for path in PATHS.values()} == {403}


def test_contract_000_09_a_key_that_was_made_elsewhere_is_pasted_and_works(e, key):
    # The command stands for the dashboard; the key is minted while nginx runs.
    assert e.get("/v1/insights/x", key("pro")).status == 200


def test_contract_000_11_scopes_decide_operations(e, key):
    headers = key("pro", scope=["mcp:read", "mcp:comments"])
    assert allowed(e, headers) == {"mcp:read", "mcp:comments"}
    response = e.get(PATHS["mcp:write"], headers)
    assert response.json()["code"] == "forbidden"
    assert "mcp:write" in response.header("WWW-Authenticate")


def test_contract_000_12_mcp_full_includes_all(e, key, backend):
    assert allowed(e, key("pro", scope="mcp:full")) == set(PATHS)
    assert e.get("/v1/anything/else", key("pro")).status == 200
    assert e.get("/v1/anything/else", key("pro", scope=["mcp:read"])).status == 403


@pytest.mark.parametrize("scope", PATHS)
def test_contract_000_13_each_scope_has_its_operations_and_no_others(scope, e, key):
    assert allowed(e, key("pro", scope=scope)) == {scope}


@pytest.mark.parametrize("plan", ["free", "trial"])
def test_contract_000_14_free_and_trial_have_no_access(plan, e, key, backend):
    for headers in (key(plan), key(plan, scope="*")):
        assert {e.get(path, headers).status for path in [*PATHS.values(), "/", "/v1/content/video"]} == {403}
    assert backend.count() == 0


@pytest.mark.parametrize(
    "plan, scopes", [("starter", {"mcp:read", "mcp:analytics"}), ("pro", set(PATHS)), ("team", set(PATHS))]
)
def test_contract_000_15_a_plans_scopes_are_all_that_its_keys_have(plan, scopes, e, key):
    assert allowed(e, key(plan)) == scopes
    assert allowed(e, key(plan, scope=["mcp:full"])) == scopes
    assert allowed(e, key(plan, scope=["*"])) == scopes


def test_contract_000_16_several_users_of_a_team_have_keys_side_by_side(e, key, kw, backend):
    users = {name: key("team", subject="acme", name=name) for name in ("ann", "bob", "eve")}
    ids = []
    for name, headers in users.items():
        assert e.get("/v1/content/x", headers).status == 200
        assert backend.last.header("X-Keyward-Subject") == "acme"
        ids.append(backend.last.header("X-Keyward-Key-Id"))
    assert len(set(ids)) == 3
    kw("key", "revoke", ids[2])
    assert [e.get("/v1/content/x", headers).status for headers in users.values()] == [200, 200, 401]


@pytest.mark.parametrize("plan, limit", PLANS.items())
def test_contract_000_17_so_many_requests_a_minute_for_each_key(plan, limit, e, key):
    one, other = key(plan, subject="acme"), key(plan, subject="acme")
    for headers in (one, other):
        responses = volley(e.port, 10, 20, target="/v1/insights/x", headers=headers)
        assert statuses(responses) == {200: limit, 429: 200 - limit}
    # All locations count together.
    assert e.get("/v1/analytics/x", one).status == 429


def test_contract_000_19_remaining_and_reset_come_with_every_answer(e, key):
    headers = key("starter")
    begin = int(time.time())
    for n, (path, status) in enumerate(
        [("/v1/insights/x", 200), ("/v1/analytics/x", 200), ("/v1/content/x", 403), ("/v1/insights/x", 200)]
    ):
        response = e.get(path, headers)
        assert response.status == status
        assert int(response.header("X-RateLimit-Remaining")) == [29, 28, 28, 27][n]
        assert begin < int(response.header("X-RateLimit-Reset")) <= time.time() + 61
        assert response.header("X-RateLimit-Limit") == "30"
    volley(e.port, 4, 10, target="/v1/insights/x", headers=headers)
    response = e.get("/v1/insights/x", headers)
    assert (response.status, response.header("X-RateLimit-Remaining")) == (429, "0")
    assert begin < int(response.header("X-RateLimit-Reset")) <= time.time() + 61


def test_contract_000_19_the_backends_own_fields_do_not_confuse(e, key, backend):
    backend.on("*", 200, {"X-RateLimit-Remaining": "1000000"})
    assert e.get("/v1/insights/x", key("starter")).header("X-RateLimit-Remaining") == "29"


def test_contract_000_20_beyond_the_limit_is_429(e, key, backend):
    headers = key("starter")
    volley(e.port, 3, 10, target="/v1/insights/x", headers=headers)
    response = e.get("/v1/insights/x", headers)
    assert response.status == 429
    assert response.json()["code"] == "rate_limited"
    assert backend.count() == 30


def test_contract_000_21_reset_says_when_to_retry(e, key):
    """That a window ends then is shown in test_limits.py, where it is a second long; here, that all three say the same."""
    headers = key("starter")
    volley(e.port, 3, 10, target="/v1/insights/x", headers=headers)
    response = e.get("/v1/insights/x", headers)
    now = time.time()
    assert response.status == 429
    assert abs(int(response.header("X-RateLimit-Reset")) - now - int(response.header("Retry-After"))) <= 1.5
    assert 50 <= int(response.header("Retry-After")) <= 60


def test_contract_000_22_twenty_a_minute_for_each_generation_tool_besides(e, key):
    headers = key("team")
    for tool in ("video", "image"):
        answers = volley(e.port, 5, 10, target=f"/v1/content/{tool}", headers=headers)
        assert statuses(answers) == {200: 20, 429: 30}
    # These forty counted in the plan's 120, too; what was refused didn't.
    answers = volley(e.port, 10, 10, target="/v1/content/plan", headers=headers)
    assert statuses(answers) == {200: 80, 429: 20}


def test_contract_000_22_the_plans_limit_holds_for_generation_tools(e, key):
    headers = key("pro")
    assert statuses(volley(e.port, 5, 10, target="/v1/insights/x", headers=headers)) == {200: 50}
    assert statuses(volley(e.port, 2, 10, target="/v1/content/video", headers=headers)) == {200: 10, 429: 10}


# The same operations as tools of MCP.
TOOLS = {
    "mcp:read": ["get_insights", "list_content_plans"],
    "mcp:write": ["generate_video", "generate_image", "generate_voiceover", "create_storyboard", "save_brand_profile"],
    "mcp:distribute": ["schedule_post", "publish_content_plan"],
    "mcp:analytics": ["refresh_analytics", "analyze_youtube"],
    "mcp:comments": ["comments_reply", "comments_delete"],
    "mcp:autopilot": ["autopilot_configure"],
}


def callable_scopes(e, headers):
    """The scopes all of whose tools can be called; each other one can't."""
    found = set()
    for scope, names in TOOLS.items():
        answers = {use(e, name, headers).status for name in names}
        assert answers in ({200}, {403}), scope
        found |= {scope} if answers == {200} else set()
    return found


def refusal(response):
    """What a model reads of a tool's result that is a refusal; None: it is none."""
    assert response.status == 200
    result = response.json()["result"]
    return result["content"][0]["text"] if result.get("isError") else None


def test_contract_000_12_mcp_full_includes_all_tools(e, key, backend):
    serve(backend)
    assert callable_scopes(e, key("team", scope="mcp:full")) == set(TOOLS)
    assert callable_scopes(e, key("team")) == set(TOOLS)
    # What nobody has named is nobody's to call.
    assert use(e, "delete_workspace", key("team")).status == 403


@pytest.mark.parametrize("scope", TOOLS)
def test_contract_000_13_each_scope_has_its_tools_and_no_others(scope, e, key, backend):
    serve(backend)
    headers = key("pro", scope=scope)
    assert callable_scopes(e, headers) == {scope}
    lacking = use(e, TOOLS["mcp:autopilot" if scope == "mcp:read" else "mcp:read"][0], headers)
    assert lacking.json()["error"]["code"] == 403
    assert 'error="insufficient_scope"' in lacking.header("WWW-Authenticate")


@pytest.mark.parametrize("plan, scopes", [("free", None), ("trial", None), ("starter", {"mcp:read", "mcp:analytics"})])
def test_contract_000_15_a_plans_scopes_are_all_that_its_tools_have(plan, scopes, e, key, backend):
    serve(backend)
    headers = key(plan)
    assert callable_scopes(e, headers) == (scopes or set())
    assert send(e, "tools/list", headers=headers).status == (200 if scopes else 403)


def test_contract_000_19_remaining_and_reset_come_with_every_answer_of_a_tool(e, key, backend):
    serve(backend)
    headers = key("starter")
    # The tightest is told: of the plan's thirty and the ten for one and the same call.
    for n, (name, left) in enumerate(
        [("get_insights", 9), ("get_insights", 8), ("generate_video", 10), ("list_plans", 9)]
    ):
        response = use(e, name, headers)
        assert (response.status, int(response.header("X-RateLimit-Remaining"))) == (403 if n == 2 else 200, left)
        assert time.time() < int(response.header("X-RateLimit-Reset")) <= time.time() + 61


def test_contract_000_22_twenty_a_minute_for_each_generation_tool_of_mcp_besides(e, key, backend):
    serve(backend)
    headers = key("team")
    for name in ("generate_video", "generate_image"):
        texts = [refusal(use(e, name, headers, prompt=f"{n}")) for n in range(25)]
        assert texts[:20] == [None] * 20
        assert all("rate limit exceeded" in text and name in text for text in texts[20:])
    # These forty counted in the plan's 120, too; what was refused didn't.
    texts = [refusal(use(e, "get_insights", headers, page=n)) for n in range(90)]
    assert texts[:80] == [None] * 80 and None not in texts[80:]


def test_contract_000_25_an_agent_that_runs_away_is_stopped(e, key, backend):
    """The same call again and again; other calls, and other agents, go on."""
    serve(backend)
    headers = key("team")
    texts = [refusal(use(e, "get_insights", headers, id=n, page=1)) for n in range(12)]
    assert texts[:10] == [None] * 10
    assert all("again and again" in text for text in texts[10:])
    e.wait_log("keyward refused: repeated_request")
    assert refusal(use(e, "get_insights", headers, page=2)) is None
    assert refusal(use(e, "get_insights", key("team"), page=1)) is None


def test_contract_000_23_only_the_sha256_of_keys_is_stored(e, key, store):
    headers = key("pro")
    text = headers["X-API-Key"].encode()
    assert e.get("/v1/insights/x", headers).status == 200
    e.stop()
    kept = b"".join(path.read_bytes() for path in Path(store.path).rglob("*") if path.is_file())
    secret = text[len("snk_") :]
    assert text not in kept and secret[9:-5] not in kept
    assert hashlib.sha256(text).digest() in kept
    logs = b"".join(path.read_bytes() for path in e.prefix.rglob("*.log"))
    assert secret[9:-5] not in logs


def test_contract_000_26_a_backend_can_tell_who_came_through_the_gateway(e, key, backend):
    headers = key("pro", subject="acme")
    spoofed = {
        "X-Keyward-Subject": "admin",
        "X-Keyward-Plan": "team",
        "X-Keyward-Scopes": "*",
        "x-keyward-key-id": "key_x",
    }
    assert e.get("/v1/insights/x", {**headers, **spoofed}).status == 200
    got = {name: backend.last.header(f"X-Keyward-{name}") for name in ("Subject", "Plan", "Scopes", "Key-Id", "Kind")}
    assert got == {"Subject": "acme", "Plan": "pro", "Scopes": "mcp:full", "Key-Id": key.last["id"], "Kind": "key"}
    assert backend.last.header("X-API-Key") is None
    # Nothing gets to the backend but what was admitted.
    count = backend.count()
    for target in (
        *PATHS.values(),
        "/",
        "/v1/content/video",
        "/v1//insights/x",
        "/v1/insights/../content/x",
        "/%76%31/insights/x",
    ):
        assert e.get(target, spoofed).status == 401
    assert backend.count() == count


def sockets(pid):
    found = set()
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            link = os.readlink(f"/proc/{pid}/fd/{name}")
        except FileNotFoundError:
            continue
        if match := re.fullmatch(r"socket:\[(\d+)\]", link):
            found.add(match[1])
    return found


def peers(pid):
    """The (local port, remote port) of this process's TCP and UDP sockets."""
    own, found = sockets(pid), []
    for kind in ("tcp", "tcp6", "udp", "udp6"):
        for line in Path(f"/proc/{pid}/net/{kind}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[9] in own:
                found.append((int(fields[1].split(":")[1], 16), int(fields[2].split(":")[1], 16)))
    return found


def test_contract_000_28_no_telemetry_leaves_the_machine(e, key, backend):
    """keyward opens no connection of its own: a worker's sockets are its listeners, its clients and the backend."""
    headers = key("pro")
    seen = Counter()
    for _ in range(3):
        assert e.get("/v1/insights/x", headers).status == 200
        for worker in e.workers():
            seen.update((e.port == local, backend.port == remote, remote == 0) for local, remote in peers(worker))
    assert seen
    assert all(local or remote or listening for local, remote, listening in seen), seen


def test_the_list_of_contracts_names_every_test_and_statement():
    page = (PROJECT / "docs/contracts.md").read_text()
    for document, count in (("000", 28), ("001", 22), ("002", 18), ("003", 24)):
        files = (PROJECT / f"t/e2e/test_contract_{name}.py" for name in (document, "keys"))
        source = "".join(file.read_text() for file in files)
        tests = set(re.findall(rf"def (test_contract_{document}_\d\d_\w+)\(", source))
        assert tests == set(re.findall(rf"test_contract_{document}_\w+", page))
        section = page.split(f"## {document}:")[1].split("\n## ")[0]
        assert [int(n) for n in re.findall(r"^\| (\d+) \|", section, re.M)] == list(range(1, count + 1))


def test_contract_000_27_credits_are_enforced_at_the_gateway(e, key, kw, backend):
    headers = key("pro", subject="artist")
    kw("subject", "set", "artist", "--credits", "25")
    answers = [e.request("POST", "/v1/content/video", headers) for _ in range(4)]
    assert [answer.status for answer in answers] == [200, 200, 402, 402]
    assert [answer.header("X-Credits-Remaining") for answer in answers] == ["15", "5", "5", "5"]
    assert backend.count() == 2
    assert e.request("POST", "/v1/content/image", headers).header("X-Credits-Remaining") == "3"
    assert e.get("/v1/insights/latest", headers).status == 200
    backend.on("/v1/content/image", 503)
    assert e.request("POST", "/v1/content/image", headers).status == 503
    backend.on("/v1/content/image", 200)
    assert e.request("POST", "/v1/content/image", headers).header("X-Credits-Remaining") == "1"
