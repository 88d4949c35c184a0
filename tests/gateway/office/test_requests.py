"""J-4 to J-6: what mints or distributes takes two people, happens once, and is written down."""

from __future__ import annotations

import asyncio
import uuid

import httpx
import pytest
from asyncpg import CheckViolationError, InsufficientPrivilegeError

from tests.gateway.flow.test_database_login import as_gateway
from tests.gateway.office.people import Office
from tests.gateway.world import World, until


def test_a_shop_takes_two_people_and_nobody_decides_on_their_own_request(city: World, office: Office) -> None:
    application = office.application()
    asked = office.treasurer.ask("approve_merchant", application)
    assert asked.status_code == 201, asked.text
    request = asked.json()["request"]
    assert (asked.json()["state"], asked.json()["asked_by"]) == ("waiting", office.treasurer.login)
    assert asked.json()["details"]["name"] == "동백식당"
    assert office.treasurer.ask("approve_merchant", application).json()["request"] == request
    assert office.officer.ask("approve_merchant", application).status_code == 409
    own = office.treasurer.decide(request)
    assert (own.status_code, own.json()["reason"]) == (403, "NOT_ALLOWED")
    assert office.treasurer.decide(request, approve=False).status_code == 403
    assert office.other_officer.decide(request).status_code == 403
    assert office.other_treasurer.post(f"requests/{request}/withdrawal").status_code == 403
    listed = office.viewer.get("requests", state="waiting").json()["requests"]
    assert request in [one["request"] for one in listed]
    done = office.other_treasurer.decide(request)
    assert (done.status_code, done.json()["state"]) == (200, "done"), done.text
    assert "api_key" not in done.text
    assert office.other_treasurer.decide(request).json() == done.json(), "the same again changes nothing"
    assert office.other_treasurer.decide(request, approve=False).status_code == 409
    look = f"operator/merchants/{application}"
    until(lambda: city.operator.get(look).json()["merchant"], what="the registration on chain")
    assert office.acts(application) == [
        (office.treasurer.login, "ask_approve_merchant"),
        (office.other_treasurer.login, "approve_approve_merchant"),
    ]


def test_a_deposit_is_issued_once_whoever_decides_at_the_same_moment(city: World, office: Office) -> None:
    citizen = city.join()
    city.transfer(30_000, "누구의 돈인지 모름")

    def unmatched() -> dict | None:
        found = city.operator.get("operator/deposits", state="unmatched").json()["deposits"]
        return next((one for one in found if one["amount_won"] == 30_000), None)

    deposit = until(unmatched, what="the deposit")["deposit_key"]
    for subject, member in ((deposit, None), (deposit, "99999999"), (deposit.upper(), citizen.member)):
        more = {} if member is None else {"member": member}
        assert office.officer.ask("assign_deposit", subject, **more).status_code in (404, 422)
    asked = office.officer.ask("assign_deposit", deposit, member=citizen.member).json()
    assert asked["details"] == {"member": citizen.member, "amount_won": 30_000, "bank_code": "032"}
    assert citizen.balance()["own_won"] == 0

    async def at_once() -> list[tuple[int, str]]:
        path = city.path(f"office/requests/{asked['request']}/decision")
        async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
            answers = await asyncio.gather(
                *(
                    client.post(path, headers=who.headers, json={"approve": approve, "words": "동시에"})
                    for _ in range(4)
                    for who, approve in ((office.treasurer, True), (office.other_treasurer, False))
                )
            )
        return [(one.status_code, one.json().get("state", "")) for one in answers]

    answers = asyncio.run(at_once())
    decided = {state for status, state in answers if status == 200}
    assert len(decided) == 1 and {status for status, _ in answers} == {200, 409}, answers
    if decided == {"refused"}:  # the other treasurer was first: asked again, and approved
        asked = office.officer.ask("assign_deposit", deposit, member=citizen.member).json()
        assert office.treasurer.decide(asked["request"]).json()["state"] == "done"
    until(lambda: citizen.balance()["own_won"] == 30_000 or None, what="the issue")
    issued = city.sql("SELECT amount FROM mirror_deposit WHERE deposit_ref = $1", bytes.fromhex(deposit))
    assert [row["amount"] for row in issued] == [30_000]
    assert office.officer.ask("assign_deposit", deposit, member=citizen.member).status_code == 409


