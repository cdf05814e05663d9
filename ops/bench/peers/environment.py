"""The list of peers, and their virtual environments.

Each peer has its own environment, since the requirements contradict each other and ours, and one peer needs a
newer Python. All are in one folder, by default ``.bench`` in the repository. Creating them downloads about
1.2 GB. Only ``python -m ops.bench.peers`` does it.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

DEFAULT_ROOT = Path(__file__).resolve().parents[3] / ".bench"
INSTALL_TIMEOUT_S = 1_800.0
OLDEST_PYTHON = (3, 12)
NEWEST_PYTHON = (3, 14)
"""The range in which both NautilusTrader releases have wheels; all peers run on the same Python."""


class Peer(msgspec.Struct, frozen=True):
    """An engine to compare with.

    - ``requirement``: the requirement given to pip.
    - ``fallback``: the requirement to try if the first cannot be installed.
    - ``beside``: further requirements, installed with either.
    - ``few_count``, ``many_count``: quotes that take about half a minute, with few and with many orders.
    """

    name: str
    title: str
    script: str
    requirement: str
    installed_as: str
    fallback: str | None = None
    beside: tuple[str, ...] = ()
    few_count: int = 1_000_000
    many_count: int = 1_000_000


class PeerAbsent(msgspec.Struct, frozen=True):
    """A peer that cannot be measured here, and the reason."""

    name: str
    reason: str


PEERS: tuple[Peer, ...] = (
    Peer(
        name="nautilus-2",
        title="NautilusTrader 2.0.0rc",
        script="nautilus_v2.py",
        requirement="nautilus_trader==2.0.0rc6",
        installed_as="nautilus_trader-2.*.dist-info",
        # A bound that is itself a pre-release lets pip take pre-releases, of this package alone.
        fallback="nautilus_trader>=2.0.0rc1,<2.1",
    ),
    Peer(
        name="nautilus-1",
        title="NautilusTrader 1.x",
        script="nautilus_v1.py",
        requirement="nautilus_trader==1.231.0",
        installed_as="nautilus_trader-1.*.dist-info",
        # It takes pandas 2.3 and 3; with 3 the run with many orders is 2.5 times slower at 50,000 quotes.
        beside=("pandas==2.3.3",),
        # Its cost per order grows with the orders before it.
        many_count=100_000,
    ),
    Peer(
        name="backtrader",
        title="backtrader",
        script="backtrader_bars.py",
        requirement="backtrader==1.9.78.123",
        installed_as="backtrader-1.*.dist-info",
        # Its time per bar is constant: more bars take longer and show nothing more.
        few_count=250_000,
        many_count=250_000,
    ),
)


def peer_named(name: str) -> Peer:
    """Return the peer of that name. Raises ``ValueError`` with the known names."""
    for peer in PEERS:
        if peer.name == name:
            return peer
    raise ValueError(f"no peer named {name!r}; there are {', '.join(peer.name for peer in PEERS)}")


def environments(root: Path = DEFAULT_ROOT) -> dict[str, Path]:
    """Return the interpreter of every peer that is installed under ``root``, by the peer's name."""
    return {peer.name: _python_in(root / peer.name) for peer in PEERS if _is_installed(peer, root)}


def prepare(root: Path = DEFAULT_ROOT, *, tell: Callable[[str], None] = print) -> tuple[PeerAbsent, ...]:
    """Make the environments that are missing under ``root``; return the peers that could not be installed.

    Blocks for as long as the downloads take. An environment that exists is not changed.
    """
    absent: list[PeerAbsent] = []
    python = find_python()
    for peer in PEERS:
        if _is_installed(peer, root):
            tell(f"{peer.name}: installed already")
        elif python is None:
            absent.append(PeerAbsent(peer.name, _no_python()))
        else:
            tell(f"{peer.name}: installing {peer.requirement}")
            problem = _install(peer, python, root / peer.name)
            if problem:
                absent.append(PeerAbsent(peer.name, problem))
    return tuple(absent)


def find_python() -> Path | None:
    """Return a Python that every peer runs on, or None.

    If ``$PYTHON312`` is set, it is the only candidate. Each candidate is started and asked for its version,
    because a version manager's placeholder has the right name but may not work.
    """
    return next((python for python in _candidates() if _fits(python)), None)


def _candidates() -> Iterator[Path]:
    chosen = os.environ.get("PYTHON312")
    if chosen:
        yield Path(chosen)
        return
    for command in ("python3.12", "python3.13", "python3.14"):
        found = shutil.which(command)
        if found:
            yield Path(found)
    yield Path(sys.executable)
    yield from sorted(Path.home().glob(".pyenv/versions/3.1[234]*/bin/python3"))


def _fits(python: Path) -> bool:
    question = "import sys, ensurepip, venv; print(*sys.version_info[:2])"
    try:
        answer = subprocess.run(
            [python, "-c", question], capture_output=True, text=True, timeout=30, check=True
        ).stdout.split()
    except (OSError, subprocess.SubprocessError):
        return False
    return OLDEST_PYTHON <= (int(answer[0]), int(answer[1])) <= NEWEST_PYTHON


def _install(peer: Peer, python: Path, folder: Path) -> str | None:
    """Create the peer's environment; return the problem, or ``None``."""
    problem = _failure([str(python), "-m", "venv", "--clear", str(folder)])
    if problem:
        return problem
    pip = [str(_python_in(folder)), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    problem = _failure([*pip, peer.requirement, *peer.beside])
    if problem and peer.fallback:
        problem = _failure([*pip, peer.fallback, *peer.beside])
    return problem


def _failure(command: list[str]) -> str | None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S, check=False)
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)
    if done.returncode == 0:
        return None
    said = (done.stderr or done.stdout).strip().splitlines()
    return said[-1] if said else f"exit code {done.returncode}"


def _is_installed(peer: Peer, root: Path) -> bool:
    return any((root / peer.name).glob(f"lib/python*/site-packages/{peer.installed_as}"))


def _python_in(environment: Path) -> Path:
    return environment / "bin" / "python"


def _no_python() -> str:
    chosen = os.environ.get("PYTHON312")
    wanted = "needs Python 3.12 to 3.14 with the venv module"
    return f"{wanted}; PYTHON312={chosen} is not one" if chosen else f"{wanted}; set PYTHON312 to one"
