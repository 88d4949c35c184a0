"""`python -m simulators.card_network`: card networks whose terminals are used over HTTP."""

import argparse
import json
import sys
from pathlib import Path

from simulators.card_network.app import Acquirer, create_app
from simulators.card_network.line import Network
from simulators.clock import Clock
from simulators.serving import serve, set_up_logs


def parser() -> argparse.ArgumentParser:
    program = argparse.ArgumentParser(
        prog="python -m simulators.card_network",
        description="Card networks: ISO 8583 sales over TCP to a card host, terminals over HTTP. "
        "Prints `ready port=N`.",
        epilog="Networks file: [{issuer, institution, bins, key_file, dual}]; a key file holds hex digits.",
    )
    program.add_argument("--host", default="127.0.0.1")
    program.add_argument("--port", type=int, default=0, help="0 (the default) takes a free one")
    program.add_argument("--card-host", default="127.0.0.1")
    program.add_argument("--card-port", type=int, required=True, help="where the card host listens")
    program.add_argument("--networks", type=Path, required=True, help="JSON file of the networks")
    program.add_argument("--seed", type=int, default=None, help="of what is random")
    program.add_argument(
        "--clock-file",
        type=Path,
        default=Clock.default_file(),
        help="holds the seconds to add to the system's clock (default: $CAMELLIA_CLOCK_FILE)",
    )
    return program


def read_networks(file: Path) -> list[Network]:
    """The networks. Raises OSError, ValueError."""
    try:
        return [
            Network(
                issuer=one["issuer"],
                institution=one["institution"],
                bins=tuple(one["bins"]),
                key=bytes.fromhex(Path(one["key_file"]).read_text()),
                dual=bool(one["dual"]),
            )
            for one in json.loads(file.read_text())
        ]
    except (KeyError, TypeError) as error:
        raise ValueError(f"{file}: {error} is missing or malformed") from error


def main() -> int:
    arguments = parser().parse_args()
    set_up_logs("simulators.card_network")
    try:
        networks = read_networks(arguments.networks)
        acquirer = Acquirer(
            networks, arguments.card_host, arguments.card_port, Clock(arguments.clock_file), arguments.seed
        )
        serve(create_app(acquirer), arguments.host, arguments.port)
    except (ValueError, OSError) as error:
        print(f"simulators.card_network: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
