"""``python -m ops.bench.peers`` makes the peers' environments; exit code 1 when one could not be made."""

import sys

from ops.bench.peers.environment import prepare


def main() -> int:
    """Install what is missing and say what could not be installed."""
    absent = prepare()
    for peer in absent:
        print(f"{peer.name}: left out: {peer.reason}", file=sys.stderr)
    return 1 if absent else 0


if __name__ == "__main__":
    sys.exit(main())
