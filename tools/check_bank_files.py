"""Holds the bank rail's messages against the published schemas with a validator of its own: libxml2's
xmllint.

Ours (pain.001) as the gateway writes it; a bank's (pain.002, camt.053, camt.054) as the simulator does. Each
file must pass, and must fail when one word of it is changed: a validator that passes everything is none.
Needs `xmllint` (Debian: libxml2-utils); `make check-bank-files` installs it where it may.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from datetime import date, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from gateway.domain.business_days import KST  # noqa: E402 - the checkout first
from gateway.rails.bank import pain001  # noqa: E402
from gateway.rails.bank.values import BankAccount  # noqa: E402
from simulators.bank import messages  # noqa: E402
from simulators.bank.ledger import INTEREST, Account, Booking  # noqa: E402

SCHEMAS = ROOT / "gateway" / "rails" / "bank" / "schemas"
AT = datetime(2027, 2, 5, 9, 0, tzinfo=KST)
PAYOUTS = 1_000


def samples() -> dict[str, bytes]:
    """A message of each kind, by its ISO 20022 name."""
    city = Account("032", "101-2026-0001-07", "부산광역시 동백전", "city", "open", 0, 900)
    lines = [
        Booking(1, 50_000, int(AT.timestamp()), "R-1", "김동백 & <아들>", "10000016 충전", "", ""),
        Booking(
            2, -20_000, int(AT.timestamp()), "R-2", "동백식당", "", "DONGBAEK-20270205-M0000000001", "M-1"
        ),
        Booking(3, 77, int(AT.timestamp()), "R-3", "BANK", INTEREST, "", ""),
    ]
    results = [
        messages.Result("DONGBAEK-20270205-M0000000001", "", "", "R-2"),
        messages.Result("DONGBAEK-20270205-M0000000002", "AC04", "account closed", ""),
    ]
    order = pain001.PayoutOrder(
        message_id="DONGBAEK-20270205-01",
        created_at=AT,
        execution_on=AT.date(),
        initiating_party="부산광역시 동백전 운영",
        debtor=BankAccount(city.bank_code, city.number, city.holder),
        payouts=[
            pain001.Payout(
                pain001.merchant_reference("DONGBAEK", 20270205, number),
                number * 100,
                BankAccount("011", f"302-{number:08d}", f"가게 {number} & Co"),
            )
            for number in range(1, PAYOUTS + 1)
        ],
    )
    return {
        "pain.001.001.09": pain001.build(order),
        "pain.002.001.10": messages.results("R-1", AT, "032", order.message_id, order.message_id, results),
        "camt.053.001.08": messages.statement("S-1", AT, city, date(2027, 2, 5), 0, lines),
        "camt.054.001.08": messages.notification("N-1", AT, city, lines[:1]),
    }


def passes(xmllint: str, name: str, raw: bytes) -> tuple[bool, str]:
    """Whether xmllint takes a message, and what it says."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "message.xml"
        file.write_bytes(raw)
        done = subprocess.run(
            [xmllint, "--noout", "--nonet", "--schema", str(SCHEMAS / f"{name}.xsd"), str(file)],
            capture_output=True,
            text=True,
        )
    return done.returncode == 0, done.stderr[-500:]


def main() -> int:
    xmllint = shutil.which("xmllint")
    if xmllint is None:
        print("xmllint is missing: install Debian's libxml2-utils", file=sys.stderr)
        return 2
    wrong = 0
    for name, raw in samples().items():
        good, said = passes(xmllint, name, raw)
        spoilt = raw.replace(b"MsgId>", b"MsgIdx>")
        fails = not passes(xmllint, name, spoilt)[0]
        wrong += not (good and fails)
        print(f"{name}: {'valid' if good else said}; a spoilt one {'fails' if fails else 'PASSES'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
