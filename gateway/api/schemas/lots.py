"""Own money in lots."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from gateway.api.schemas.kinds import Won
from gateway.domain.own_refund import RefundReason


class LotRefund(BaseModel):
    """What can be paid back of a lot now, and why or why not (L-8)."""

    possible: bool
    reason: RefundReason = Field(description="The first that holds.", examples=["NOT_ENOUGH_USED"])
    detail: str = Field(description="The same for people, in the language they accept.")
    amount_won: Won = Field(description="What would leave the wallet.")
    payout_won: Won = Field(description="What would reach the bank account, of the price paid (L-7).")
    use_first_won: Won = Field(description="NOT_ENOUGH_USED: what has to be spent of this lot before.")


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


class LotsOut(BaseModel):
    """All lots, oldest first: the order in which payments take them."""

    own_won: Won = Field(description="Σ of what is left: the own money of `GET …/me/balance`.")
    lots: list[LotOut]
