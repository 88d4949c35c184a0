"""``python -m gateway.engine up|down|status|url``: the engines without the gateway, for development."""

import argparse
import json

from gateway.engine.process import EngineError
from gateway.engine.supervisor import Engines


def main() -> int:
    """Runs one command and returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m gateway.engine", description=__doc__)
    parser.add_argument("command", choices=("up", "down", "status", "url"))
    parser.add_argument("--state", help="state folder (default: $CAMELLIA_STATE or .camellia)")
    args = parser.parse_args()
    engines = Engines(args.state)
    try:
        if args.command == "up":
            engines.start()
        elif args.command == "down":
            engines.stop()
        elif args.command == "url":
            print(json.dumps({"database_url": engines.database_url, "rpc_url": engines.rpc_url}))
            return 0
    except EngineError as error:
        print(f"error: {error}")
        return 1
    statuses = engines.status()
    for status in statuses:
        where = f"process {status.pid}, port {status.port}" if status.running else "not running"
        print(f"{status.name:10} {where}")
    return 0 if args.command != "status" or all(status.running for status in statuses) else 1


if __name__ == "__main__":
    raise SystemExit(main())
