"""What `make test` installs from npm where there is one, for tests that run other people's programs; without it they are skipped."""

import warnings

import pytest


def _skip(missing):
    warnings.warn(f"SKIPPED, as {missing}")
    pytest.skip(missing)


def modules(build, package):
    """The folder in whose node_modules the package is."""
    folders = [folder / "oauth" for folder in (build.folder, build.folder.parent)]
    found = next((folder for folder in folders if (folder / "installed").is_file()), None)
    return found or _skip(f"there is no {package}: nothing was installed from npm (`make oauth-server`)")


def node(folder):
    """Node comes from there, too: that of Debian 12 is too old for some of it."""
    found = folder / "node_modules/.bin/node"
    return found if found.exists() else _skip("npm's packages of Node have none for this machine")
