"""The citizen's journeys, each from the screen to the chain (E1)."""

from __future__ import annotations

import json
import re
import uuid

import pytest
from playwright.sync_api import expect

from tests.gateway.world import PIN, Shop, World, until
from tests.pages.people import DESKTOP, Desk, Person


@pytest.fixture(scope="module")
def shop(city: World) -> Shop:
    return city.shop(name="동백식당")


@pytest.fixture
def rich(citizen: Person) -> Person:
    """A citizen who joined and charged ₩100,000 as the charging screen tells."""
    citizen.join()
    citizen.charge(100_000)
    return citizen


def on_chain(city: World, payment: str) -> dict:
    """What the database, filled from the chain, says of a payment."""
    (row,) = city.sql(
        "SELECT state, amount, record IS NOT NULL AS recorded FROM payments WHERE payment = $1",
        uuid.UUID(payment),
    )
    return row


def own_won(city: World, member: str) -> int:
    """A citizen's own money, asked of the contract."""
    (row,) = city.sql("SELECT wallet FROM citizens WHERE member = $1", member)
    return int(city.view("LocalCurrency", "balanceOf", row["wallet"]))


def test_charging_tells_the_account_and_the_money_comes(citizen: Person, city: World) -> None:
    citizen.join()
    citizen.open("charge")
    citizen.sees("101-2026-0001-07")
    citizen.sees("이번 달에 ₩500,000 더 충전할 수 있어요.")
    member = citizen.page.locator("dd", has_text=citizen.member).first
    city.transfer(30_000, member.inner_text())
    until(lambda: own_won(city, citizen.member) == 30_000 or None, what="the charge")
    citizen.charged(30_000)
    citizen.open("")
    expect(citizen.page.get_by_test_id("balance")).to_have_text("₩30,000")
    citizen.open("money")
    citizen.sees("충전")
    citizen.open("charge")
    citizen.sees("충전 완료")
    citizen.sees("이번 달에 ₩470,000 더 충전할 수 있어요.")


def test_paying_a_shops_code_its_receipt_and_its_cancellation(rich: Person, city: World, shop: Shop) -> None:
    rich.pay(shop.qr(), amount="12300")
    rich.sees("결제했어요")
    expect(rich.page.get_by_text("₩12,300").first).to_be_visible()
    rich.tap("영수증 보기", "link")
    rich.sees("검증할 수 있는 영수증")
    payment = rich.page.url.rsplit("/", 1)[1]
    assert on_chain(city, payment) == {"state": "confirmed", "amount": 12_300, "recorded": True}
    assert own_won(city, rich.member) == 87_700
    with rich.page.expect_download() as saved:
        rich.tap("영수증 저장")
    receipt = json.loads(saved.value.path().read_text())
    assert receipt == shop.get(f"payments/{payment}/receipt").json()

    assert shop.post(f"payments/{payment}/cancel", None, str(uuid.uuid4())).status_code == 201
    rich.open("history")
    rich.sees("환불됨")
    rich.page.get_by_role("link", name="동백식당").first.click()
    rich.sees("환불 완료")
    assert own_won(city, rich.member) == 100_000


def test_a_dynamic_code_brings_its_amount_and_pays_its_order(rich: Person, city: World, shop: Shop) -> None:
    order = shop.order(5_500)
    rich.scan_text(order["qr"])
    rich.sees("결제 확인")
    rich.sees("₩5,500")
    assert rich.page.get_by_label("금액 (원)").count() == 0  # nobody can change it on the way
    rich.type("결제 비밀번호", PIN)  # E4: no tap between the scan and "paid"
    rich.sees("결제했어요")
    paid = shop.get(f"merchant/orders/{order['reference']}").json()["payment"]
    assert on_chain(city, paid)["amount"] == 5_500

    rich.open("pay")
    rich.scan_text(order["qr"])  # the same code again, as somebody who copied it would
    rich.type("결제 비밀번호", PIN)
    rich.sees("결제되지 않았어요")
    assert own_won(city, rich.member) == 94_500


def test_a_refusal_says_why_and_what_to_do(rich: Person, city: World, shop: Shop) -> None:
    rich.pay(shop.qr(), amount="100001")
    rich.sees("여기서 쓸 수 있는 잔액이 결제 금액보다 적습니다. 충전한 뒤 다시 시도해 주세요.")
    rich.tap("자세한 이유 보기", "link")
    rich.sees("쓸 수 있는 금액")
    expect(rich.page.get_by_role("status").get_by_text("₩100,000").first).to_be_visible()
    rich.open("history")
    rich.sees("결제 안 됨")
    assert own_won(city, rich.member) == 100_000


