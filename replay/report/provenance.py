"""What a run was made of, as tables: strategies with the hash of their code, and data with its hashes."""

from hashlib import sha256

from replay.results import RunResult
from replay.rows import Rows, text
from replay.tables import params_text


def code_rows(result: RunResult) -> Rows:
    """A row for each strategy: reference, version, parameters, and the hash of its source."""
    rows = tuple(
        (one.strategy, one.reference, one.version, params_text(one), one.source_hash)
        for one in result.strategies
    )
    columns = (
        text("Strategy"),
        text("Code"),
        text("Version"),
        text("Parameters"),
        text("SHA-256 of the source"),
    )
    return Rows("Code", columns, rows, "The source is kept in the store: replay verify runs it again.")


def data_rows(result: RunResult) -> Rows:
    """A row for each data stream: the events that were read, and the chained hash up to there."""
    rows = tuple(
        (one.stream, f"{one.first_seq:,} to {one.last_seq:,}", one.head_hash) for one in result.sources
    )
    config = sha256(result.config.encode()).hexdigest()
    note = f"Configuration: SHA-256 {config}. " if result.config else ""
    derived = f"Derived events: digest {result.digest}." if result.digest else ""
    columns = text("Stream"), text("Events"), text("Chained SHA-256")
    return Rows("Data", columns, rows, f"{note}{derived}")
