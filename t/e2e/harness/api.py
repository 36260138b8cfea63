"""A client of the keys API: Api(edge, credential)("POST", "/", {...})."""

import json

from .tokens import bearer


class Api:
    """headers: those that present the caller. place: where keyward_api is."""

    def __init__(self, edge, headers, place="/keys"):
        self.edge = edge
        self.headers = headers
        self.place = place

    def __call__(self, method, path="/", body=None, ok=None, **headers):
        """ok: the status that it has to be. Keywords are further fields: If_Match=..."""
        fields = {**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        sent = None
        if body is not None:
            fields.setdefault("Content-Type", "application/json")
            sent = body if isinstance(body, (str, bytes)) else json.dumps(body)
        answer = self.edge.request(method, self.place + path, fields, sent)
        if ok is not None:
            assert answer.status == ok, (method, path, answer.status, answer.body)
        return answer

    def make(self, name="a key", **members):
        return self("POST", "/", {"name": name, **members}, ok=201).json()

    def status(self, *arguments, **more):
        return self(*arguments, **more).status


def as_key(key):
    """The header fields of a key that was made."""
    return {"X-API-Key": key["key"]}


def problem(answer):
    """(status, reason) of a refusal in problem details."""
    document = answer.json()
    assert answer.header("Content-Type") == "application/problem+json" and document["status"] == answer.status
    assert answer.header("Cache-Control") == "no-store"
    return answer.status, document["type"].rsplit(":", 1)[1]


__all__ = ["Api", "as_key", "bearer", "problem"]
