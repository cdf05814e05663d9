"""A secret is in no output, event, file, log line or traceback, though it was looked up and used."""

import asyncio
import logging
import traceback
from io import StringIO
from pathlib import Path

import msgspec
import pytest
import structlog
from rich.console import Console
from rich.traceback import Traceback

from eventstore import SqliteEventStore
from kernel.clock import VirtualClock
from kernel.errors import ConfigError, VenueUnavailable
from kernel.secret import Secret, SecretReference
from ops.config_view import effective_config, effective_rows, yaml_lines
from ops.secret_sources import SecretPlaces
from ops.text_log import log_to_stderr
from replay.run_config import LoadedConfig, Mode, RunConfig, config_hash, secrets_of
from replay.session import begin_session
from replay.yaml_files.file import Place, YamlFile
from tests.ops.commands import onetape

CANARY = "canary-7c1f"

PAPER = """
mode: paper
store: paper.db
secrets: {folder: secrets}
instruments: [{symbol: A, tick_size: 0.01}]
strategies: [{strategy: 'strategies.buy_and_hold:BuyAndHold', symbols: [A]}]
"""


class Guarded(RunConfig, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A configuration that names a secret."""

    password: SecretReference = SecretReference("feed_password")


@pytest.fixture(autouse=True)
def _secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ONETAPE_SECRET_FEED_PASSWORD", CANARY)
    Path("paper.yaml").write_text(PAPER, "utf-8")


def guarded() -> Guarded:
    return msgspec.convert(
        {
            "mode": "paper",
            "instruments": [{"symbol": "A", "tick_size": "0.01"}],
            "strategies": [{"strategy": "strategies.buy_and_hold:BuyAndHold", "symbols": ["A"]}],
        },
        Guarded,
        strict=False,
    )


def connect(secret: Secret) -> None:
    """Fails, as a connection may, with the secret among its variables."""
    header = {"Authorization": secret}
    raise VenueUnavailable(f"refused: {header}")


def test_no_event_and_no_file_of_a_session_holds_a_secret(tmp_path: Path) -> None:
    async def run() -> None:
        config = guarded()
        async with await SqliteEventStore.open(Path("paper.db")) as store:
            session = await begin_session(
                store, "paper", config, clock=VirtualClock(10**18), mode=config.mode
            )
            secret = SecretPlaces().look_up(config.password)
            session.stop(f"refused with {secret}")
            await session.engine.run()
            assert secret.reveal() == CANARY

    asyncio.run(run())
    found = [path for path in tmp_path.rglob("*") if path.is_file() and CANARY.encode() in path.read_bytes()]

    assert found == []
    logged = onetape("log", "paper", "--store", "paper.db", "--json").stdout
    assert "refused with ***" in logged
    assert '{\\"secret\\":\\"feed_password\\"}' in logged


def test_no_traceback_shows_a_secret() -> None:
    with pytest.raises(VenueUnavailable) as refused:
        connect(SecretPlaces().look_up(SecretReference("feed_password")))
    error = refused.value
    plain = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    console = Console(file=StringIO(), record=True, width=200)
    console.print(Traceback.from_exception(type(error), error, error.__traceback__, show_locals=True))
    drawn = console.export_text()

    assert "secret = ***" in plain
    assert "***" in drawn
    assert CANARY not in plain + drawn


def test_no_traceback_of_a_failed_look_up_shows_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bytes of the file are in no frame and no cause."""
    monkeypatch.delenv("ONETAPE_SECRET_FEED_PASSWORD")
    Path("secrets").mkdir()
    file = Path("secrets/feed_password")
    file.write_bytes(CANARY.encode() + b"\xff")
    file.chmod(0o600)

    with pytest.raises(ConfigError) as refused:
        SecretPlaces("secrets", environment={}).look_up(SecretReference("feed_password"))
    shown = "".join(traceback.TracebackException.from_exception(refused.value, capture_locals=True).format())

    assert "is not UTF-8 text" in shown
    assert CANARY not in shown


def test_no_log_line_shows_a_secret(capsys: pytest.CaptureFixture[str]) -> None:
    secret = SecretPlaces().look_up(SecretReference("feed_password"))
    log_to_stderr()

    structlog.get_logger().warning("feed_refused", password=secret, header={"Authorization": secret})
    logging.getLogger("feed").warning("refused with %s", secret)

    written = capsys.readouterr()
    assert "***" in written.err
    assert CANARY not in written.err + written.out


def test_no_command_shows_a_secret() -> None:
    shown = [
        onetape("config", *arguments).output
        for arguments in (
            ("check", "paper.yaml"),
            ("show", "paper.yaml"),
            ("show", "paper.yaml", "--json"),
            ("schema",),
        )
    ]
    config = guarded()
    loaded = LoadedConfig(config, YamlFile(Path("c.yaml"), {}, {"password": Place("c.yaml", 1)}))
    shown += list(yaml_lines(effective_rows(loaded)))
    shown += [repr(effective_config(loaded)), repr(loaded), config_hash(config), repr(secrets_of(config))]
    shown.append(repr(SecretPlaces().find(config.password)))

    assert CANARY not in "".join(shown)
    assert config.mode is Mode.PAPER
