"""Writing the bank's messages: pain.002.001.10, camt.053.001.08, camt.054.001.08.

Plain text with everything that varies escaped: the bank's own way, unlike the gateway's on purpose, so
that the two prove each other's.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from xml.sax.saxutils import escape

from simulators.bank.ledger import INTEREST, Account, Booking
from simulators.clock import KST

_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="urn:iso:std:iso:20022:tech:xsd:'


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a line of an order: `reason` is an ISO 20022 code, empty if it was paid."""

    end_to_end_id: str
    reason: str
    text: str
    reference: str

    @property
    def status(self) -> str:
        return "RJCT" if self.reason else "ACSC"


def _tag(name: str, text: object) -> str:
    return f"<{name}>{escape(str(text))}</{name}>"


def _reason(code: str, text: str) -> str:
    return f"<StsRsnInf><Rsn>{_tag('Cd', code)}</Rsn>{_tag('AddtlInf', text[:105])}</StsRsnInf>"


def _agent(bank_code: str) -> str:
    return f"<FinInstnId><ClrSysMmbId>{_tag('MmbId', bank_code)}</ClrSysMmbId></FinInstnId>"


def status_report(
    message_id: str,
    at: datetime,
    bank_code: str,
    order_id: str,
    group: str,
    reasons: str = "",
    more: str = "",
) -> bytes:
    """A pain.002 on an order. `group`: its status; `reasons` and `more`: parts made below."""
    return (
        f"{_HEAD}pain.002.001.10"
        f'"><CstmrPmtStsRpt><GrpHdr>{_tag("MsgId", message_id)}{_tag("CreDtTm", at.isoformat())}'
        f"<DbtrAgt>{_agent(bank_code)}</DbtrAgt></GrpHdr><OrgnlGrpInfAndSts>"
        f"{_tag('OrgnlMsgId', order_id)}<OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId>"
        f"{_tag('GrpSts', group)}{reasons}</OrgnlGrpInfAndSts>{more}</CstmrPmtStsRpt></Document>\n"
    ).encode()


def refusal(message_id: str, at: datetime, bank_code: str, order_id: str, code: str, text: str) -> bytes:
    """A pain.002 that refuses a whole order."""
    return status_report(message_id, at, bank_code, order_id, "RJCT", _reason(code, text))


def results(
    message_id: str, at: datetime, bank_code: str, order_id: str, payment_id: str, lines: Sequence[Result]
) -> bytes:
    """A pain.002 with the fate of every line."""
    counted = Counter(line.status for line in lines)
    group = next(iter(counted)) if len(counted) == 1 else "PART"
    counts = "".join(
        f"<NbOfTxsPerSts>{_tag('DtldNbOfTxs', number)}{_tag('DtldSts', status)}</NbOfTxsPerSts>"
        for status, number in sorted(counted.items())
    )
    body = "\n".join(_transaction(line, at) for line in lines)
    more = f"<OrgnlPmtInfAndSts>{_tag('OrgnlPmtInfId', payment_id)}\n{body}\n</OrgnlPmtInfAndSts>"
    return status_report(message_id, at, bank_code, order_id, group, counts, more)


def _transaction(line: Result, at: datetime) -> str:
    told = _reason(line.reason, line.text) if line.reason else _tag("AccptncDtTm", at.isoformat())
    reference = _tag("AcctSvcrRef", line.reference) if line.reference else ""
    return (
        f"<TxInfAndSts>{_tag('OrgnlEndToEndId', line.end_to_end_id)}{_tag('TxSts', line.status)}"
        f"{told}{reference}</TxInfAndSts>"
    )


def _account(account: Account) -> str:
    return (
        f"<Acct><Id><Othr>{_tag('Id', account.number)}</Othr></Id><Ccy>KRW</Ccy>"
        f"<Ownr>{_tag('Nm', account.holder)}</Ownr><Svcr>{_agent(account.bank_code)}</Svcr></Acct>"
    )


