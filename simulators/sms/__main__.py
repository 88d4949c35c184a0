"""`python -m simulators.sms`: an SMS provider whose handsets can be read."""

import argparse
import os
import sys
from pathlib import Path

from simulators.clock import Clock
from simulators.serving import serve, set_up_logs
from simulators.sms.app import Account, create_app


def parser() -> argparse.ArgumentParser:
    program = argparse.ArgumentParser(
        prog="python -m simulators.sms",
        description="A Korean SMS provider (NAVER Cloud SENS SMS API v2). Prints `ready port=N`.",
        epilog="Keys: SMS_ACCESS_KEY and SMS_SECRET_KEY of the environment, or lines access_key=… and "
        "secret_key=… of --keys.",
    )
    program.add_argument("--host", default="127.0.0.1")
    program.add_argument("--port", type=int, default=0, help="0 (the default) takes a free one")
    program.add_argument("--service-id", default="ncp:sms:kr:000000000000:camellia")
    program.add_argument("--keys", type=Path, help="a file with the customer's key pair")
    program.add_argument(
        "--clock-file",
        type=Path,
        default=Clock.default_file(),
        help="holds the seconds to add to the system's clock (default: $CAMELLIA_CLOCK_FILE)",
    )
    return program


def read_account(service_id: str, keys: Path | None) -> Account:
    """The customer's keys. Raises ValueError if one is missing, OSError if the file is."""
    values = {
        "access_key": os.environ.get("SMS_ACCESS_KEY", ""),
        "secret_key": os.environ.get("SMS_SECRET_KEY", ""),
    }
    if keys is not None:
        for line in keys.read_text().splitlines():
            name, _, value = line.partition("=")
            if name.strip() in values:
                values[name.strip()] = value.strip()
    for name, value in values.items():
        if not value:
            raise ValueError(f"{name} is missing: set SMS_{name.upper()} or give --keys")
    return Account(service_id, **values)


def main() -> int:
    arguments = parser().parse_args()
    set_up_logs("simulators.sms")
    try:
        account = read_account(arguments.service_id, arguments.keys)
        serve(create_app(account, Clock(arguments.clock_file)), arguments.host, arguments.port)
    except (ValueError, OSError) as error:
        print(f"simulators.sms: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
