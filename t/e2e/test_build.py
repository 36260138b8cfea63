"""Both ways to build the module: ours, with CMake, and nginx's own ./configure --add-dynamic-module."""

import json
import os
import re
import subprocess

import pytest
from harness.build import PROJECT

pytestmark = [pytest.mark.xdist_group("build"), pytest.mark.release_only, pytest.mark.time_limit(600)]

NAME = "ngx_http_keyward_module"
NGINX_SRC = "/usr/share/nginx/src"
CONFIGURE = '. ./conf_flags && exec ./configure "${NGX_CONF_FLAGS[@]}" --builddir="$1" --add-dynamic-module="$2"'


@pytest.fixture(scope="module")
def own(build):
    """The folder into which nginx's own build has put its objects and the module."""
    if re.search(r"^NGINX_SRC:PATH=.", (build.folder / "CMakeCache.txt").read_text(), re.M):
        pytest.skip("built for another nginx than the packages'")
    objs = build.folder / "nginx-own"
    environment = {**os.environ, "PATH": f"/usr/lib/ccache:{os.environ['PATH']}", "MAKEFLAGS": ""}

    def run(*command):
        done = subprocess.run(command, cwd=NGINX_SRC, env=environment, text=True, capture_output=True)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]

    run("bash", "-c", CONFIGURE, "configure", objs, PROJECT)
    # nginx's own flags but for debugging information, which takes a fifth of the time.
    flags = re.search(r"^CFLAGS = *(.*)$", (objs / "Makefile").read_text(), re.M)[1]
    run("make", "-f", objs / "Makefile", "-j2", f"CFLAGS={flags} -g0", "modules")
    return objs


def sources(*parts):
    lines = (PROJECT / "src/sources.txt").read_text().splitlines()
    return sorted(line.split()[1] for line in lines if line.split(None, 1)[:1] and line.split()[0] in parts)


def words(path):
    """What a ..._modules.c says, without regard to its layout."""
    return path.read_text().split()


@pytest.mark.parametrize("kind", ["cmake", "own"])
def test_loads(kind, build, config_test, request):
    module = build.module if kind == "cmake" else request.getfixturevalue("own") / f"{NAME}.so"
    rc, output = config_test(http="server { listen 127.0.0.1:@PORT@; }", store=False, MODULE=module)
    assert rc == 0, output
    assert "warn" not in output


def test_order(build):
    text = (build.folder / f"{NAME}_modules.c").read_text()
    order = re.search(r"ngx_module_order\[\] = \{(.*?)\}", text, re.S)[1]
    assert re.findall(r'"(\w+)"', order) == [
        "ngx_http_keyward_module",
        "ngx_http_access_module",
        "ngx_http_keyward_last_filter_module",
        "ngx_http_range_header_filter_module",
        "ngx_http_keyward_filter_module",
        "ngx_http_copy_filter_module",
    ]


def test_modules_and_their_order_agree(build, own):
    assert words(build.folder / f"{NAME}_modules.c") == words(own / f"{NAME}_modules.c")


def test_sources_agree(build, own):
    expected = sources("core", "fetch", "module")
    makefile = (own / "Makefile").read_text()
    assert sorted(set(re.findall(rf"{re.escape(str(PROJECT))}/(src/\S+\.cpp)", makefile))) == expected
    assert len(set(re.findall(r"addon/\S+\.o", makefile))) == len(expected), "two sources share an object's name"

    commands = json.loads((build.folder / "compile_commands.json").read_text())
    files = [
        os.path.relpath(command["file"], PROJECT)
        for command in commands
        if re.search(rf"-o \S*/(keyward_core|keyward_fetch|{NAME})\.dir/", command["command"])
        and command["file"].endswith(".cpp")
    ]
    assert sorted(files) == expected


def test_headers_are_dependencies(own):
    makefile = (own / "Makefile").read_text()
    headers = {str(path.relative_to(PROJECT)) for path in (PROJECT / "src").rglob("*.hpp")}
    assert set(re.findall(rf"{re.escape(str(PROJECT))}/(src/\S+\.hpp)", makefile)) == headers


def test_every_source_is_listed():
    files = sorted(str(path.relative_to(PROJECT)) for path in (PROJECT / "src").rglob("*.cpp"))
    assert sources("core", "fetch", "module", "command") == files


def test_exports_only_what_nginx_looks_up(build):
    done = subprocess.run(["nm", "-D", "--defined-only", build.module], text=True, capture_output=True, check=True)
    names = {line.split()[-1] for line in done.stdout.splitlines()}
    assert names == {"ngx_modules", "ngx_module_names", "ngx_module_order"}
