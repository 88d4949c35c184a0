"""Routes of citizens: join, balance, charging, passes."""

from __future__ import annotations

import secrets

from fastapi import APIRouter, Depends, Response

from gateway.api import access, schemas
from gateway.api.codes import signature_of
from gateway.api.problems import documented
from gateway.domain.participants import CitizenStatus
from gateway.flow import balance, charge, codes, join, sessions
from gateway.flow.errors import Invalid
from gateway.flow.pins import verify_pin
from gateway.rails.qr import customer_presented

router = APIRouter(prefix="/v1/{currency}", tags=["citizens"])


@router.post(
    "/citizens",
    status_code=202,
    dependencies=[Depends(access.anonymous)],
    responses=documented(),
    summary="Send a one-time code to a phone",
)
async def start_joining(city: access.City, body: schemas.StartJoining) -> schemas.ChallengeOut:
    """To join, or to sign in on another device: the answer does not tell which."""
    challenge = await join.start(city, body.phone, body.device_id)
    return schemas.ChallengeOut(
        challenge=challenge.challenge, expires_at=schemas.rfc3339(challenge.expires_at)
    )


@router.post(
    "/citizens/confirm",
    status_code=201,
    dependencies=[Depends(access.anonymous)],
    responses=documented("wrong-code", "wrong-pin", "pin-locked", "conflict", "overloaded"),
    summary="Give back the code: join, or sign in",
)
async def confirm_joining(city: access.City, body: schemas.ConfirmJoining) -> schemas.JoinedOut:
    """Makes the wallet at the first time; the id on chain follows within seconds (see `GET …/me`)."""
    wallet = None
    if body.wallet is not None:
        address = bytes.fromhex(body.wallet.address[2:])
        wallet = join.OwnWallet(address, signature_of("wallet.proof", body.wallet.proof))
    joined = await join.confirm(
        city, body.challenge, body.code, body.device_id, body.pin, body.district, wallet
    )
    return schemas.JoinedOut(
        token=joined.token,
        expires_at=schemas.rfc3339(joined.expires_at),
        member=joined.member,
        created=joined.created,
    )


@router.get("/me", responses=documented("unauthenticated", "not-allowed"), summary="Who am I?")
async def me(city: access.City, caller: access.CitizenCaller) -> schemas.Me:
    """The member number, and whether the chain has the wallet."""
    status = await balance.status_of(city, caller)
    names = {None: "registering", CitizenStatus.ACTIVE: "active", CitizenStatus.FROZEN: "frozen"}
    keys = await balance.keys_of(city, caller)
    return schemas.Me.model_validate(
        {
            "member": caller.subject,
            "state": names[status],
            "citizen": caller.chain_id,
            "keeps_own_key": keys.keeps_own_key,
            "next_nonce": keys.next_nonce,
        }
    )


@router.post(
    "/me/step-up",
    responses=documented("unauthenticated", "not-allowed", "wrong-pin", "pin-locked"),
    summary="Give the PIN once for the next minutes",
)
async def step_up(city: access.City, caller: access.CitizenCaller, body: schemas.StepUp) -> schemas.SteppedUp:
    """Payments of this session go without the PIN until then."""
    if not city.city.payment.pin_step_seconds:
        raise Invalid(
            "pin", "This city asks for the PIN at every payment.", "결제할 때마다 비밀번호가 필요합니다."
        )
    await verify_pin(city, caller.subject, body.pin)
    until = city.clock.now() + city.city.payment.pin_step_seconds
    await sessions.step_up(city, caller, until)
    return schemas.SteppedUp(until=schemas.rfc3339(until))


@router.delete(
    "/session",
    status_code=204,
    tags=["sessions"],
    responses=documented("unauthenticated"),
    summary="End this session",
)
async def sign_out(city: access.City, caller: access.SignedIn) -> Response:
    """The token is void from now on."""
    await sessions.revoke(city, caller)
    return Response(status_code=204)


@router.get(
    "/me/balance",
    responses=documented("unauthenticated", "not-allowed", "conflict"),
    summary="What do I have?",
)
async def my_balance(city: access.City, caller: access.CitizenCaller) -> schemas.Balance:
    """Own money, cashback, city money by programme with its expiry, and what payments under way hold."""
    found = await balance.of_citizen(city, caller)
    return schemas.Balance(
        own_won=found.own_won,
        cashback_won=found.cashback_won,
        city=[
            schemas.CityMoney(
                programme=part.programme,
                amount_won=part.amount_won,
                expires_at=schemas.rfc3339(part.expires_at),
            )
            for part in found.city
        ],
        held_won=found.held_won,
        available_won=found.available_won,
    )


@router.get(
    "/me/charging", responses=documented("unauthenticated", "not-allowed"), summary="How do I charge?"
)
async def charging(city: access.City, caller: access.CitizenCaller) -> schemas.Charging:
    """The city's account, the text to write, and what can still be bought this month."""
    account = city.city.bank.account
    bought = await charge.bought_this_month(city, caller.subject)
    return schemas.Charging(
        bank_code=account.bank_code,
        account_number=account.number,
        account_holder=account.holder,
        remittance_text=caller.subject,
        month_left_won=max(0, city.city.caps.purchase_month_won - bought),
    )


@router.get(
    "/me/deposits", responses=documented("unauthenticated", "not-allowed"), summary="My latest deposits"
)
async def my_deposits(city: access.City, caller: access.CitizenCaller) -> schemas.Deposits:
    """The last hundred, newest first."""
    found = await charge.of_member(city, caller, 100)
    return schemas.Deposits(
        deposits=[
            schemas.DepositOut(
                amount_won=row.amount,
                state=row.state,
                reason=row.reason,
                booked_at=schemas.rfc3339(row.booked_at),
            )
            for row in found
        ]
    )


@router.post(
    "/passes",
    status_code=201,
    responses=documented("unauthenticated", "not-allowed", "wrong-pin", "pin-locked", "conflict"),
    summary="Make a code to show (customer-presented QR)",
)
async def make_pass(
    city: access.City, caller: access.CitizenCaller, key: access.IdempotencyKey, body: schemas.MakePass
) -> schemas.PassOut:
    """Lives three minutes and works once. The same key again replaces a code that was not used."""
    made = await codes.make_pass(city, caller, key, body.limit_won, body.pin)
    # A random counter: one that ran on from code to code would link the codes of a citizen.
    qr = customer_presented.CustomerQr(
        municipality=city.code, token=made.token, counter=secrets.randbelow(1 << 16)
    )
    return schemas.PassOut(
        qr=customer_presented.build(qr),
        limit_won=made.limit_won,
        expires_at=schemas.rfc3339(made.expires_at),
        lives_seconds=made.expires_at - city.clock.now(),
    )
