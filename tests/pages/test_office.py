"""The city's office in a browser, from the invitation to the chain; and who tries to get in (E1, E5)."""

from __future__ import annotations

import json
import uuid

import pytest
from playwright.sync_api import expect

from tests.gateway.office.people import PASSWORD, Official, code_of
from tests.gateway.world import World, until
from tests.pages.office import Clerk
from tests.pages.people import DESKTOP, Desk

SCRIPT = "<script>alert(1)</script>"


def application(city: World, name: str = "동백식당") -> str:
    answer = city.http.post(city.path("merchants"), json=city.shop_body(name=name))
    assert answer.status_code == 201, answer.text
    return str(uuid.UUID(answer.json()["application"]))


def test_from_the_invitation_to_the_overview_and_out_again(desk: Desk, city: World) -> None:
    official, invitation = Official.invited(city, "officer")
    person = desk.person("city")
    person.open(f"invitation/{invitation}")
    person.type("비밀번호 정하기", "짧다")
    person.tap("다음")
    expect(person.page.locator("[role=alert]")).not_to_be_empty()
    person.type("비밀번호 정하기", PASSWORD)
    person.tap("다음")
    person.sees("인증 앱 등록")
    secret = person.page.get_by_test_id("secret").inner_text().replace(" ", "")
    official.otpauth = f"otpauth://totp/x?secret={secret}"
    person.tap("로그인하러 가기", "link")
    person.type("이름", official.login)
    person.type("비밀번호", PASSWORD)
    person.type("인증 코드 6자리", "000000")
    person.tap("로그인")
    expect(person.page.locator("[role=alert]")).not_to_be_empty()
    person.type("인증 코드 6자리", code_of(official.otpauth, city.now().timestamp()))
    person.tap("로그인")
    person.sees("대기 중인 가맹점")
    person.tap("나", "link")
    person.sees("사업 담당자")
    (cookie,) = [one for one in person.context.cookies() if one["name"].startswith("__Host-")]
    assert (cookie["httpOnly"], cookie["secure"], cookie["sameSite"]) == (True, True, "Strict")
    person.tap("로그아웃")
    person.sees("시 업무 화면")
    open_sessions = "SELECT 1 FROM office_sessions WHERE person = $1::uuid AND revoked_at IS NULL"
    assert city.sql(open_sessions, official.person) == []


def test_a_shop_is_let_in_by_two_people_and_by_no_less(desk: Desk, city: World) -> None:
    shop = application(city, SCRIPT)
    officer, treasurer = Clerk.at(desk, "officer"), Clerk.at(desk, "treasurer")
    officer.person.open("merchants")
    card = officer.person.page.locator(f'[data-application="{shop}"]')
    expect(card.locator("h2")).to_have_text(SCRIPT)
    card.get_by_role("button", name="승인 요청").click()
    card.get_by_label("사유").fill(f"서류 {SCRIPT}")
    card.get_by_role("button", name="요청 보내기").click()
    officer.person.sees("요청했습니다")
    (row,) = city.sql("SELECT request::text FROM office_requests WHERE subject = $1", shop)
    mine = officer.request(row["request"])
    expect(mine).to_contain_text("내가 올린 요청입니다")
    expect(mine.get_by_role("button", name="승인")).to_have_count(0)
    decision = {"approve": True, "words": "x"}
    path = f"/office/requests/{row['request']}/decision"
    assert officer.person.api("POST", path, decision)["status"] == 403
    state = "SELECT state FROM merchants WHERE application = $1::uuid"
    assert city.sql(state, shop) == [{"state": "applied"}]

    theirs = treasurer.request(row["request"])
    expect(theirs).to_contain_text(SCRIPT)
    theirs.get_by_role("button", name="승인", exact=True).click()
    treasurer.person.sees("승인하여 처리했습니다.")
    registered = "SELECT merchant FROM merchants WHERE application = $1::uuid AND merchant IS NOT NULL"
    until(lambda: city.sql(registered, shop) or None, what="the registration on chain")
    treasurer.person.open("trail")
    treasurer.person.sees("가맹점을 승인함")
    treasurer.person.sees(officer.official.login)