def test_a_wrong_pin_is_counted_corrected_and_in_the_end_locked(
    rich: Person, city: World, shop: Shop
) -> None:
    order = shop.order(1_000)
    rich.scan_text(order["qr"])
    for left in (4, 3):
        rich.type("결제 비밀번호", "000000")
        rich.sees(f"{left}번 더 입력")
    rich.type("결제 비밀번호", PIN)
    rich.sees("결제했어요")
    rich.open("pay")
    rich.scan_text(shop.order(1_000)["qr"])
    for left in (4, 3, 2, 1):
        rich.type("결제 비밀번호", "000000")
        rich.sees(f"{left}번 더 입력")
    rich.type("결제 비밀번호", "000000")
    rich.sees("안전을 위해 결제 비밀번호가 잠겼어요. 30분 뒤에 다시 시도해 주세요.")
    rich.type("결제 비밀번호", PIN)
    rich.sees("잠겼어요")
    assert own_won(city, rich.member) == 99_000


def show_code(person: Person, limit: str) -> str:
    """Make a code on the screen that asks for its limit; its text, as the picture has it."""
    person.type("최대 금액 (원)", limit)
    person.type("결제 비밀번호", PIN)
    with person.page.expect_response(lambda answer: answer.url.endswith("/passes")) as told:
        person.tap("QR 만들기")
    person.sees("최대 ₩20,000까지 결제")
    return str(told.value.json()["qr"])


def test_the_citizens_own_code_is_taken_once(rich: Person, city: World, shop: Shop) -> None:
    rich.open("show")
    first = show_code(rich, "20000")
    seconds = rich.page.get_by_test_id("seconds")
    told = seconds.inner_text()
    assert re.fullmatch(r"2:[0-5][0-9]|3:00", told)
    expect(seconds).not_to_have_text(told)  # it counts down
    assert shop.take(first, 20_001).json()["reason"] == "OVER_PASS_LIMIT"
    rich.sees("결제되지 않았어요")
    rich.tap("다시 만들기")
    second = show_code(rich, "20000")
    assert shop.take(second, 15_000).status_code == 201
    rich.sees("결제했어요")
    rich.sees("₩15,000")
    assert shop.take(second, 1).status_code >= 400  # E5: a replayed code
    assert own_won(city, rich.member) == 85_000


def test_where_and_why(rich: Person, city: World, shop: Shop) -> None:
    rich.open("places")
    rich.page.get_by_label("구·군").select_option("9")
    rich.page.get_by_role("link", name="동백식당").first.click()
    rich.type("금액 (원)", "2000")
    rich.tap("알아보기")
    rich.sees("지금 결제하면 됩니다.")
    large = city.shop(yearly_sales_won=20_000_000_000)
    rich.type("가맹점 번호", str(large.merchant))
    rich.tap("알아보기")
    rich.sees("보유하신 금액은 이 가맹점에서 쓸 수 없습니다.")


def test_a_second_device_is_seen_and_ended(citizen: Person, desk: Desk) -> None:
    citizen.join()
    second = desk.person("wallet", size=DESKTOP)
    second.join(citizen.phone)
    citizen.open("devices")
    citizen.sees("이 기기")
    citizen.page.get_by_role("button", name="에 로그인한 기기 끊기").click()
    citizen.sees("끊었어요")
    assert second.api("GET", "/me")["status"] == 401
    second.open("history")
    second.sees("휴대전화로 시작하기")
    assert citizen.api("GET", "/me")["status"] == 200
    citizen.open("more")
    citizen.tap("로그아웃")
    citizen.sees("휴대전화로 시작하기")
    assert citizen.context.cookies() == [] or citizen.api("GET", "/me")["status"] == 401


def test_the_last_balance_is_there_without_a_connection(rich: Person) -> None:
    rich.open("")
    expect(rich.page.get_by_test_id("balance")).to_have_text("₩100,000")
    rich.page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    rich.page.reload()  # now by the service worker, which keeps what it gives
    expect(rich.page.get_by_test_id("balance")).to_have_text("₩100,000")
    rich.context.set_offline(True)
    rich.page.reload()
    expect(rich.page.get_by_test_id("balance")).to_have_text("₩100,000")
    rich.sees("기준")
    rich.sees("인터넷에 연결되어 있지 않아요.")
    rich.context.set_offline(False)


def test_large_text_stays_large(citizen: Person) -> None:
    citizen.join()
    citizen.open("more")
    before = citizen.page.evaluate("getComputedStyle(document.body).fontSize")
    citizen.page.get_by_label("큰 글씨와 또렷한 색").check()
    citizen.page.reload()
    citizen.sees("더보기")
    after = citizen.page.evaluate("getComputedStyle(document.body).fontSize")
    assert float(after[:-2]) >= 1.25 * float(before[:-2])
