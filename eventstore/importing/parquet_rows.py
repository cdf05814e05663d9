"""Rows of a Parquet file, read in batches, as the text that a CSV file would hold.

Arrow turns all values of a batch into text in one vectorised step, numbers in their shortest exact form. So
the same parsers and checks serve both formats. Needs ``pyarrow``, the optional extra ``parquet``.
"""

import importlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Protocol, cast

from eventstore.importing.text_rows import Row
from kernel.errors import InputError

MAGIC = b"PAR1"
_BATCH_ROWS = 16_384


class _Column(Protocol):
    def cast(self, target_type: object) -> "_Column": ...
    def to_pylist(self) -> list[str | None]: ...


class _RecordBatch(Protocol):
    @property
    def columns(self) -> Sequence[_Column]: ...


class _ParquetFile(Protocol):
    @property
    def schema_arrow(self) -> "_Schema": ...
    def iter_batches(self, batch_size: int) -> Iterator[_RecordBatch]: ...


class _Schema(Protocol):
    @property
    def names(self) -> list[str]: ...


class _Parquet(Protocol):
    def ParquetFile(self, source: IO[bytes]) -> _ParquetFile: ...


class _Arrow(Protocol):
    @property
    def ArrowException(self) -> type[Exception]: ...
    def string(self) -> object: ...


class ParquetRows:
    """The rows of one Parquet file; a row's number is its place in the file, from 1."""

    def __init__(self, path: Path) -> None:
        """Raises ``InputError`` if pyarrow is missing or the file cannot be opened."""
        self.path = path
        self._arrow, parquet = _pyarrow(path)
        try:
            self.size = path.stat().st_size
            self._raw = path.open("rb")
        except OSError as error:
            raise InputError(f"{path}: cannot be read: {error.strerror}") from error
        try:
            self._file = parquet.ParquetFile(self._raw)
            self.names = tuple(self._file.schema_arrow.names)
        except (self._arrow.ArrowException, OSError) as error:
            self._raw.close()
            raise InputError(f"{path}: is not a readable Parquet file: {error}") from error

    @property
    def position(self) -> int:
        """Bytes of the file read so far, approximately."""
        return min(self._raw.tell(), self.size)

    def close(self) -> None:
        """Release the file."""
        self._raw.close()

    def rows(self) -> Iterator[Row]:
        """Every row, in order."""
        number = 0
        text = self._arrow.string()
        try:
            for batch in self._file.iter_batches(batch_size=_BATCH_ROWS):
                columns = [column.cast(text).to_pylist() for column in batch.columns]
                for values in zip(*columns, strict=True):
                    number += 1
                    yield number, ["" if value is None else value for value in values], ""
        except (self._arrow.ArrowException, OSError) as error:
            raise InputError(f"{self.path}, after row {number}: cannot be read: {error}") from error


def _pyarrow(path: Path) -> tuple[_Arrow, _Parquet]:
    try:
        arrow, parquet = importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise InputError(
            f"{path}: Parquet needs pyarrow; install it with: pip install 'onetape[parquet]'"
        ) from error
    # pyarrow has no type stubs; the protocols above describe the part of it that is used here
    return cast(_Arrow, arrow), cast(_Parquet, parquet)
