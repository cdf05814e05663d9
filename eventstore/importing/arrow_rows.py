"""Rows of a Parquet or Feather file, read in batches, as the text that a CSV file would hold.

Arrow turns all values of a batch into text in one vectorised step, numbers in their shortest exact form. So
the same parsers and checks serve both formats. Only the columns that are read are turned into text, so lists
and structs in other columns do no harm. Needs ``pyarrow``, the optional extra ``parquet``.
"""

import importlib
import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Protocol, cast

from eventstore.importing.compressed import Peekable
from eventstore.importing.text_rows import Row
from kernel.errors import InputError

PARQUET = b"PAR1"
FEATHER = b"ARROW1"
_BATCH_ROWS = 16_384
_SAMPLE_ROWS = 1_000


class _Column(Protocol):
    def cast(self, target_type: object) -> "_Column": ...
    def to_pylist(self) -> list[str | None]: ...
    def slice(self, offset: int, length: int) -> "_Column": ...


class _RecordBatch(Protocol):
    @property
    def columns(self) -> Sequence[_Column]: ...
    @property
    def num_rows(self) -> int: ...
    def select(self, columns: list[str]) -> "_RecordBatch": ...


class _Schema(Protocol):
    @property
    def names(self) -> list[str]: ...


class _ParquetFile(Protocol):
    @property
    def schema_arrow(self) -> _Schema: ...
    def iter_batches(
        self, batch_size: int, *, columns: list[str] | None = None
    ) -> Iterator[_RecordBatch]: ...


class _Parquet(Protocol):
    def ParquetFile(self, source: IO[bytes]) -> _ParquetFile: ...


class _IpcFile(Protocol):
    @property
    def schema(self) -> _Schema: ...
    @property
    def num_record_batches(self) -> int: ...
    def get_batch(self, index: int) -> _RecordBatch: ...


class _Ipc(Protocol):
    def open_file(self, source: IO[bytes]) -> _IpcFile: ...


class _Arrow(Protocol):
    @property
    def ArrowException(self) -> type[Exception]: ...
    def string(self) -> object: ...


class ArrowRows:
    """The rows of one Parquet or Feather file; a row's number is its place in the file, from 1."""

    names_known = True

    def __init__(self, path: Path, raw: IO[bytes], stream: Peekable) -> None:
        """Raises ``InputError`` if pyarrow is missing or the file cannot be opened."""
        self.path = path
        self.size = path.stat().st_size
        self.notes: list[str] = []
        self._raw = raw
        is_feather = stream.peek(6)[:6] == FEATHER
        self._arrow = cast(_Arrow, _module("pyarrow", path))
        # Both formats need a file that can be read from its end.
        is_plain = cast(object, stream) is raw
        source = raw if is_plain else io.BytesIO(stream.read())
        self._file: _ParquetFile | _Feather
        try:
            if is_feather:
                self._file = _Feather(cast(_Ipc, _module("pyarrow.ipc", path)).open_file(source))
            else:
                self._file = cast(_Parquet, _module("pyarrow.parquet", path)).ParquetFile(source)
            self.names = tuple(self._file.schema_arrow.names)
        except (self._arrow.ArrowException, OSError) as error:
            raw.close()
            kind = "Feather" if is_feather else "Parquet"
            raise InputError(f"{path}: is not a readable {kind} file: {error}") from error
        self._read = self.names

    @property
    def position(self) -> int:
        """Bytes of the file read so far, approximately."""
        return min(self._raw.tell(), self.size)

    def close(self) -> None:
        """Release the file."""
        self._raw.close()

    def select(self, places: Sequence[int]) -> None:
        """Read these columns alone from now on; rows then have as many fields."""
        self._read = tuple(self.names[place] for place in places)

    def sample(self) -> list[Row]:
        """The names as row 0 and the first rows; a column that is not text or numbers has empty fields."""
        rows: list[Row] = [(0, list(self.names), "")]
        for batch in self._batches(list(self.names), size=_SAMPLE_ROWS):
            columns = [
                self._sampled(column.slice(0, _SAMPLE_ROWS), min(batch.num_rows, _SAMPLE_ROWS))
                for column in batch.columns
            ]
            rows.extend(
                (number, list(values), "")
                for number, values in enumerate(zip(*columns, strict=True), start=1)
            )
            break
        return rows

    def rows(self, after: int) -> Iterator[Row]:
        """Every row after a number, in order."""
        number = 0
        for batch in self._batches(list(self._read), size=_BATCH_ROWS):
            columns = [
                self._as_text(column, name) for column, name in zip(batch.columns, self._read, strict=True)
            ]
            for values in zip(*columns, strict=True):
                number += 1
                if number > after:
                    yield number, ["" if value is None else value for value in values], ""

    def _batches(self, names: list[str], *, size: int) -> Iterable[_RecordBatch]:
        try:
            yield from self._file.iter_batches(batch_size=size, columns=names)
        except (self._arrow.ArrowException, OSError) as error:
            raise InputError(f"{self.path}: cannot be read: {error}") from error

    def _as_text(self, column: _Column, name: str) -> list[str | None]:
        try:
            return column.cast(self._arrow.string()).to_pylist()
        except self._arrow.ArrowException as error:
            raise InputError(
                f"{self.path}: column {name!r} holds lists or other values that are not one text or number: "
                f"{error}"
            ) from error

    def _sampled(self, column: _Column, count: int) -> list[str]:
        try:
            return [value or "" for value in column.cast(self._arrow.string()).to_pylist()]
        except self._arrow.ArrowException:
            return [""] * count


class _Feather:
    """A Feather file with the methods of a Parquet file that are used."""

    def __init__(self, file: _IpcFile) -> None:
        self._file = file

    @property
    def schema_arrow(self) -> _Schema:
        """The columns."""
        return self._file.schema

    def iter_batches(self, batch_size: int, *, columns: list[str] | None = None) -> Iterator[_RecordBatch]:
        """The batches as they are in the file."""
        del batch_size
        for index in range(self._file.num_record_batches):
            batch = self._file.get_batch(index)
            yield batch if columns is None else batch.select(columns)


def _module(name: str, path: Path) -> object:
    try:
        # pyarrow has no type stubs; the protocols above describe the part of it that is used here
        return importlib.import_module(name)
    except ImportError as error:
        raise InputError(
            f"{path}: Parquet and Feather need pyarrow; install it with: pip install 'onetape[parquet]'"
        ) from error
