"""What documents promise: links that lead somewhere, examples that run, text that fits any machine."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from tests.house.rules import Rule, Violation
from tests.house.tree import ROOT, project_files

MACHINE_PATHS = Rule("machine paths", "Project text names no path or package index of one machine.")

_MACHINE = re.compile(
    r"(?<![\w./-])/(?:work|root|home/\w+|Users/\w+|opt)/|(?<!\.)\bpyenv\b"
    r"|--(?:extra-)?index-url|--find-links|-f https?://"
)
_LINK = re.compile(
    r"(?<!\!)\[[^\]]*\]\((?P<target>[^)\s]+)(?:\s+\"[^\"]*\")?\)|!\[[^\]]*\]\((?P<image>[^)\s]+)\)"
)
_FENCE = re.compile(r"^(`{3,}|~{3,})")
_EXAMPLE = re.compile(
    r"^<!-- run(?::(?P<options>[^>]*))? -->\n+```(?P<language>\w+)\n(?P<code>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Example:
    """A fenced block preceded by ``<!-- run -->`` or ``<!-- run: cwd=tmp slow -->``.

    It runs in the root, or with ``cwd=tmp`` in a folder that the document's examples share. A process that it
    starts in the background (with its output in a file) runs on until the document's last example has ended.
    """

    language: str
    code: str
    line: int
    in_tmp: bool = False
    is_slow: bool = False


def markdown_files() -> tuple[str, ...]:
    """Every document, by path from the root."""
    return tuple(path for path in project_files() if path.endswith(".md"))


def examples(text: str) -> list[Example]:
    """The examples of a document that are meant to run, in order; raises ``ValueError`` for bad ones."""
    found = [_example(match, text) for match in _EXAMPLE.finditer(text)]
    if len(found) != len(re.findall(r"^<!-- run", text, re.MULTILINE)):
        raise ValueError("a `<!-- run -->` is not followed by a fenced block")
    return found


def dead_links(path: str, text: str) -> Iterator[str]:
    """Links of a document to local files or headings that are not there, with their line."""
    for line, target in _links(text):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, heading = target.partition("#")
        linked = (ROOT / PurePosixPath(path).parent / file).resolve()
        if not linked.exists():
            yield f"{path}:{line}: {target}"
        elif heading and (not file or linked.suffix == ".md"):
            page = linked.read_text("utf-8") if file else text
            if heading not in headings(page):
                yield f"{path}:{line}: {target} (no such heading)"


def headings(text: str) -> set[str]:
    """The anchors that a page's headings make."""
    titles = [line.lstrip("#").strip() for line in prose_lines(text) if line.startswith("#")]
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def machine_paths(path: str, text: str) -> Iterator[Violation]:
    """Lines that only make sense on one machine."""
    for number, line in enumerate(text.splitlines(), start=1):
        match = _MACHINE.search(line)
        if match:
            yield Violation(path, number, match[0])


def _example(match: re.Match[str], text: str) -> Example:
    options = set((match["options"] or "").split())
    language = match["language"]
    if language not in ("bash", "python") or options - {"cwd=tmp", "slow"}:
        raise ValueError(
            f"an example is bash or python, its options cwd=tmp and slow: {match[0].splitlines()[0]}"
        )
    line = text.count("\n", 0, match.start("code")) + 1
    return Example(language, match["code"], line, in_tmp="cwd=tmp" in options, is_slow="slow" in options)


def _links(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(prose_lines(text), start=1):
        for match in _LINK.finditer(re.sub(r"`[^`]*`", "", line)):
            yield number, match["target"] or match["image"]


def prose_lines(text: str) -> Iterator[str]:
    """The lines of a document, those of fenced blocks left empty."""
    fence = ""
    for line in text.splitlines():
        mark = _FENCE.match(line.strip())
        if mark and not fence:
            fence = mark[1]
            yield ""
        elif fence:
            fence = "" if line.strip().startswith(fence) else fence
            yield ""
        else:
            yield line