def test_a_treasurer_cannot_approve_alone_nor_refuse_with_a_script(desk: Desk, city: World) -> None:
    shop = application(city)
    treasurer = Clerk.at(desk, "treasurer")
    asked = {"kind": "approve_merchant", "subject": shop, "note": "혼자"}
    request = treasurer.person.api("POST", "/office/requests", asked)["body"]["request"]
    expect(treasurer.request(request)).to_contain_text("내가 올린 요청입니다")
    decision = {"approve": True, "words": "혼자"}
    for _ in range(2):
        answer = treasurer.person.api("POST", f"/office/requests/{request}/decision", decision)
        assert answer["status"] == 403
    treasurer.request(request).get_by_role("button", name="요청 거두기").click()
    expect(treasurer.person.page.locator(f'[data-request="{request}"]')).to_contain_text("거둠")
    treasurer.person.open("merchants")
    card = treasurer.person.page.locator(f'[data-application="{shop}"]')
    card.get_by_role("button", name="거절").first.click()
    card.get_by_label("거절 사유").fill(SCRIPT)
    card.get_by_role("button", name="거절").last.click()
    treasurer.person.sees("신청을 거절했습니다.")
    told = "SELECT state, decision FROM merchants WHERE application = $1::uuid"
    assert city.sql(told, shop) == [{"state": "refused", "decision": SCRIPT}]


def test_a_viewer_sees_and_does_nothing(desk: Desk, city: World) -> None:
    shop = application(city)
    viewer = Clerk.at(desk, "viewer")
    viewer.person.open("merchants")
    card = viewer.person.page.locator(f'[data-application="{shop}"]')
    expect(card).to_be_visible()
    expect(card.get_by_role("button")).to_have_count(0)
    # What the page keeps of the role is for showing buttons: changing it opens nothing.
    viewer.person.page.evaluate(
        "() => { for (const key of Object.keys(localStorage)) if (key.endsWith('.role'))"
        " localStorage.setItem(key, '\"treasurer\"') }"
    )
    for path, body in (
        ("/office/requests", {"kind": "approve_merchant", "subject": shop, "note": "x"}),
        (f"/office/merchants/{shop}/refusal", {"words": "x"}),
        (f"/office/requests/{uuid.uuid4()}/decision", {"approve": True, "words": "x"}),
        ("/office/bank-files/1/dismissal", {"words": "x"}),
    ):
        assert viewer.person.api("POST", path, body)["status"] == 403, path
    for path in ("/office/acts", "/office/deposits", "/office/claims", "/office/bank-files"):
        assert viewer.person.api("GET", path)["status"] == 403, path
    viewer.person.open("trail")
    viewer.person.page.locator(".warning").first.wait_for()


def test_figures_are_shown_and_saved(desk: Desk, city: World) -> None:
    citizen, shop = city.join(), city.shop(district=14, mcc="5462")
    citizen.charge(30_000)
    citizen.pay(shop.qr(), 12_300)
    clerk = Clerk.at(desk, "viewer")
    rows = "figures/districts"
    until(
        lambda: (
            [row for row in clerk.person.api("GET", f"/office/{rows}")["body"]["rows"] if row["number"] == 14]
            or None
        ),
        what="the figure",
    )
    clerk.person.open("spending")
    clerk.person.sees("수영구")
    with clerk.person.page.expect_download() as download:
        clerk.person.page.locator('[data-figure="districts"]').click()
    saved = download.value.path().read_text(encoding="utf-8-sig").splitlines()
    assert saved[0] == "number,ko,en,payments,paid_won,city_money_won"
    told = clerk.person.api("GET", f"/office/{rows}")["body"]["rows"]
    assert len(saved) == len(told) + 1 and any(line.startswith("14,수영구,Suyeong-gu,") for line in saved)
    for screen, seen in (("", "날짜별 유통액"), ("programmes", "정책 사업"), ("reserve", "준비금 증명")):
        clerk.person.open(screen)
        clerk.person.sees(seen)


