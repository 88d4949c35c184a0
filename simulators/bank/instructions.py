"""Reading pain.001.001.09 as the bank does: schema first, then what the bank needs of it."""

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path

from lxml import etree

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"
MAX_BYTES = 256 * 1024 * 1024
_N = {"p": NAMESPACE}
_MESSAGE_ID = re.compile(r"<MsgId>([^<&]{1,35})</MsgId>")


class BadFileError(ValueError):
    """A file that is no pain.001. `message_id` is what could be read of it, or NOTPROVIDED."""

    def __init__(self, text: str, raw: bytes) -> None:
        super().__init__(text)
        found = _MESSAGE_ID.search(raw[:4096].decode("utf-8", "replace"))
        self.message_id = found.group(1) if found else "NOTPROVIDED"


@dataclass(frozen=True, slots=True)
class Line:
    """A credit transfer. `amount` as it is written: the bank judges whether it can be paid."""

    end_to_end_id: str
    amount: Decimal
    currency: str
    bank_code: str
    number: str
    name: str
    remittance: str


@dataclass(frozen=True, slots=True)
class Instruction:
    message_id: str
    stated_number: int
    stated_sum: Decimal | None
    payment_id: str
    execution_on: date
    debtor_bank: str
    debtor_number: str
    lines: tuple[Line, ...]


@cache
def _schema(folder: Path) -> etree.XMLSchema:
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    return etree.XMLSchema(etree.parse(folder / "pain.001.001.09.xsd", parser))


def read(raw: bytes, schemas: Path) -> Instruction:
    """Read a payout order. Raises BadFileError."""
    if len(raw) > MAX_BYTES or b"\x00" in raw or b"<!DOCTYPE" in raw:
        raise BadFileError("too large, not UTF-8 text, or with a document type", raw)
    parser = etree.XMLParser(
        encoding="utf-8", resolve_entities=False, no_network=True, huge_tree=True, remove_comments=True
    )
    try:
        root = etree.fromstring(raw, parser)
        _schema(schemas).assertValid(root)
    except (etree.XMLSyntaxError, etree.DocumentInvalid, ValueError) as error:
        raise BadFileError(" ".join(str(error).split())[:100], raw) from None
    payments = root.findall("p:CstmrCdtTrfInitn/p:PmtInf", _N)
    if len(payments) != 1:
        raise BadFileError("this bank takes one payment (PmtInf) a file", raw)
    payment = payments[0]
    header = root.find("p:CstmrCdtTrfInitn/p:GrpHdr", _N)
    assert header is not None
    control_sum = _text(header, "CtrlSum")
    try:
        execution_on = date.fromisoformat(_text(payment, "ReqdExctnDt/Dt"))
    except ValueError:
        raise BadFileError("the execution date (ReqdExctnDt/Dt) is no plain date", raw) from None
    return Instruction(
        message_id=_text(header, "MsgId"),
        stated_number=int(_text(header, "NbOfTxs")),
        stated_sum=Decimal(control_sum) if control_sum else None,
        payment_id=_text(payment, "PmtInfId"),
        execution_on=execution_on,
        debtor_bank=_text(payment, "DbtrAgt/FinInstnId/ClrSysMmbId/MmbId"),
        debtor_number=_text(payment, "DbtrAcct/Id/Othr/Id"),
        lines=tuple(_line(element) for element in payment.iterfind("p:CdtTrfTxInf", _N)),
    )


def _line(element: etree._Element) -> Line:
    amount = element.find("p:Amt/p:InstdAmt", _N)
    return Line(
        end_to_end_id=_text(element, "PmtId/EndToEndId"),
        amount=Decimal((amount.text or "0").strip()) if amount is not None else Decimal(0),
        currency=amount.get("Ccy", "") if amount is not None else "",
        bank_code=_text(element, "CdtrAgt/FinInstnId/ClrSysMmbId/MmbId"),
        number=_text(element, "CdtrAcct/Id/Othr/Id"),
        name=_text(element, "Cdtr/Nm"),
        remittance=_text(element, "RmtInf/Ustrd"),
    )


def _text(element: etree._Element, path: str) -> str:
    found = element.find(_qualified(path), _N)
    return "" if found is None else (found.text or "").strip()


@cache
def _qualified(path: str) -> str:
    return "/".join(f"p:{name}" for name in path.split("/"))
