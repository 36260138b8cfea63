"""Messages of MCP: a guarded location against the same POST with keyward off, the body read by nginx in both, as it is proxied."""

import contextlib
import json

from harness.mcp import message
from lab import CLIENT_CPU, QUIET, SERVER_CPU, Site, Target, compare, find_build, pin, start_edge
from report import Bar, Row, Section
from rivals import NJS_MCP, NJS_MCP_LOCATION
from speed import UPSTREAM, Missing, find_modules

RULES = """
    keyward on; keyward_mcp on lists=filter; keyward_tool search scope=docs:read limit=100000000r/h;
    keyward_tool admin_* scope=docs:admin; keyward_rpc tools/list;
"""
LOCATIONS = f"""
    client_body_buffer_size 64k;
    location = /bare {{ keyward off; {UPSTREAM} }}
    location = /guarded {{ {RULES} {UPSTREAM} }}
    location = /bare_list {{ keyward off; {UPSTREAM.replace("upstream/", "upstream/list")} }}
    location = /list {{ {RULES} {UPSTREAM.replace("upstream/", "upstream/list")} }}
"""
TOOLS = [
    {
        "name": f"{'admin_' if n % 2 else 'tool_'}{n}",
        "description": "What it does. " * 8,
        "inputSchema": {"type": "object"},
    }
    for n in range(100)
]
LIST = json.dumps({"jsonrpc": "2.0", "id": 1, "result": {"tools": TOOLS}})


def call_of(size):
    """A tools/call of so many bytes."""
    text = message("tools/call", {"name": "search", "arguments": {"query": ""}})
    return text.replace('"query": ""', '"query": "' + "x" * (size - len(text)) + '"')


# Name, its location, the one it is compared with, the message, the least of bare throughput that is wanted.
CASES = [
    ("call300", "guarded", "bare", call_of(300), 0.90, "tools/call of 300 bytes: key, a rule with scope and limit"),
    ("call4k", "guarded", "bare", call_of(4096), None, "the same of 4 KiB"),
    ("call60k", "guarded", "bare", call_of(61440), None, "the same of 60 KiB"),
    ("list", "list", "bare_list", message("tools/list"), None, "tools/list: 50 of 100 tools taken out"),
    ("njs300", "njs", "njs_bare", call_of(300), None, "njs: JSON.parse, a key in an object, a scope, no limit"),
]


def answer_with(text):
    """As nginx may have it, whose words are shorter than 4 KiB."""
    parts = [text[at : at + 3000] for at in range(0, len(text), 3000)]
    return " ".join(f"set $part{n} '{part}';" for n, part in enumerate(parts)) + " return 200 {};".format(
        "".join(f"$part{n}" for n in range(len(parts)))
    )


def post_script(path, body):
    """For wrk."""
    path.write_text(
        f'wrk.method = "POST"\nwrk.body = [==[{body}]==]\n'
        'wrk.headers["Content-Type"] = "application/json"\nwrk.headers["Accept"] = "application/json, text/event-stream"\n'
    )
    return path


def measure_case(case, rounds, seconds, tell):
    name, place, base, body, least, text = case
    with contextlib.ExitStack() as stack:
        build = find_build()
        site, backend = (stack.enter_context(Site(build)) for _ in range(2))
        far = backend.start(
            http=QUIET,
            server=f"""
            location / {{ default_type application/json; return 200 '{{"jsonrpc":"2.0","id":1,"result":{{}}}}'; }}
            location = /list {{ default_type application/json; {answer_with(LIST)} }}
            """,
            store=False,
            log_level="error",
        )
        pin(far.workers()[0], CLIENT_CPU)
        key = site.store.key(scope=["docs:read"], verifier="bcrypt:10")["key"]
        pieces = {}
        if place == "njs":
            try:
                modules = find_modules("ngx_http_js_module.so")
            except Missing as missing:
                tell(f"{name:14} {missing}")
                return Row(name, text, missing=str(missing))
            script = site.folder / "gate.js"
            script.write_text(NJS_MCP.replace("@KEY@", key))
            pieces = {
                "main": "".join(f"load_module {path};\n" for path in modules),
                "http": f"js_import gate from {script};\n",
                "store": False,
            }
        upstream = (
            f"upstream upstream {{ server 127.0.0.1:{far.port}; keepalive 32; keepalive_requests 1000000000; }}\n"
        )
        server = NJS_MCP_LOCATION if place == "njs" else LOCATIONS
        pieces["http"] = upstream + pieces.get("http", "")
        edge = start_edge(site, server=server, UPSTREAM=UPSTREAM, **pieces)
        pin(edge.workers()[0], SERVER_CPU)
        script = post_script(site.folder / "post.lua", body)
        headers = {"Authorization": f"Bearer {key}"}
        target, bare = (
            Target(edge.url(f"/{path}"), tuple(edge.workers()), headers, script=script) for path in (place, base)
        )
        target.warm()
        result = compare(target, bare, rounds, seconds)
    tell(f"{name:14} {result.line()}  {text}")
    cells = (
        result.ratio.text() + ("" if result.saturated else " *"),
        result.cpu_added_us.text("+.2f"),
        f"{result.base_cpu_us:.2f}",
        f"{result.p99_ms:.2f} / {result.base_p99_ms:.2f}",
    )
    met = None if least is None else result.ratio.median >= least
    goal = "" if least is None else f"{least} of bare"
    return Row(name, text, cells, goal, met, result.as_dict(), Bar(result.ratio, least))


def measure(options, tell=print):
    rounds, seconds = (1, 1) if options.quick else (21, 1)
    section = Section(
        "mcp",
        "Messages of MCP: a guarded location against the same with keyward off",
        ("of bare throughput", "µs of CPU added", "µs of CPU, bare", "p99 ms / bare"),
        note=f"Medians over {rounds} rounds of {seconds} s, with the least and the greatest. Both are proxied over keep-alive connections to a second "
        "nginx, so that nginx reads the body in both. * as above.",
    )
    for case in CASES:
        if not options.cases or case[0] in options.cases:
            section.attempt(case[0], case[-1], lambda: [measure_case(case, rounds, seconds, tell)])
    return section
