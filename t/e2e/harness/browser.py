"""A real browser without a window: a page of a test's own asks other origins, and tells its own what it was let see."""

import json
import os
import shutil
import signal
import subprocess
import threading
import warnings

import pytest

NAMES = ("chromium-headless-shell", "chromium", "google-chrome")

# Sends each request in turn, and then to the page's own origin what a script sees of the answers.
PAGE = """<!doctype html><meta charset="utf-8"><script>
async function ask({ url, ...init }) {
  try {
    const response = await fetch(url, init);
    return { status: response.status, headers: Object.fromEntries(response.headers), body: await response.text() };
  } catch (error) {
    return { error: String(error) };
  }
}
(async () => {
  const seen = [];
  for (const request of @REQUESTS@) seen.push(await ask(request));
  await fetch('/seen', { method: 'POST', body: JSON.stringify(seen) });
})();
</script>"""


def find_browser():
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        missing = "there is no Chromium (on Debian: the package chromium-headless-shell)"
        warnings.warn(f"SKIPPED, as {missing}")
        pytest.skip(missing)
    return found


class Page:
    """Served by a Backend, whose origin is the page's."""

    def __init__(self, backend, profile):
        self._browser = find_browser()
        self._backend = backend
        self._profile = profile
        self.origin = backend.url

    def fetch(self, *requests, timeout=60):
        """What a script on the page sees of each: {status, headers, body}, or {error}. A request: {url, method, headers, body}."""
        done = threading.Event()
        seen = []

        def tell(request):
            seen.extend(json.loads(request.body))
            done.set()
            return 204, {}, ""

        page = PAGE.replace("@REQUESTS@", json.dumps(requests))
        self._backend.on("/page", 200, {"Content-Type": "text/html"}, page)
        self._backend.on("/seen", answer=tell)
        command = [self._browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        quiet = ["--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
        browser = subprocess.Popen(
            [*command, *quiet, f"--user-data-dir={self._profile}", "--remote-debugging-port=0", f"{self.origin}/page"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # its processes end together
        )
        try:
            assert done.wait(timeout), "the page told nothing"
        finally:
            os.killpg(browser.pid, signal.SIGKILL)
            browser.wait()
        return seen
