"""The version stands in src/base/version.hpp, and whatever tells it tells the same."""

import re

from harness.build import PROJECT

PRODUCT = re.search(r'= "(keyward \d+\.\d+\.\d+)";', (PROJECT / "src/base/version.hpp").read_text())[1]


def test_the_command_and_its_manual_page_say_it(kw):
    assert kw.run("--version").stdout == PRODUCT + "\n"
    assert kw.run("--man").stdout.startswith(f'.TH KEYWARD 1 "" "{PRODUCT}" ')


def test_the_modules_file_holds_it(build):
    # What lies before it in the file is the linker's choice: any byte.
    assert re.findall(rb"keyward \d+\.\d+\.\d+(?=\0)", build.module.read_bytes()) == [PRODUCT.encode()]


def test_the_changelog_begins_with_it():
    changelog = (PROJECT / "CHANGELOG.md").read_text()
    assert f"keyward {re.search(r'^## .([0-9.]+)', changelog, re.M)[1]}" == PRODUCT


def test_the_packages_have_it():
    changelog = (PROJECT / "packaging/debian/changelog").read_text()
    assert f"keyward {re.match(r'keyward .([0-9.]+)-', changelog)[1]}" == PRODUCT
