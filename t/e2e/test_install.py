"""make install and make uninstall: only what was built is copied, so that root leaves nothing in a user's build folder."""

import os
import subprocess

import pytest
from harness.build import PROJECT

pytestmark = pytest.mark.release_only

PLACES = ["usr/bin/keyward", "usr/share/man/man1/keyward.1", "usr/share/bash-completion/completions/keyward",
          "usr/share/zsh/site-functions/_keyward", "usr/share/fish/vendor_completions.d/keyward.fish"]  # fmt: skip


@pytest.fixture
def make(build, folder):
    def run(target, **variables):
        words = {
            "BUILD": build.folder,
            "DESTDIR": folder / "dest",
            "PREFIX": "/usr",
            "MODULES_DIR": "/usr/lib/nginx/modules",
            **variables,
        }
        return subprocess.run(
            ["make", "-s", target, *(f"{k}={v}" for k, v in words.items())], cwd=PROJECT, text=True, capture_output=True
        )

    return run


def installed(folder):
    return sorted(str(path.relative_to(folder / "dest")) for path in (folder / "dest").rglob("*") if path.is_file())


def snapshot(folder):
    """Names, owners and times of what a build leaves; tests that run beside this one write elsewhere in it."""
    files = [
        folder,
        *folder.glob("*.so"),
        *folder.glob("keyward"),
        folder / "pages",
        *(folder / "pages").iterdir(),
        *folder.glob("*.ninja"),
    ]
    return {
        path: (stat.st_uid, stat.st_mode, stat.st_mtime_ns, stat.st_size)
        for path in files
        for stat in [path.stat()]
        if path != folder
    }


def test_report_U24(build, folder, make, kw):
    """A user builds, root installs, the user builds again: root's part mustn't write into the build folder."""
    before = snapshot(build.folder)
    done = make("install")
    assert done.returncode == 0, done.stderr
    assert snapshot(build.folder) == before
    assert not (build.folder / "page").exists()
    assert installed(folder) == sorted([*PLACES, "usr/lib/nginx/modules/ngx_http_keyward_module.so"])
    share = folder / "dest/usr/share"
    assert (share / "man/man1/keyward.1").read_text() == kw.run("--man").stdout
    for shell, place in zip(("bash", "zsh", "fish"), PLACES[2:]):
        path = folder / "dest" / place
        assert path.read_text() == kw.run("--completion", shell).stdout
        assert path.stat().st_mode & 0o777 == 0o644
    assert os.access(folder / "dest/usr/bin/keyward", os.X_OK)


def test_what_is_installed_is_stripped_and_works(build, folder, make, config_test):
    assert make("install").returncode == 0
    module, command = folder / "dest/usr/lib/nginx/modules/ngx_http_keyward_module.so", folder / "dest/usr/bin/keyward"
    for path in (module, command):
        sections = subprocess.run(["readelf", "-S", "--wide", path], text=True, capture_output=True, check=True).stdout
        assert ".debug_info" not in sections and ".symtab" not in sections
    told = subprocess.run([command, "--version"], text=True, capture_output=True, check=True).stdout
    assert told.startswith("keyward ")
    rc, output = config_test(http="server { listen 127.0.0.1:@PORT@; location / { keyward on; } }", MODULE=module)
    assert rc == 0, output


def test_uninstall_removes_what_install_put_there(folder, make):
    assert make("install").returncode == 0
    (folder / "dest/usr/bin/other").touch()
    done = make("uninstall")
    assert done.returncode == 0, done.stderr
    assert installed(folder) == ["usr/bin/other"]
    assert make("uninstall").returncode == 0


def test_install_before_make_says_what_to_do(folder, make):
    done = make("install", BUILD=folder / "nothing")
    assert done.returncode != 0
    assert "run make first" in done.stdout + done.stderr
    assert not (folder / "dest").exists()
    assert not (folder / "nothing").exists()
