"""docs/migrate: of each page the export, the commands and the nginx.conf, as they stand there. A key that the old system
made is admitted, another one isn't."""

import re
import shlex
import subprocess

import pytest
from harness.build import PROJECT
from harness.wait import until

PAGES = sorted(path for path in (PROJECT / "docs/migrate").glob("*.md") if path.name != "README.md")
BLOCK = re.compile(r"^```(\w+)(?: ([^\n`]*))?\n(.*?)^```$", re.M | re.S)


class Page:
    def __init__(self, path):
        blocks = BLOCK.findall(path.read_text())
        self.files = {name: text for kind, name, text in blocks if kind in ("json", "csv")}
        self.configuration = next(text for kind, context, text in blocks if (kind, context) == ("nginx", "http"))
        lines = [line for kind, _, text in blocks if kind in ("sh", "console") for line in text.splitlines()]
        self.commands = [shlex.split(line) for line in lines if line.startswith("keyward ")]
        self.requests = [request_of(shlex.split(line)) for line in lines if line.startswith("curl -i ")]


def request_of(words):
    """curl's words: (target, header fields)."""
    target = re.fullmatch(r"http://127\.0\.0\.1:8080(/.*)", words[-1])[1]
    fields = [words[n + 1].split(": ", 1) for n, word in enumerate(words) if word == "-H"]
    assert len(words) == 3 + 2 * len(fields), words
    return target, [tuple(field) for field in fields]


def other(text):
    """The same with another key: one character before its end is another one, of the same kind."""
    return text[:-2] + ("1" if text[-2] != "1" else "2") + text[-1]


def wrong(target, fields):
    return (target, [(name, other(value)) for name, value in fields]) if fields else (other(target), [])


def as_run(text):
    for old, new in {
        "/var/lib/keyward;": "@STORE@;",
        "http://127.0.0.1:9000": "@BACKEND@",
        "127.0.0.1:8081": "127.0.0.1:@PORT_HOP@",
        "listen 127.0.0.1:8080;": "listen 127.0.0.1:@PORT@;",
    }.items():
        text = text.replace(old, new)
    return text


def imported(page, build, store, folder):
    """Runs the page's commands where its export lies; how many keys came."""
    for name, text in page.files.items():
        (folder / name).write_text(text)
    counts = []
    for command in page.commands:
        run = subprocess.run(
            [build.command, *command[1:]],
            cwd=folder,
            env=build.environment(KEYWARD_STORE=store.path),
            capture_output=True,
            text=True,
            timeout=60 * build.patience,
        )
        assert run.returncode == 0 and "warning" not in run.stderr, (command, run)
        counts.append(re.match(r"(\d+) keys? (would be imported|imported)\n", run.stdout).groups())
    return counts


@pytest.fixture(params=PAGES, ids=lambda path: path.stem)
def page(request):
    return Page(request.param)


def test_a_page_is_complete():
    assert len(PAGES) >= 8
    index = (PROJECT / "docs/migrate/README.md").read_text()
    for path in PAGES:
        text = path.read_text()
        headings = re.findall(r"^## (.*)$", text, re.M)
        needed = ["The export", "The import", "nginx, in shadow", "The switch", "The way back"]
        assert [heading for heading in headings if heading in needed] == needed, path.name
        assert f"]({path.name})" in index
        read = Page(path)
        assert read.files and read.commands and len(read.requests) >= 2, path.name


def test_its_keys_are_admitted_and_others_are_not(page, build, store, kw, edge, backend, folder):
    dry, done = imported(page, build, store, folder)[:2]
    assert dry[1] == "would be imported" and done == (dry[0], "imported")
    assert len(kw("key", "list")) == int(done[0]) >= len(page.requests)

    # In shadow: nobody is refused, the credential is passed on, and the log tells them apart.
    shadow = edge(http=as_run(page.configuration), workers=2)
    for target, fields in page.requests:
        assert shadow.request("GET", target, dict(fields)).status == 200
    assert "would have refused" not in shadow.log
    for target, fields in page.requests:
        assert shadow.request("GET", *with_fields(wrong(target, fields))).status == 200
    until(
        lambda: shadow.log.count("would have refused (shadow): invalid_key") == len(page.requests),
        10,
        "what would have been refused",
    )
    shadow.stop()

    # The switch, as the page says it.
    assert page.configuration.count("keyward shadow until=2027-03-31;") == 1
    switched = page.configuration.replace("keyward shadow until=2027-03-31;", "keyward on;")
    e = edge(http=as_run(switched), workers=2)
    subjects = {key["id"]: key["subject"] for key in kw("key", "list")}
    seen = set()
    for _ in range(2):
        for target, fields in page.requests:
            count = backend.count()
            assert e.request("GET", target, dict(fields)).status == 200
            assert backend.count() == count + 1
            id = backend.last.header("X-Keyward-Key-Id")
            assert backend.last.header("X-Keyward-Subject") == subjects[id]
            seen.add(id)
            response = e.request("GET", *with_fields(wrong(target, fields)))
            assert (response.status, backend.count()) == (401, count + 1)
    assert len(seen) == len(page.requests)
    assert e.get("/").status == 401

    # The way back.
    e.stop()
    off = edge(http=as_run(switched.replace("keyward on;", "keyward off;")))
    for target, fields in page.requests:
        assert off.request("GET", *with_fields(wrong(target, fields))).status == 200


def with_fields(request):
    target, fields = request
    return target, dict(fields)


@pytest.mark.parametrize("name", ["bcrypt", "django-api-key"])
def test_a_second_use_runs_no_slow_hash(name, build, store, kw, edge, folder):
    """Keys that were found by something else are filed under their SHA-256 at first use."""
    page = Page(PROJECT / f"docs/migrate/{name}.md")
    imported(page, build, store, folder)
    assert '"locator"' not in kw("key", "export", json=False)
    e = edge(http=as_run(page.configuration))
    for target, fields in page.requests:
        e.request("GET", target, dict(fields))
    until(lambda: kw("key", "export", json=False).count('"locator":"') == 2, 20, "both keys to be filed")


def test_sanctum_takes_the_token_alone(build, store, edge, backend, folder):
    """What the page says of ids: another one is as good, and a token that begins otherwise isn't cut."""
    page = Page(PROJECT / "docs/migrate/sanctum.md")
    imported(page, build, store, folder)
    e = edge(http=as_run(page.configuration.replace("keyward shadow until=2027-03-31;", "keyward on;")))
    plain = page.requests[0][1][0][1].split("|")[1]
    for text, status in {
        f"Bearer {plain}": 200,
        f"Bearer 99|{plain}": 200,
        f"bearer  12|{plain}": 200,
        f"Bearer x|{plain}": 401,
        f"Bearer 12|13|{plain}": 401,
        f"Bearer 12|{plain}x": 401,
        f"Bearer {plain[:-1]}": 401,
        f"Basic 12|{plain}": 401,
    }.items():
        assert e.get("/", {"Authorization": text}).status == status, text
    assert e.get("/", {"Authorization": f"Bearer 12|{plain}", "X-Keyward-Subject": "root"}).status == 200
    assert backend.last.header("X-Keyward-Subject") == "user:7"
