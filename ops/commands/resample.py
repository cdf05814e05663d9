"""``onetape resample``: builds a stream of coarser bars from a stream of finer bars or trades."""

import time
from pathlib import Path

import click
import msgspec

from eventstore.resampling import Resampled, ResampleOptions, resample
from ops.completion import complete_data
from ops.event_loop import run
from ops.store_file import changeable_store, require_streams, store_option


@click.command("resample")
@click.argument("stream", shell_complete=complete_data)
@click.option(
    "--to",
    "timeframe",
    required=True,
    help="1h, 1d, 1w, 1mo; or tick:100, volume:10000, dollar:1000000: trades, units, or money in a bar.",
)
@click.option("--as", "name", default="", help="The new stream.  [default: the stream's name with --to]")
@click.option("--tz", default="UTC", show_default=True, help="Time zone of the days that bars begin with.")
@click.option("--session", default="", help="Local trading hours, such as 09:30-16:00; else midnight.")
@store_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a line.")
def resample_command(
    stream: str, *, timeframe: str, name: str, tz: str, session: str, store_path: Path, as_json: bool
) -> None:
    """Build coarser bars from the bars or trades of a stream, into a new stream.

    Bars of time begin with the trading day (--tz, --session), and the last one of a day ends with it. A bar
    is known at its end, or with its last part. Bars of ticks need trades; a part is never divided. A bar
    that is not complete is not written: resample again when the stream has grown.

    \b
    Example:
      onetape resample spy.1m --to 1h --tz America/New_York --session 09:30-16:00
      onetape resample btcusdt.trades --to dollar:1000000
    """
    options = ResampleOptions(timeframe=timeframe, to=name, tz=tz, session=session)
    done = run(_resample(store_path, stream, options))
    if as_json:
        click.echo(msgspec.json.encode(done).decode())
    else:
        made = f"{done.bar_count:,} bars of {done.part_count:,} parts, {done.new_count:,} new"
        click.echo(f"{done.stream}: {made}")


async def _resample(path: Path, stream: str, options: ResampleOptions) -> Resampled:
    async with changeable_store(path) as store:
        await require_streams(store, (stream,))
        return await resample(store, stream, options, ts=time.time_ns())
