"""What the documents say is there: directives, variables, reasons, configurations, commands, links."""

import re
import shlex
import subprocess
from collections import namedtuple

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from harness.build import PROJECT
from harness.tokens import Signer, jwks

# docs/cli.md and docs that come later are read too.
PAGES = sorted(path for path in [PROJECT / "README.md", *(PROJECT / "docs").rglob("*.md")])
FENCE = re.compile(r"^(?P<indent> *)```(?P<info>[^\n`]*)\n(?P<text>.*?)^(?P=indent)```$", re.M | re.S)

Block = namedtuple("Block", "page line info text")


def read(path):
    return (PROJECT / path).read_text()


def blocks(language):
    """The fenced blocks whose info string begins with this language."""
    for page in PAGES:
        text = page.read_text()
        for match in FENCE.finditer(text):
            info = tuple(match["info"].split())
            if info[:1] == (language,):
                line = text.count("\n", 0, match.start()) + 1
                inside = re.sub(f"^{match['indent']}", "", match["text"], flags=re.M)
                yield Block(page.relative_to(PROJECT), line, info[1:], inside)


def name_of(value):
    return f"{value.page}:{value.line}" if isinstance(value, Block) else str(value)


def section(text, heading):
    """What stands under this heading, up to the next one of its level or above."""
    level = heading.split(" ", 1)[0]
    found = re.search(rf"^{re.escape(heading)}\n(.*?)(?=^#{{1,{len(level)}}} |\Z)", text, re.M | re.S)
    assert found, f"docs/directives.md has no section {heading!r}"
    return found[1]


# --- the reference ------------------------------------------------------------------------------------------------

DIRECTIVES = re.findall(r'(?:ngx_string\(|KEYWARD_\w+\()"(keyward\w*)"', read("src/ngx/configuration/directives.cpp"))
LOCATION_DIRECTIVES = re.findall(r'KEYWARD_LOCATION\("(keyward\w*)"', read("src/ngx/configuration/directives.cpp"))
REFERENCE = read("docs/directives.md")


def test_the_source_was_understood():
    assert len(DIRECTIVES) == len(set(DIRECTIVES)) > 15
    assert {"keyward", "keyward_identity", "keyward_store"} <= set(DIRECTIVES)


def test_each_directive_has_its_section_and_each_section_its_directive():
    assert re.findall(r"^### (keyward\w*)$", REFERENCE, re.M) == DIRECTIVES


@pytest.mark.parametrize("name", DIRECTIVES)
def test_a_section_has_all_its_parts(name):
    text = section(REFERENCE, f"### {name}")
    assert re.search(rf"^Syntax: \*\*{name}\*\* .*;\\$", text, re.M)
    assert re.search(r"^Default: .*\\$", text, re.M)
    context = re.search(r"^Context: (.*)$", text, re.M)[1]
    assert (context == "http, server, location, if in location, limit_except") == (name in LOCATION_DIRECTIVES)
    assert ("Inheritance: " in text) == (context != "http")
    examples = [block for block in FENCE.finditer(text) if block["info"].startswith("nginx")]
    assert any(re.search(rf"\b{name}\b(?!_)", block["text"]) for block in examples)
    assert f"[{name}](#{name})" in REFERENCE.split("\n## In every location")[0], "it is missing in the contents"


def test_each_variable_is_there():
    defined = re.findall(r'\{"(keyward_\w+)", Variable::', read("src/ngx/answer/variables.cpp"))
    assert len(defined) > 5
    listed = re.findall(r"^\| `\$(keyward_\w+)` \|", section(REFERENCE, "## Embedded variables"), re.M)
    assert listed == defined


def reasons_in_the_source():
    text = read("src/auth/reason.cpp")
    constants = dict(re.findall(r'string_view (k\w+) = "([^"]*)";', text))
    text_of = r'("[^"]*"|k\w+),\s*'
    row = rf'\{{Reason::\w+,\s*\{{"(\w+)",\s*(\d+),\s*{text_of}{text_of}(?:"[^"]*"|k\w+),\s*(-?\d+),\s*(\d+),'
    return [
        (name, status, *(constants.get(word, word.strip('"')) for word in (code, message)), *numbers)
        for name, status, code, message, *numbers in re.findall(row, text)
    ]