def test_what_cannot_be_done_any_more_still_waits_and_may_be_taken_back(city: World, office: Office) -> None:
    application = office.application()
    request = office.officer.ask("approve_merchant", application).json()["request"]
    refused = office.other_officer.post(f"merchants/{application}/refusal", {"words": "업종이 다릅니다"})
    assert (refused.status_code, refused.json()["decision"]) == (200, "업종이 다릅니다")
    assert office.treasurer.decide(request).status_code == 409
    assert office.other_officer.post(f"requests/{request}/withdrawal").status_code == 403
    taken = office.officer.post(f"requests/{request}/withdrawal")
    assert (taken.status_code, taken.json()["state"]) == (200, "withdrawn")
    assert office.treasurer.decide(request).status_code == 409
    assert [act for _, act in office.acts(application)] == [
        "ask_approve_merchant",
        "refuse_merchant",
        "withdraw_approve_merchant",
    ]


def test_a_bank_file_and_a_claim_take_two_people(city: World, office: Office) -> None:
    values = (
        "INSERT INTO bank_inbox (currency, bank_code, name, state, reason, content, filed, received_at)"
        " VALUES ('dongbaek', '032', $1, 'quarantined', 'a wrong sum', $2, true, 0) RETURNING serial"
    )
    unread = str(city.sql(values, "unread.xml", None)[0]["serial"])
    assert office.officer.ask("release_bank_file", unread).status_code == 409, "nothing to try again"
    assert office.viewer.post(f"bank-files/{unread}/dismissal", {"words": "x"}).status_code == 403
    assert office.officer.post(f"bank-files/{unread}/dismissal", {"words": "은행 확인"}).status_code == 204
    for subject in ("0x1", "007", "-1", "999999999999", str(uuid.uuid4())):
        assert office.officer.ask("release_bank_file", subject).status_code in (404, 422), subject
    citizen, shop = city.join(), city.shop()
    citizen.charge(5_000)
    payment = citizen.pay(shop.qr(), 5_000).json()["payment"]
    city.sql(
        "INSERT INTO stand_in_claims (currency, payment, merchant, amount, reason, arose_at)"
        " VALUES ('dongbaek', $1::uuid, $2, 5000, 14, 1)",
        payment,
        shop.merchant,
    )
    request = office.officer.ask("settle_claim", payment).json()
    assert request["details"] == {"merchant": shop.merchant, "amount_won": 5_000}
    assert office.treasurer.decide(request["request"]).json()["state"] == "done"
    claims = city.operator.get("operator/stand-in/claims", only_open=False).json()["claims"]
    assert next(one for one in claims if one["payment"] == payment)["settled_at"] is not None
    assert office.officer.ask("settle_claim", payment).status_code == 409


def test_the_operators_token_is_in_the_trail_too(city: World, office: Office) -> None:
    application = office.application()
    body = {"approve": False, "words": "폐업"}
    assert city.operator.post(f"operator/merchants/{application}/decision", body).status_code == 200
    assert office.acts(application) == [("operator", "refuse_merchant")]


def test_the_trail_and_the_second_person_hold_against_the_database_too(city: World, office: Office) -> None:
    for change in ("UPDATE office_acts SET actor = 'x'", "DELETE FROM office_acts", "TRUNCATE office_acts"):
        with pytest.raises(InsufficientPrivilegeError):
            as_gateway(city, change)
        with pytest.raises(InsufficientPrivilegeError):
            city.sql(change)
    request = office.officer.ask("approve_merchant", office.application()).json()["request"]
    with pytest.raises(CheckViolationError):
        city.sql(
            "UPDATE office_requests SET state = 'done', decided_by = asked_by WHERE request = $1::uuid",
            request,
        )
