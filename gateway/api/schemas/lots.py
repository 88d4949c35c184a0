"""Own money in lots."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from gateway.api.schemas.kinds import Body, Pin, Won
from gateway.api.schemas.merchants import AccountIn
from gateway.domain.own_refund import RefundReason


class LotRefund(BaseModel):
    """What can be paid back of a lot now, and why or why not (L-8)."""

    possible: bool
    reason: RefundReason = Field(description="The first that holds.", examples=["NOT_ENOUGH_USED"])
    detail: str = Field(description="The same for people, in the language they accept.")
    amount_won: Won = Field(description="What would leave the wallet.")
    payout_won: Won = Field(description="What would reach the bank account, of the price paid (L-7).")
    use_first_won: Won = Field(description="NOT_ENOUGH_USED: what has to be spent of this lot before.")


class OwnRefundOut(BaseModel):
    """A lot on its way back to the citizen's bank account (L-12 to L-14)."""

    refund: uuid.UUID
    charge: str
    amount_won: Won = Field(description="What left the wallet.")
    payout_won: Won = Field(description="What reaches the bank account.")
    reason: RefundReason = Field(description="Why it is paid back.")
    state: Literal["held", "submitted", "redeemed", "filed", "paid", "returned", "rejected"] = Field(
        description="`redeemed` and `filed`: the city owes it, and its bank is asked. `returned`: the bank "
        "could not pay; link another account and ask for it again. `rejected`: the money is in the wallet."
    )
    error: str | None = Field(description="Why the bank returned it, or the chain refused it.")
    requested_at: datetime
    redeemed_at: datetime | None
    ended_at: datetime | None


class OwnRefundsOut(BaseModel):
    """Newest first."""

    refunds: list[OwnRefundOut]


class AskLotBack(Body):
    """A lot by its charge, as `GET …/me/lots` names it."""

    charge: Annotated[str, Field(pattern=r"^0x[0-9a-f]{64}$", examples=["0x" + "4d" * 32])]
    pin: Pin | None = Field(
        None, examples=["271828"], description="Needed unless the session was stepped up."
    )


class PayAgain(Body):
    """A refund that the bank returned is paid to the account that is linked now."""

    pin: Pin


class LinkAccount(AccountIn):
    """The bank account that own money is paid back to."""

    pin: Pin


class LinkedAccount(BaseModel):
    """A linked account; its number is never shown whole."""

    bank_code: str
    masked_number: str = Field(examples=["**********8901"])
    holder: str
    linked_at: datetime


class LotOut(BaseModel):
    """One charge in the citizen's hands. `amount_won` − given − redeemed − used = `left_won`."""

    charge: str = Field(
        description="The charge's name for ever: the deposit's reference on chain (O-3), 32 bytes as hex.",
        examples=["0x" + "4d" * 32],
    )
    charged_at: datetime
    bought: bool = Field(description="False: it came as a gift, with the date of the giver's charge (L-5).")
    amount_won: Won = Field(description="What came into this lot.")
    price_paid_won: Won = Field(description="What was paid for it.")
    incentive_won: Won = Field(description="What the city added at the charge.")
    used_won: Won = Field(description="Spent, less what cancellations put back (L-4).")
    given_won: Won = Field(description="Passed on as gifts.")
    redeemed_won: Won = Field(description="Paid back.")
    left_won: Won
    expires_at: datetime = Field(description="The first moment at which it has expired (L-11).")
    refund: LotRefund
    refunds: list[OwnRefundOut] = Field(description="What was asked back of it, newest first.")


class LotsOut(BaseModel):
    """All lots, oldest first: the order in which payments take them."""

    own_won: Won = Field(description="Σ of what is left: the own money of `GET …/me/balance`.")
    lots: list[LotOut]