def test_the_table_of_answers_is_that_of_the_source():
    row = r"^\| (\w+)(?: \*)? \| (\d+) \| (\w+) \| (.*?) \| (-?\d+) \| (\d+) \|$"
    listed = re.findall(row, section(REFERENCE, "## Answers"), re.M)
    assert len(listed) > 20
    assert listed == reasons_in_the_source()


def test_only_names_that_exist_are_mentioned():
    """A directive or variable in any document, or in conf.d, is one of ours."""
    known = set(DIRECTIVES) | set(re.findall(r'"(keyward_\w+)", Variable::', read("src/ngx/answer/variables.cpp")))
    for page in [*PAGES, *(PROJECT / "conf.d").glob("*.conf")]:
        text = re.sub(r"ngx_http_keyward\w*", "", page.read_text())
        unknown = {
            name for name in re.findall(r"\bkeyward_[a-z_]*[a-z]\b", text) if not name.startswith("keyward_claim_")
        } - known
        assert not unknown, f"{page.name}: {unknown}"


# --- configurations -------------------------------------------------------------------------------------------------


def configuration(block):
    """The pieces of a configuration (see the edge fixture) that has this block in its context: ```nginx server."""
    text = (
        block.text.replace("/var/lib/keyward", "@STORE@")
        .replace("/var/cache/nginx", "@CACHE@")
        .replace("/var/cache/keyward", "@CACHE@")
    )
    # Key files are there, with a key of ours.
    text = re.sub(r"(?:/etc/nginx/)?([\w-]+\.(?:pem|json|secret));", lambda match: f"@KEYS@/{match[1]};", text)
    text = re.sub(r"\blisten +(127\.0\.0\.1:)?\d+;", lambda _: "listen 127.0.0.1:@PORT@;", text)
    context = block.info[0] if block.info else None
    if context == "main":
        # The module is loaded already.
        return {"main": text.replace("load_module modules/ngx_http_keyward_module.so;", ""), "http": ""}
    if context == "http":
        return {"http": text}
    if context == "server":
        return {"server": text}
    if context == "location":
        return {"server": f"location / {{\n{text}\n}}"}
    raise AssertionError(f"{name_of(block)}: its context is missing: ```nginx main, http, server or location")


@pytest.fixture
def keys(issuers):
    """A folder with a file for each kind of name that the examples have."""
    for name in ("accounts", "auth", "oauth"):
        issuers.write(f"{name}.pem", Signer().pem)
        issuers.write(f"{name}.json", jwks(Signer(kid="1")))
    key = ed25519.Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    issuers.write("identity.pem", key, 0o600)
    issuers.write("internal.secret", b"0" * 64, 0o640)
    issuers.write("session.secret", b"1" * 64, 0o640)
    return issuers.folder


@pytest.mark.parametrize("block", blocks("nginx"), ids=name_of)
def test_a_configuration_is_good(block, config_test, keys, tmp_path):
    rc, output = config_test(**configuration(block), KEYS=keys, CACHE=tmp_path)
    assert rc == 0, output
    assert "[warn]" not in output


@pytest.mark.parametrize("path", sorted((PROJECT / "conf.d").glob("*.conf")), ids=lambda path: path.name)
def test_conf_d_is_good(path, config_test, keys, tmp_path):
    rc, output = config_test(**configuration(Block(path, 1, ["http"], path.read_text())), KEYS=keys, CACHE=tmp_path)
    assert rc == 0, output
    assert "[warn]" not in output


def test_the_examples_were_found():
    contexts = [block.info[0] for block in blocks("nginx")]
    assert {"main", "http", "server", "location"} <= set(contexts)


# --- commands -------------------------------------------------------------------------------------------------------


def commands():
    """Every `keyward ...` that stands in a block of shell, as (block, words)."""
    for block in blocks("sh"):
        for line in block.text.splitlines():
            for part in re.split(r"&&|\|\||;|\|(?!\|)|\bdo\b", re.sub(r"\s#.*", "", line)):
                words = shlex.split(re.sub(r"[<>]\s*\S+", "", part).replace('"$host"', "").replace("ssh ", ""))
                words = words[1:] if words[:1] == ["sudo"] else words
                words = words[2:] if words[:1] == ["-u"] else words
                if words[:1] == ["keyward"]:
                    yield block, tuple(words[1:])


def test_commands_were_found():
    assert len(set(commands())) > 10


def name_of_words(value):
    return name_of(value) if isinstance(value, Block) else " ".join(value)


