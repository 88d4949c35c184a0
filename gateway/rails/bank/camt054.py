"""camt.054.001.08, debit/credit notification: deposits, each of which may issue once (O-3)."""

from dataclasses import dataclass
from datetime import datetime

from gateway.domain.keccak import keccak256
from gateway.rails.bank.entries import Entry, read_account, read_entries
from gateway.rails.bank.values import BankAccount
from gateway.rails.bank.xml import MAX_INBOUND_BYTES, Message, read_document


@dataclass(frozen=True, slots=True)
class Deposit:
    """Money that reached the city's account.

    `deposit_ref`: the bank's reference (AcctSvcrRef), unique at that bank for ever. `remittance`:
    what the payer wrote, by agreement the member number, untrusted text of at most 140 characters
    a line.
    """

    account: BankAccount
    deposit_ref: str
    amount_won: int
    booked_at: datetime
    remittance: str
    payer: str

    @property
    def deposit_key(self) -> bytes:
        """The contract's `bytes32` deposit reference (O-3): `deposit_key` of bank and reference."""
        return deposit_key(self.account.bank_code, self.deposit_ref)


def deposit_key(bank_code: str, deposit_ref: str) -> bytes:
    """keccak256 of `<bank code>:<reference>` in UTF-8, 32 bytes.

    The code has three digits, so no two pairs give the same text. Raises ValueError otherwise.
    """
    if len(bank_code) != 3 or not bank_code.isdecimal() or not bank_code.isascii():
        raise ValueError(f"bank code {bank_code!r} is not three digits")
    if not deposit_ref:
        raise ValueError("a deposit without a reference")
    return keccak256(f"{bank_code}:{deposit_ref}".encode())


@dataclass(frozen=True, slots=True)
class Notification:
    """A message: its deposits in file order, and the entries that are none (debits, reversals,
    bookings still pending), which move nothing here but are told to the operator."""

    message_id: str
    created_at: datetime
    deposits: tuple[Deposit, ...]
    others: tuple[Entry, ...]


def parse(raw: bytes, max_bytes: int = MAX_INBOUND_BYTES) -> Notification:
    """Read a camt.054.001.08. Raises BankFileError for anything that cannot be acted on.

    Whether the account is the city's is the caller's to check.
    """
    document = read_document(raw, Message.CAMT_054, max_bytes).need("BkToCstmrDbtCdtNtfctn")
    header = document.need("GrpHdr")
    deposits: list[Deposit] = []
    others: list[Entry] = []
    seen: set[tuple[str, str]] = set()
    for report in document.all("Ntfctn"):
        account = read_account(report.need("Acct"))
        for entry in read_entries(report):
            if (account.bank_code, entry.reference) in seen:
                raise report.error(f"the reference {entry.reference!r} occurs twice")
            seen.add((account.bank_code, entry.reference))
            if entry.is_credit and entry.is_booked and not entry.is_reversal:
                deposits.append(_deposit(account, entry))
            else:
                others.append(entry)
    return Notification(
        message_id=header.need_text("MsgId"),
        created_at=header.time("CreDtTm"),
        deposits=tuple(deposits),
        others=tuple(others),
    )


def _deposit(account: BankAccount, entry: Entry) -> Deposit:
    return Deposit(
        account=account,
        deposit_ref=entry.reference,
        amount_won=entry.amount_won,
        booked_at=entry.booked_at,
        remittance=entry.remittance,
        payer=entry.counterparty,
    )
