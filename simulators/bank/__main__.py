"""`python -m simulators.bank`: a partner bank over SFTP or folders, and HTTP."""

import argparse
import json
import re
import sqlite3
import sys
from pathlib import Path

from pydantic import ValidationError

from simulators.bank.api import Bank, NewAccounts, create_app
from simulators.bank.desk import Desk
from simulators.bank.ledger import Ledger
from simulators.bank.notices import Notices
from simulators.bank.payouts import Payouts
from simulators.bank.sftp import SftpDoor
from simulators.clock import Clock
from simulators.serving import serve, set_up_logs

# The published schemas are data of the standard; the bank reads them where the repository keeps them.
SCHEMAS = Path(__file__).parents[2] / "gateway" / "rails" / "bank" / "schemas"


def parser() -> argparse.ArgumentParser:
    program = argparse.ArgumentParser(
        prog="python -m simulators.bank",
        description="A partner bank: ISO 20022 files in two folders, a control side over HTTP. "
        "Prints `ready port=N`.",
        epilog="Accounts file: the body of POST /accounts. Files are written whole: names that start with a "
        "dot or end in .tmp or .part are not read.",
    )
    program.add_argument("--host", default="127.0.0.1")
    program.add_argument("--port", type=int, default=0, help="0 (the default) takes a free one")
    program.add_argument("--bank-code", default="032", help="KFTC bank code (default: 032)")
    program.add_argument("--state", type=Path, required=True, help="folder of the books, kept over restarts")
    program.add_argument("--inbound", type=Path, required=True, help="folder where pain.001 files arrive")
    program.add_argument(
        "--outbound", type=Path, required=True, help="folder for pain.002, camt.053, camt.054"
    )
    program.add_argument("--accounts", type=Path, help="JSON file of accounts to open at the start")
    program.add_argument("--poll", type=float, default=0.2, help="seconds between rounds (default: 0.2)")
    program.add_argument("--entries", type=int, default=500, help="entries a camt.054 file (default: 500)")
    program.add_argument("--daily", action="store_true", help="send a camt.053 for every day that is over")
    sftp = program.add_argument_group("SFTP", "all of them, or none: then files go through the folders alone")
    sftp.add_argument("--sftp-port", type=int, help="port of the SFTP server")
    sftp.add_argument("--sftp-root", type=Path, help="what the customer sees as /: holds both folders")
    sftp.add_argument("--sftp-host-key", type=Path, help="the bank's private key")
    sftp.add_argument("--sftp-user", help="the customer's name")
    sftp.add_argument("--sftp-user-keys", type=Path, help="the customer's keys, as authorized_keys")
    program.add_argument("--schemas", type=Path, default=SCHEMAS, help="folder of the ISO 20022 schemas")
    program.add_argument(
        "--clock-file",
        type=Path,
        default=Clock.default_file(),
        help="holds the seconds to add to the system's clock (default: $CAMELLIA_CLOCK_FILE)",
    )
    return program


def build(arguments: argparse.Namespace) -> Bank:
    """Join the bank's parts. Raises ValueError, OSError or sqlite3.Error if it cannot open."""
    if not re.fullmatch(r"[0-9]{3}", arguments.bank_code, re.ASCII):
        raise ValueError(f"--bank-code {arguments.bank_code!r} is not three digits")
    if arguments.entries < 1 or arguments.poll <= 0:
        raise ValueError("--entries and --poll must be above zero")
    if not (arguments.schemas / "pain.001.001.09.xsd").is_file():
        raise ValueError(f"no pain.001.001.09.xsd in {arguments.schemas}")
    clock = Clock(arguments.clock_file)
    ledger = Ledger(arguments.state / "bank.sqlite3", arguments.bank_code)
    notices = Notices(ledger, clock, arguments.entries)
    payouts = Payouts(ledger, clock, arguments.schemas)
    desk = Desk(ledger, payouts, notices, arguments.inbound, arguments.outbound, daily=arguments.daily)
    bank = Bank(ledger, desk, notices, clock)
    if arguments.accounts is not None:
        bank.open_accounts(NewAccounts(**json.loads(arguments.accounts.read_text())).accounts)
    return bank


def door_of(arguments: argparse.Namespace) -> SftpDoor | None:
    """The SFTP server that is asked for. Raises ValueError when some of it is missing."""
    given = (
        arguments.sftp_port,
        arguments.sftp_root,
        arguments.sftp_host_key,
        arguments.sftp_user,
        arguments.sftp_user_keys,
    )
    if all(part is None for part in given):
        return None
    if any(part is None for part in given):
        raise ValueError("--sftp-…: all of them, or none")
    port, root, host_key, user, user_keys = given
    for folder in (arguments.inbound, arguments.outbound):
        if not folder.absolute().is_relative_to(root.absolute()):
            raise ValueError(f"{folder} is not below --sftp-root")
    return SftpDoor(arguments.host, port, root, host_key, user, user_keys)


def main() -> int:
    arguments = parser().parse_args()
    set_up_logs("simulators.bank")
    try:
        serve(
            create_app(build(arguments), arguments.poll, door_of(arguments)), arguments.host, arguments.port
        )
    except (ValueError, TypeError, ValidationError, OSError, sqlite3.Error) as error:
        print(f"simulators.bank: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