@pytest.mark.parametrize("block, words", sorted(set(commands())), ids=name_of_words)
def test_a_command_exists_with_its_options(block, words, kw):
    """--help of the command knows each option that stands in the document, and its number of arguments is right."""
    path = [word for word in words if not word.startswith("-")]
    groups = re.findall(r"^  (\w[\w-]*) ", kw.run("--help").stdout, re.M)
    assert not path or path[0] in groups, f"{name_of(block)}: there is no `keyward {path[0]}`"
    run = None
    for count in (2, 1, 0):
        run = kw.run(*path[:count], "--help")
        usage = run.stdout.splitlines()[0] if run.stdout else ""
        if run.rc == 0 and "COMMAND" not in usage:
            break
    assert run.rc == 0, f"{name_of(block)}: keyward {' '.join(words)}: {run.stderr}"
    options = {word.split("=")[0] for word in words if word.startswith("--")}
    known = set(re.findall(r"--[a-z][a-z-]*", run.stdout)) | {"--help", "--version"}
    assert options <= known, f"{name_of(block)}: {options - known}"


def test_make_targets_exist():
    targets = set(re.findall(r"^([a-z-]+):", read("Makefile"), re.M))
    for block in blocks("sh"):
        for named in re.findall(r"\bmake ((?:[a-z-]+\b(?!=) ?)*)", re.sub(r"#.*", "", block.text)):
            assert set(named.split()) <= targets, f"{name_of(block)}: make {named}"


def test_files_and_folders_that_are_named_exist():
    for named in re.findall(
        r"\bt/e2e/[\w/.]+\.py|(?<!/etc/nginx/)\bconf\.d/[\w-]+\.conf|\b(?:src|t/unit)/[\w/.]*\w",
        "".join(page.read_text() for page in PAGES),
    ):
        assert (PROJECT / named).exists(), named


# --- links ------------------------------------------------------------------------------------------------------------


def anchor(heading):
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_links_lead_somewhere(page):
    text = FENCE.sub("", page.read_text())
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, fragment = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), f"{page.name}: {target}"
        if fragment:
            headings = re.findall(r"^#+ (.*)$", FENCE.sub("", linked.read_text()), re.M)
            assert fragment in map(anchor, headings), f"{page.name}: {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_nothing_of_a_machine_is_in_it(page):
    found = re.search(r"/work\b|/root\b|/home/\w|/tmp/\w", page.read_text())
    assert not found, found


# --- the runbook ------------------------------------------------------------------------------------------------------


def steps(heading):
    """The commands that stand behind `$ ` in a section of docs/operations.md."""
    return re.findall(r"^\$ (.*)$", section(read("docs/operations.md"), heading), re.M)


def test_the_drill_can_be_done(build, kw, store, folder):
    """Each command of the section, in its order, in a shell: on a store with a key, which is broken before the last two."""
    key = store.key(verifier="sha256")
    (folder / "key.txt").write_text(key["key"] + "\n")
    kw("store", "backup", folder / "backup")
    commands = steps("## Backup and restore, with a drill")
    assert len(commands) >= 8
    broken = next(n for n, command in enumerate(commands) if "--force" in command) - 1
    for n, command in enumerate(commands):
        if n == broken:
            (store.path / "credentials/data.mdb").write_bytes(b"x" * 20000)
        command = re.sub(r"/var/backups/keyward-[\d-]+", str(folder / "backup"), command).replace(
            "/srv/drill", str(folder / "drill")
        )
        environment = build.environment(KEYWARD_STORE=store.path)
        environment["PATH"] = f"{build.command.parent}:{environment['PATH']}"
        run = subprocess.run(
            ["sh", "-c", command],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60 * build.patience,
        )
        assert run.returncode == (3 if n == broken else 0), f"{command}: {run.stdout}{run.stderr}"
    assert kw("key", "check", input=key["key"])["id"] == key["id"]


def test_each_line_that_the_log_may_show_is_in_the_runbook():
    """What workers log of themselves; formats are compared up to their first %."""
    sources = "".join(path.read_text() for path in (PROJECT / "src/ngx").rglob("*.cpp"))
    texts = re.findall(r'ngx_log_error\([^"]*"(keyward: [^"%\\]*[^"%\\ ])', sources)
    assert len(texts) > 4
    runbook = read("docs/operations.md")
    for text in texts:
        assert text[:40] in runbook, text
