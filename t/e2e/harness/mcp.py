"""Messages of MCP, in both eras, and backends that execute what a lax parser would read in them."""

import gzip
import json
import unicodedata

LEGACY, MODERN = "2025-11-25", "2026-07-28"
ACCEPT = ("Accept", "application/json, text/event-stream")
JSON = ("Content-Type", "application/json")

NAMED_BY = {
    "tools/call": "name",
    "prompts/get": "name",
    "resources/read": "uri",
    "tasks/get": "taskId",
    "tasks/update": "taskId",
    "tasks/cancel": "taskId",
}


def message(method, params=None, id=1, version=None):
    """The text of a request (of a notification with id=None); version: it is of the modern era."""
    params = dict(params or {})
    if version:
        params["_meta"] = {"io.modelcontextprotocol/protocolVersion": version, **params.get("_meta", {})}
    body = {"jsonrpc": "2.0"}
    if id is not None:
        body["id"] = id
    body["method"] = method
    if params:
        body["params"] = params
    return json.dumps(body)


def fields(method, params=None, version=None):
    """The header fields of a client of that version; of the legacy era it sends none before its start."""
    out = [JSON, ACCEPT]
    if version:
        out.append(("MCP-Protocol-Version", version))
    if version and version >= MODERN:
        out.append(("Mcp-Method", method))
        if method in NAMED_BY:
            out.append(("Mcp-Name", (params or {})[NAMED_BY[method]]))
    return out


def call(e, method, params=None, id=1, headers=(), version=None, target="/"):
    """Sends one message as a client would: to an edge, or over an HTTP/2 connection."""
    modern = version if version and version >= MODERN else None
    return e.request("POST", target, [*fields(method, params, version), *headers], message(method, params, id, modern))


def tool(e, name, headers=(), version=None, id=1, target="/", **arguments):
    return call(e, "tools/call", {"name": name, "arguments": arguments}, id, headers, version, target)


# --- how some servers read a message ---------------------------------------------------------------------------------


def _fold(name):
    """As Go's encoding/json matches a struct's fields: simple case folding; and without NULs."""
    return "".join({"ſ": "s", "K": "k"}.get(c, c.lower()) for c in name if c != "\0")


def _first(pairs):
    out = {}
    for name, value in pairs:
        out.setdefault(name, value)
    return out


def _folded(pairs):
    return {_fold(name): value for name, value in pairs}


def _text(request):
    """The body as a server takes it that minds the charset and a byte order mark, and unpacks what is packed."""
    body = request.body
    if (request.header("Content-Encoding") or "").lower() == "gzip":
        body = gzip.decompress(body)
    for charset in ("utf-8-sig", "utf-16", "utf-7", "latin-1"):
        try:
            text = body.decode(charset)
        except UnicodeError:
            continue
        if "{" in text:
            return text
    return body.decode("latin-1")


PARSERS = {
    "the last member wins": dict,
    "the first member wins": _first,
    "names are folded": _folded,
}


def executed(text, pairs):
    """What a server with this way of reading objects executes: (method, name) each."""
    decoder = json.JSONDecoder(object_pairs_hook=pairs, strict=False)
    out, at = [], 0
    while at < len(text):
        while at < len(text) and text[at] in " \t\r\n\f\v\0,;":
            at += 1
        try:
            value, at = decoder.raw_decode(text, at)
        except ValueError:
            break
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, dict) and isinstance(one.get("method"), str):
                params = one.get("params")
                # Names of members apart, what is folded is what Unicode's own normal form makes of it.
                named = params if isinstance(params, dict) else {}
                name = next(
                    (named[k] for k in ("name", "uri", "taskid", "taskId") if isinstance(named.get(k), str)), ""
                )
                out.append((one["method"], unicodedata.normalize("NFC", name)))
    return out


class Executing:
    """An MCP backend that does what any parser reads in a body; `done` is all that was done so far."""

    def __init__(self, backend):
        self.done = set()
        backend.on("*", answer=self.answer)

    def answer(self, request):
        text = _text(request)
        for pairs in PARSERS.values():
            self.done.update(executed(text, pairs))
        lying = request.header("Mcp-Name")
        if lying and request.header("Mcp-Method"):
            self.done.add((request.header("Mcp-Method"), lying))
        return 200, {"Content-Type": "application/json"}, '{"jsonrpc":"2.0","id":1,"result":{}}'
