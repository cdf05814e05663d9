"""A bundle's manifest as tables and sentences."""

from replay import figures
from replay.bundles.manifest import Manifest, Scaled
from replay.rows import Rows, number, text


def manifest_rows(manifest: Manifest) -> tuple[Rows, ...]:
    """The facts, the streams and the files of a bundle."""
    made, expected = manifest.versions, manifest.expected
    packages = ", ".join(f"{name} {version}" for name, version in made.packages.items())
    facts = [
        ("run or log", manifest.stream),
        ("kind", "live log" if manifest.is_live else "run over data streams"),
        ("made", figures.iso(manifest.made_ts)),
        ("versions", f"onetape {made.onetape}, Python {made.python}"),
        ("packages", packages),
        ("anonymised", "no" if manifest.scaled is None else "yes"),
    ]
    if expected is None:
        facts.append(("reproduced", f"no: {manifest.divergence}"))
    else:
        facts += [
            ("inputs", f"{expected.input_count:,}"),
            ("derived events", f"{expected.derived_count:,}"),
            ("digest", expected.digest),
        ]
    return (
        Rows("Bundle", (text("fact"), text("value")), tuple(facts)),
        Rows(
            "Streams",
            (text("stream"), number("events"), text("hash", rank=2), text("file", rank=1)),
            tuple(
                (one.stream, f"{one.last_seq:,}", f"{one.head_hash[:16]}...", one.file)
                for one in manifest.streams
            ),
        ),
        Rows(
            "Files",
            (text("file"), number("bytes"), text("SHA-256", rank=1)),
            tuple((one.name, f"{one.bytes:,}", f"{one.sha256[:16]}...") for one in manifest.files),
        ),
    )


def scaled_sentence(scaled: Scaled) -> str:
    """Whether an anonymised bundle decides as the original."""
    times = ", times shifted" if scaled.is_shifted else ""
    if scaled.equal_count == scaled.order_count:
        return f"anonymised{times}: all {scaled.order_count:,} orders are those of the original, up to scale"
    return (
        f"anonymised{times}: it decides otherwise: of {scaled.order_count:,} orders the first "
        f"{scaled.equal_count:,} are those of the original, up to scale. Code that orders a fixed number of "
        "units needs --keep-sizes; code that compares prices with fixed numbers cannot decide as before"
    )
