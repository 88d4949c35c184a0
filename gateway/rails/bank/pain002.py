"""pain.002.001.10, payment status report: what the bank did with a payout order.

Statuses are of ISO 20022's external code sets (ExternalPaymentGroupStatus1Code and
ExternalPaymentTransactionStatus1Code), reasons of ExternalStatusReason1Code (AC01 incorrect account
number, AC04 closed account, AM04 insufficient funds, DU01 duplicate message …).
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from gateway.rails.bank.xml import MAX_INBOUND_BYTES, Element, Message, read_document


class Status(StrEnum):
    """A status code. Another is refused, because its meaning for money is not known."""

    RECEIVED = "RCVD"
    TECHNICALLY_ACCEPTED = "ACTC"
    CUSTOMER_ACCEPTED = "ACCP"
    ACCEPTED_WITH_CHANGE = "ACWC"
    IN_SETTLEMENT = "ACSP"
    FUNDS_CHECKED = "ACFC"
    ACCEPTED_WITHOUT_POSTING = "ACWP"
    PENDING = "PDNG"
    SETTLED = "ACSC"
    CREDITED = "ACCC"
    PARTLY = "PART"
    REJECTED = "RJCT"
    CANCELLED = "CANC"


class Outcome(StrEnum):
    """What a report says of one payout: `paid` and `returned` are final."""

    PENDING = "pending"
    PAID = "paid"
    RETURNED = "returned"


_PAID = frozenset({Status.SETTLED, Status.CREDITED})
_RETURNED = frozenset({Status.REJECTED, Status.CANCELLED})

# What the bank refuses because it has it already: nothing is said of the payouts themselves, which
# were, or will be, paid by the first. DU01 to DU05 duplicates, AM05 duplication.
_DUPLICATE_REASONS = frozenset({"DU01", "DU02", "DU03", "DU04", "DU05", "AM05"})


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason code, or a bank's own words where it has none (`code` is then empty)."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class PayoutStatus:
    """What is said of one payout, named by its reference (EndToEndId)."""

    reference: str
    status: Status
    reasons: tuple[Reason, ...]
    accepted_at: datetime | None
    bank_reference: str | None

    @property
    def outcome(self) -> Outcome:
        """A payout refused as a duplicate is pending: its first sending decides."""
        outcome = _outcome(self.status)
        refused = outcome is Outcome.RETURNED and _speak_of_duplicate(self.reasons)
        return Outcome.PENDING if refused else outcome


@dataclass(frozen=True, slots=True)
class StatusReport:
    """A report on one payout order, `order_id` (OrgnlMsgId)."""

    message_id: str
    created_at: datetime
    order_id: str
    order_status: Status | None
    reasons: tuple[Reason, ...]
    payouts: Mapping[str, PayoutStatus] = field(hash=False)

    @property
    def is_duplicate(self) -> bool:
        """The bank had the order already. No payout's fate follows from this report."""
        return self.order_status is Status.REJECTED and _speak_of_duplicate(self.reasons)

    def outcome_of(self, reference: str) -> Outcome:
        """The fate of a payout of the order: its own status, else the order's."""
        if self.is_duplicate:
            return Outcome.PENDING
        listed = self.payouts.get(reference)
        if listed is not None:
            return listed.outcome
        return Outcome.PENDING if self.order_status is None else _outcome(self.order_status)


def parse(raw: bytes, max_bytes: int = MAX_INBOUND_BYTES) -> StatusReport:
    """Read a pain.002.001.10. Raises BankFileError for anything that cannot be acted on."""
    report = read_document(raw, Message.PAIN_002, max_bytes).need("CstmrPmtStsRpt")
    header, group = report.need("GrpHdr"), report.need("OrgnlGrpInfAndSts")
    if not group.need_text("OrgnlMsgNmId").startswith("pain.001"):
        raise group.error("reports on a message other than a pain.001")
    payouts, payment_statuses = _payouts(report)
    order_status = _status(group, "GrpSts")
    reasons = _reasons(group)
    for payment in report.all("OrgnlPmtInfAndSts"):
        reasons += _reasons(payment)
    if order_status is None and len(payment_statuses) == 1:
        order_status = payment_statuses[0]
    result = StatusReport(
        message_id=header.need_text("MsgId"),
        created_at=header.time("CreDtTm"),
        order_id=group.need_text("OrgnlMsgId"),
        order_status=order_status,
        reasons=reasons,
        payouts=payouts,
    )
    _check(group, result)
    return result


def _payouts(report: Element) -> tuple[dict[str, PayoutStatus], list[Status]]:
    payouts: dict[str, PayoutStatus] = {}
    payment_statuses: list[Status] = []
    for payment in report.all("OrgnlPmtInfAndSts"):
        status = _status(payment, "PmtInfSts")
        if status is not None:
            payment_statuses.append(status)
        for transaction in payment.all("TxInfAndSts"):
            payout = _payout(transaction)
            if payout.reference in payouts:
                raise transaction.error(f"{payout.reference} is reported twice")
            payouts[payout.reference] = payout
    if len(payment_statuses) > 1:
        raise report.error("reports on several payments: our orders hold one")
    return payouts, payment_statuses


def _payout(transaction: Element) -> PayoutStatus:
    status = _status(transaction, "TxSts")
    if status is None or status is Status.PARTLY:
        raise transaction.error("a transaction without a status of its own")
    accepted = transaction.find("AccptncDtTm")
    return PayoutStatus(
        reference=transaction.need_text("OrgnlEndToEndId"),
        status=status,
        reasons=_reasons(transaction),
        accepted_at=None if accepted is None else transaction.time("AccptncDtTm"),
        bank_reference=transaction.text("AcctSvcrRef"),
    )


def _status(element: Element, path: str) -> Status | None:
    code = element.text(path)
    if code is None:
        return None
    try:
        return Status(code)
    except ValueError:
        raise element.error(f"{path} {code!r} is not a status that we can act on") from None


def _reasons(element: Element) -> tuple[Reason, ...]:
    return tuple(
        Reason(
            code=information.text("Rsn/Cd") or "",
            text=" ".join(
                text
                for text in [
                    information.text("Rsn/Prtry") or "",
                    *(line.content() for line in information.all("AddtlInf")),
                ]
                if text
            ),
        )
        for information in element.all("StsRsnInf")
    )


def _speak_of_duplicate(reasons: tuple[Reason, ...]) -> bool:
    return any(reason.code in _DUPLICATE_REASONS for reason in reasons)


def _outcome(status: Status) -> Outcome:
    if status in _PAID:
        return Outcome.PAID
    return Outcome.RETURNED if status in _RETURNED else Outcome.PENDING


def _check(group: Element, report: StatusReport) -> None:
    """Refuse a report that contradicts itself: paying or giving back by it would be a guess."""
    outcomes = Counter(_outcome(payout.status) for payout in report.payouts.values())
    said = None if report.order_status is None else _outcome(report.order_status)
    if said in (Outcome.PAID, Outcome.RETURNED) and set(outcomes) - {said}:
        raise group.error(f"the order is {report.order_status} but a payout in it is not")
    counted = Counter(payout.status.value for payout in report.payouts.values())
    for line in group.all("NbOfTxsPerSts"):
        status, number = line.need_text("DtldSts"), line.count("DtldNbOfTxs")
        # a bank may list the rejected ones only, but not more or fewer of a status that it lists
        if counted.get(status) not in (None, number):
            raise group.error(f"counts {number} {status}, lists {counted[status]}")