def test_a_session_of_the_office_taken_elsewhere_opens_nothing(desk: Desk) -> None:
    """H-3, H-4, with the office's own cookie."""
    clerk = Clerk.at(desk, "treasurer")
    thief = desk.person("city", size=DESKTOP, state=clerk.person.context.storage_state())
    thief.open("me")
    assert thief.api("GET", "/office/requests")["status"] == 401
    assert clerk.person.api("GET", "/office/requests")["status"] == 200
    without_token = clerk.person.page.evaluate(
        """async (root) => {
            const { proof } = await import(root + "/shared/device.js");
            const target = `/v1/${location.pathname.split("/")[1]}/office/requests`;
            const body = JSON.stringify({ kind: "approve_merchant", subject: "x", note: "x" });
            return (await fetch(target, { method: "POST", body, headers: { "Content-Type": "application/json",
                "X-Camellia-App": "city", "X-Device-Proof": await proof("POST", target, body) } })).status;
        }""",
        clerk.person.page.evaluate("document.documentElement.dataset.root"),
    )
    assert without_token == 401


@pytest.fixture
def receipt(city: World) -> dict[str, object]:
    """Of a payment that stands with others in its batch, or alone: whatever the gateway made of it."""
    citizen, shop = city.join(), city.shop()
    citizen.charge(20_000)
    payment = citizen.pay(shop.qr(), 4_700).json()["payment"]
    found: dict[str, object] = citizen.get(f"payments/{payment}/receipt").json()
    return found


def test_anybody_checks_a_receipt_in_their_own_browser(
    desk: Desk, city: World, receipt: dict[str, object]
) -> None:
    person = desk.person("public")
    person.open("receipt")
    verdict = person.page.get_by_test_id("verdict")

    def check(text: str) -> None:
        person.type("영수증", text)
        person.tap("확인하기")

    check(json.dumps(receipt))
    expect(verdict).to_contain_text("체인에 있는 결제입니다")
    expect(verdict).to_contain_text("₩4,700")
    root = city.view("Payments", "batchRoot", receipt["batch"])
    assert "0x" + root.hex() in (verdict.text_content() or "")
    record = str(receipt["record"])
    dearer = record[: 2 + 48] + f"{99_999:08x}" + record[2 + 56 :]
    for changed in ({"record": dearer}, {"index": 7}, {"proof": ["0x" + "11" * 32]}):
        check(json.dumps(receipt | changed))
        expect(verdict).to_contain_text("체인에 있는 값과 이어지지 않습니다")
    for nothing in ("", "{", "[]", "null", SCRIPT, json.dumps(receipt | {"record": "0x12"})):
        check(nothing)
        expect(verdict).to_contain_text("지갑에서 받은 영수증이 아닙니다")
    check(json.dumps(receipt | {"batch": 999_999_999}))
    expect(verdict).to_contain_text("체인에 그런 묶음이 없습니다")


def test_anybody_sees_circulation_programmes_and_rules(desk: Desk, city: World) -> None:
    person = desk.person("public", language="en")
    person.open()
    person.sees("Is every won backed?")
    totals = city.view("LocalCurrency", "totals")
    supply = f"₩{totals[0] - totals[1]:,}"
    until(
        lambda: (
            (person.page.reload() and person.page.get_by_test_id("circulation").text_content() == supply)
            or None
        ),
        what="today's circulation",
    )
    person.open("rules")
    person.sees("Up to ₩500,000 can be charged a calendar month.")
    person.open("programmes")
    person.sees("What the city gives")
