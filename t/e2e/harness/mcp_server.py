"""An MCP server of a few lines behind conf.d's configurations, and what their tests send to /mcp."""

import json

from .mcp import call, tool


def serve(backend, results=None):
    """The backend as an MCP server: each request's result is {"method": ...}, or what results has for its method."""

    def answer(request):
        if request.method != "POST":
            return 200, {"Content-Type": "text/plain"}, "described"
        asked = request.json()
        if "id" not in asked:
            return 202, {}, ""
        result = (results or {}).get(asked["method"], {"method": asked["method"]})
        text = result if isinstance(result, str) else json.dumps(result)
        text = f'{{"jsonrpc":"2.0","id":{json.dumps(asked["id"])},"result":{text}}}'
        return 200, {"Content-Type": "application/json"}, text

    backend.on("*", answer=answer)


def send(edge, method, params=None, headers=(), target="/mcp", **more):
    return call(edge, method, params, headers=dict(headers).items(), target=target, **more)


def use(edge, name, headers=(), target="/mcp", **more):
    """Calls a tool."""
    return tool(edge, name, headers=dict(headers).items(), target=target, **more)