def _entry(line: Booking) -> str:
    credit = line.amount_won > 0
    booked = datetime.fromtimestamp(line.booked_at, KST).isoformat()
    other = "Dbtr" if credit else "Cdtr"
    message = _tag("MsgId", line.message_id) if line.message_id else ""
    remittance = f"<RmtInf>{_tag('Ustrd', line.remittance)}</RmtInf>" if line.remittance else ""
    return (
        f'<Ntry><Amt Ccy="KRW">{abs(line.amount_won)}</Amt>'
        f"<CdtDbtInd>{'CRDT' if credit else 'DBIT'}</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>"
        f"<BookgDt>{_tag('DtTm', booked)}</BookgDt>{_tag('AcctSvcrRef', line.reference)}"
        f"<BkTxCd><Domn>{_kind(line)}</Domn></BkTxCd>"
        f"<NtryDtls><TxDtls><Refs>{message}{_tag('EndToEndId', line.end_to_end_id or 'NOTPROVIDED')}</Refs>"
        f"<RltdPties><{other}><Pty>{_tag('Nm', line.counterparty)}</Pty></{other}></RltdPties>"
        f"{remittance}</TxDtls></NtryDtls></Ntry>"
    )


def _kind(line: Booking) -> str:
    """ISO 20022 bank transaction code: interest is a miscellaneous credit of account management."""
    if line.remittance == INTEREST and line.counterparty == "BANK":
        return "<Cd>ACMT</Cd><Fmly><Cd>MCOP</Cd><SubFmlyCd>INTR</SubFmlyCd></Fmly>"
    direction = "R" if line.amount_won > 0 else "I"
    return f"<Cd>PMNT</Cd><Fmly><Cd>{direction}CDT</Cd><SubFmlyCd>DMCT</SubFmlyCd></Fmly>"


def _summary(lines: Sequence[Booking]) -> str:
    parts = ""
    for name, sign in (("TtlCdtNtries", 1), ("TtlDbtNtries", -1)):
        amounts = [line.amount_won * sign for line in lines if line.amount_won * sign > 0]
        parts += f"<{name}>{_tag('NbOfNtries', len(amounts))}{_tag('Sum', sum(amounts))}</{name}>"
    return f"<TxsSummry>{parts}</TxsSummry>"


def _report(kind: str, root: str, part: str, message_id: str, at: datetime, content: str) -> bytes:
    return (
        f'{_HEAD}{kind}"><{root}><GrpHdr>{_tag("MsgId", message_id)}{_tag("CreDtTm", at.isoformat())}'
        f"</GrpHdr><{part}>{_tag('Id', message_id)}{content}</{part}></{root}></Document>\n"
    ).encode()


def notification(message_id: str, at: datetime, account: Account, lines: Sequence[Booking]) -> bytes:
    """A camt.054 for the bookings `lines` of an account."""
    entries = "\n".join(_entry(line) for line in lines)
    content = f"{_account(account)}{_summary(lines)}\n{entries}\n"
    return _report("camt.054.001.08", "BkToCstmrDbtCdtNtfctn", "Ntfctn", message_id, at, content)


def statement(
    message_id: str, at: datetime, account: Account, day: date, opening_won: int, lines: Sequence[Booking]
) -> bytes:
    """A camt.053 for an account's day, whose closing balance is opening + Σ lines."""
    closing_won = opening_won + sum(line.amount_won for line in lines)
    balances = _balance("OPBD", opening_won, day) + _balance("CLBD", closing_won, day)
    entries = "\n".join(_entry(line) for line in lines)
    content = f"{_account(account)}{balances}{_summary(lines)}\n{entries}\n"
    return _report("camt.053.001.08", "BkToCstmrStmt", "Stmt", message_id, at, content)


def _balance(code: str, amount_won: int, day: date) -> str:
    direction = "CRDT" if amount_won >= 0 else "DBIT"
    return (
        f"<Bal><Tp><CdOrPrtry>{_tag('Cd', code)}</CdOrPrtry></Tp>"
        f'<Amt Ccy="KRW">{abs(amount_won)}</Amt>{_tag("CdtDbtInd", direction)}'
        f"<Dt>{_tag('Dt', day.isoformat())}</Dt></Bal>"
    )
