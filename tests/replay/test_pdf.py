"""The PDF of a report: by a browser that works, and a sentence for every one that does not."""

import shutil
from pathlib import Path

import pytest

from kernel.errors import InputError
from replay.report.pdf import BROWSERS, check_pdf, find_browser, write_pdf

PAGE = "<!DOCTYPE html><html><body><h1>A report</h1></body></html>"


@pytest.fixture
def page(tmp_path: Path) -> Path:
    (tmp_path / "r.html").write_text(PAGE)
    return tmp_path / "r.html"


def program(folder: Path, script: str) -> str:
    """A browser that does what a script says; ``$out`` is the file that it should print."""
    path = folder / "browser"
    find = 'for one in "$@"; do case $one in --print-to-pdf=*) out=${one#--print-to-pdf=};; esac; done'
    path.write_text(f"#!/bin/sh\n{find}\n{script}\n")
    path.chmod(0o755)
    return str(path)


def test_what_a_browser_prints_is_put_in_its_place(page: Path) -> None:
    browser = program(page.parent, "printf '%%PDF-1.4 new' > \"$out\"")
    (page.parent / "r.pdf").write_bytes(b"%PDF-1.4 old")

    written = write_pdf(page, page.parent / "r.pdf", browser=browser)

    assert written.read_bytes() == b"%PDF-1.4 new"


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo 'no display' >&2; exit 3", "ended with code 3: no display"),
        ("exit 0", "printed nothing"),
        ('echo hello > "$out"', "printed nothing"),
        ("sleep 600", r"did not print the page within 0\.2 s"),
    ],
)
def test_a_browser_that_fails_is_named_and_leaves_nothing(page: Path, script: str, words: str) -> None:
    with pytest.raises(InputError, match=rf"PDF .*r\.pdf: .*{words}"):
        write_pdf(
            page,
            page.parent / "r.pdf",
            browser=program(page.parent, script),
            time_limit_s=0.2 if "sleep" in script else 60,
        )

    assert not (page.parent / "r.pdf").exists()


def test_a_place_that_cannot_be_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    (tmp_path / "mine.pdf").write_text("my notes")

    with pytest.raises(InputError, match="no browser was found that can print it"):
        check_pdf(tmp_path / "r.pdf", which=lambda _: None)
    with pytest.raises(InputError, match="is not a PDF"):
        check_pdf(tmp_path / "mine.pdf", which=lambda name: name)
    with pytest.raises(InputError, match="there is no folder"):
        check_pdf(tmp_path / "a" / "r.pdf", which=lambda name: name)


def test_the_first_browser_on_path_is_taken(tmp_path: Path) -> None:
    assert find_browser(tmp_path, which=lambda name: f"/bin/{name}") == f"/bin/{BROWSERS[0]}"
    only = find_browser(tmp_path, which=lambda name: name if name == "google-chrome" else None)
    assert only == "google-chrome"


@pytest.mark.slow
@pytest.mark.skipif(not any(map(shutil.which, BROWSERS)), reason="needs a browser")
def test_a_real_browser_prints_the_page(page: Path) -> None:
    assert write_pdf(page, page.parent / "r.pdf").read_bytes().startswith(b"%PDF-")
