"""Why money is refused: one vocabulary from the contract to the wallet's words (R).

The number of a reason is its place in the precedence: of several that hold, the smallest is given.
The words say what to do next, and never that the reader did wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Literal

from gateway.domain.errors import DomainError

Language = Literal["en", "ko"]


class Reason(IntEnum):
    """The outcome of one order, as the contract numbers it (R)."""

    ACCEPTED = 0
    PAUSED = 1
    DUPLICATE = 2
    EXPIRED_ORDER = 3
    BAD_SIGNATURE = 4
    UNKNOWN_CITIZEN = 5
    CITIZEN_FROZEN = 6
    UNKNOWN_MERCHANT = 7
    MERCHANT_SUSPENDED = 8
    ZERO_AMOUNT = 9
    OVER_PASS_LIMIT = 10
    CARD_NOT_ENABLED = 11
    OVER_CARD_LIMIT = 12
    NOT_ACCEPTED_HERE = 13
    INSUFFICIENT_FUNDS = 14

    @property
    def uses_nonce(self) -> bool:
        """Whether an order with this outcome has used up its nonce (R-2).

        True once the order was proved authentic, i.e. for ACCEPTED and for reasons 6 to 14.
        """
        return self is Reason.ACCEPTED or self >= Reason.CITIZEN_FROZEN

    def words(self, language: Language = "en") -> str:
        """One or two short sentences for the person who is paying."""
        return getattr(WORDS[self], language)  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class Words:
    """The same message in English and in Korean."""

    en: str
    ko: str


WORDS: Final[Mapping[Reason, Words]] = {
    Reason.ACCEPTED: Words("Paid.", "결제되었습니다."),
    Reason.PAUSED: Words(
        "Payments are paused for the moment. Your money is safe; please try again shortly.",
        "결제가 잠시 멈춰 있습니다. 잔액은 안전하니 잠시 후 다시 시도해 주세요.",
    ),
    Reason.DUPLICATE: Words(
        "This payment was already taken care of. Check your history before paying again.",
        "이미 처리된 결제입니다. 다시 결제하기 전에 이용 내역을 확인해 주세요.",
    ),
    Reason.EXPIRED_ORDER: Words(
        "This payment took too long and was not made. Please start it again.",
        "결제 시간이 지나 결제되지 않았습니다. 처음부터 다시 진행해 주세요.",
    ),
    Reason.BAD_SIGNATURE: Words(
        "This payment could not be confirmed as yours, so nothing was taken. "
        "Please open the app again and pay once more.",
        "본인 확인이 되지 않아 결제되지 않았습니다. 앱을 다시 열고 결제해 주세요.",
    ),
    Reason.UNKNOWN_CITIZEN: Words(
        "We could not find this wallet yet. If you have just joined, please wait a moment; "
        "otherwise contact the help desk.",
        "지갑을 아직 찾을 수 없습니다. 방금 가입하셨다면 잠시 기다려 주시고, "
        "그렇지 않다면 고객센터로 연락해 주세요.",
    ),
    Reason.CITIZEN_FROZEN: Words(
        "This wallet is on hold and your balance is kept safe. "
        "Please contact the help desk to open it again.",
        "지갑 이용이 잠시 멈춰 있으며 잔액은 안전하게 보관됩니다. "
        "다시 이용하시려면 고객센터로 연락해 주세요.",
    ),
    Reason.UNKNOWN_MERCHANT: Words(
        "This shop is not registered with the currency. Please pay another way here.",
        "가맹점으로 등록되지 않은 곳입니다. 다른 결제 수단을 이용해 주세요.",
    ),
    Reason.MERCHANT_SUSPENDED: Words(
        "This shop cannot take the currency at the moment. Please pay another way here.",
        "지금은 이 가맹점에서 이용할 수 없습니다. 다른 결제 수단을 이용해 주세요.",
    ),
    Reason.ZERO_AMOUNT: Words(
        "The amount is ₩0. Please enter the amount to pay.",
        "금액이 0원입니다. 결제할 금액을 입력해 주세요.",
    ),
    Reason.OVER_PASS_LIMIT: Words(
        "The amount is above what this QR code allows. Please show a new code with a higher limit.",
        "이 QR 코드로 결제할 수 있는 금액보다 큽니다. 한도를 높여 새 코드를 보여 주세요.",
    ),
    Reason.CARD_NOT_ENABLED: Words(
        "Card payment is switched off. Set a daily card limit in the app to switch it on.",
        "카드 결제가 꺼져 있습니다. 앱에서 카드 하루 한도를 정하면 이용할 수 있습니다.",
    ),
    Reason.OVER_CARD_LIMIT: Words(
        "This would pass today's card limit. Pay by QR, or raise the limit in the app.",
        "오늘의 카드 한도를 넘는 금액입니다. QR로 결제하거나 앱에서 한도를 올려 주세요.",
    ),
    Reason.NOT_ACCEPTED_HERE: Words(
        "The money you have cannot be used at this shop. "
        "The app shows shops nearby where it can; please pay another way here.",
        "보유하신 금액은 이 가맹점에서 쓸 수 없습니다. "
        "앱에서 가까운 사용처를 확인하시고, 여기서는 다른 결제 수단을 이용해 주세요.",
    ),
    Reason.INSUFFICIENT_FUNDS: Words(
        "The balance that can be used here is less than the amount. Charge the wallet and try again.",
        "여기서 쓸 수 있는 잔액이 결제 금액보다 적습니다. 충전한 뒤 다시 시도해 주세요.",
    ),
}


class Refused(DomainError):
    """A payment is refused; `reason` is the code that every layer passes on unchanged.

    `usable_won` is what the citizen could have paid with here, when that is what decided.
    """

    def __init__(self, reason: Reason, *, usable_won: int | None = None) -> None:
        if reason is Reason.ACCEPTED:
            raise ValueError("ACCEPTED is no reason to refuse")
        super().__init__(reason.name)
        self.reason = reason
        self.usable_won = usable_won


def first_reason(holding: Iterable[Reason]) -> Reason:
    """The reason to give when all of `holding` hold: the first of the list (R).

    ACCEPTED when none holds.
    """
    return min((reason for reason in holding if reason), default=Reason.ACCEPTED)
