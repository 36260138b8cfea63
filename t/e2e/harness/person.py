"""Whoever logs in at an authorization server, and consents."""

import re
import urllib.parse
from http.cookies import SimpleCookie

from .client import Connection


class Person:
    """Follows the server's redirects with cookies, and sends its forms."""

    def __init__(self, name="alice"):
        self._name = name
        self._cookies = {}

    def approve(self, url):
        """From where a client sends its user to what comes back to the client: the parameters of its redirect."""
        for _ in range(12):
            response = self._get(url)
            if response.status == 200:
                response = self._get(url, self._form(response.text))
            assert response.status in (302, 303), f"{url}: {response.status} {response.text}"
            url = urllib.parse.urljoin(url, response.header("Location"))
            parts = urllib.parse.urlsplit(url)
            if parts.path == "/callback":
                return dict(urllib.parse.parse_qsl(parts.query))
        raise AssertionError(f"a loop of redirects at {url}")

    def _form(self, page):
        """What a person fills in: the login asks for a name, the consent for nothing."""
        prompt = re.search(r'name="prompt" value="(\w+)"', page)[1]
        return {"prompt": prompt, **({"login": self._name, "password": "any"} if prompt == "login" else {})}

    def _get(self, url, form=None):
        parts = urllib.parse.urlsplit(url)
        target = urllib.parse.urlunsplit(("", "", parts.path, parts.query, ""))
        headers = {
            "Host": parts.netloc,
            "Cookie": "; ".join(f"{name}={value}" for name, value in self._cookies.items()),
        }
        body = None
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            body = urllib.parse.urlencode(form)
        with Connection(parts.port) as connection:
            response = connection.request("POST" if form else "GET", target, headers, body)
        for field in response.all("Set-Cookie"):
            for name, morsel in SimpleCookie(field).items():
                self._cookies[name] = morsel.value
        return response
