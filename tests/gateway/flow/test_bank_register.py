"""Files of a bank against real PostgreSQL: taken once or set aside (B-3 to B-6), and what the reserve's sums
and findings are made of (V-1 to V-3). No city runs."""

from __future__ import annotations

import os
import threading
import uuid
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.domain.business_days import KST
from gateway.domain.city import CityAccount
from gateway.domain.reserve import FindingKind
from gateway.flow import bank_inbox, reserve
from gateway.flow.bank_inbox import FileState
from gateway.flow.errors import Conflict, NotFound
from gateway.rails.bank import camt053, camt054, pain002
from gateway.rails.bank.camt054 import deposit_key
from gateway.rails.bank.exchange import FolderExchange
from gateway.store import chain_tables as mirror
from gateway.store.own_money_tables import own_refunds
from gateway.store.people_tables import citizens, deposits
from gateway.store.settlement_tables import bank_files, cycle_lines, cycles
from gateway.store.settlement_tables import bank_inbox as bank_inbox_table
from gateway.wiring.bank import CityBank
from gateway.wiring.bank_inbox import take_in
from tests.gateway.flow.bank_desk import CITY, FIRST, Desk, notice, statement
from tests.gateway.rails.bank import messages


@pytest.fixture
def desk(database: AsyncEngine, tmp_path: Path) -> Desk:
    return Desk(database, tmp_path)


async def test_a_deposit_file_twice_changed_and_broken(desk: Desk) -> None:
    """B-3, B-4."""
    raw = notice(1)
    assert await desk.take("1.xml", raw) is None
    assert "delivered before, as 1.xml" in str(await desk.take("1.xml", raw))
    assert "delivered before, as 1.xml" in str(await desk.take("2.xml", raw))
    changed = raw.replace(b">500000<", b">900000<")
    assert "'N-1' was delivered before, with other content" in str(await desk.take("3.xml", changed))
    renamed = changed.replace(b"<MsgId>N-1<", b"<MsgId>N-2<")
    assert "told with 500000 won before, now with 900000" in str(await desk.take("4.xml", renamed))
    assert "not well-formed" in str(await desk.take("5.xml", raw[: len(raw) // 2]))
    wrong = notice(3, summary="<TxsSummry><TtlCdtNtries><Sum>1</Sum></TtlCdtNtries></TxsSummry>")
    assert await desk.take("6.xml", wrong) is not None
    elsewhere = notice(4).replace(CITY.bank.account.number.encode(), b"999-9")
    assert "not the city's" in str(await desk.take("7.xml", elsewhere))
    async with desk.m.engine.connect() as connection:
        kept = (await connection.execute(select(deposits.c.amount, deposits.c.file))).all()
    assert [tuple(row) for row in kept] == [(500_000, "1.xml")]
    assert len(await desk.files(FileState.QUARANTINED)) == 7


async def test_what_a_crash_left_in_the_inbox_is_finished(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B-4: it is no second delivery; afterwards the same name is one."""

    async def killed(*_: object) -> None:
        raise OSError("gone")

    for name, method, raw in (
        ("good.xml", "accept", notice(1)),
        ("bad.xml", "quarantine", notice(2)[:300]),
    ):
        with monkeypatch.context() as patched:
            patched.setattr(FolderExchange, method, killed)
            with pytest.raises(OSError, match="gone"):
                await desk.take(name, raw)
        (receipt,) = await take_in(desk.m, desk.bank)
        assert (receipt.reason is None) == (name == "good.xml")
    assert len(await desk.files(FileState.TAKEN)) == len(await desk.files(FileState.QUARANTINED)) == 1
    assert "delivered before" in str(await desk.take("good.xml", notice(1)))


async def test_statements_in_order_and_what_is_ahead_is_released(desk: Desk) -> None:
    """B-5, B-6."""
    days = [date.fromordinal(FIRST.toordinal() + number) for number in range(3)]
    entry = messages.entry("R-1", "100", booked=f"<Dt>{FIRST}</Dt>")
    assert await desk.take("a.xml", statement(days[0], 0, 100, entry)) is None
    ahead = await desk.take("c.xml", statement(days[2], 100, 100))
    assert f"that of {days[1]} is missing" in str(ahead)
    assert "opening balance 90 is not" in str(await desk.take("x.xml", statement(days[1], 90, 90)))
    (wrong, waiting) = await desk.files(FileState.QUARANTINED)
    await bank_inbox.decide(desk.m, waiting.serial, release=True, note="too early")
    await take_in(desk.m, desk.bank)
    assert {f.serial for f in await desk.files(FileState.QUARANTINED)} == {wrong.serial, waiting.serial}
    again = statement(days[1], 100, 100).replace(f"S-{days[1]}<".encode(), b"S-again<")
    assert await desk.take("b.xml", again) is None
    await bank_inbox.decide(desk.m, waiting.serial, release=True, note="now it fits")
    await take_in(desk.m, desk.bank)
    assert [f.serial for f in await desk.files(FileState.RELEASED)] == [waiting.serial]
    with pytest.raises(Conflict):
        await bank_inbox.decide(desk.m, waiting.serial, release=True, note="twice")
    with pytest.raises(NotFound):
        await bank_inbox.decide(desk.m, 10**9, release=False, note="which")
    late = statement(days[0], 0, 0).replace(f"S-{days[0]}<".encode(), b"S-late<")
    assert "though that of" in str(await desk.take("z.xml", late))
    assert await reserve.first_day(desk.m) == FIRST


async def test_a_statement_that_a_crash_left_is_finished(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """B-4: killed behind the commit that keeps the statement, before it is entered as taken."""
    raw = statement(FIRST, 0, 100, messages.entry("R-1", "100", booked=f"<Dt>{FIRST}</Dt>"))

    async def killed(*_: object, **__: object) -> None:
        raise OSError("gone")

    with monkeypatch.context() as patched:
        patched.setattr(bank_inbox, "write", killed)
        with pytest.raises(OSError, match="gone"):
            await desk.take("a.xml", raw)
    (receipt,) = await take_in(desk.m, desk.bank)
    assert receipt.reason is None
    assert "delivered before" in str(await desk.take("a.xml", raw))
    async with desk.m.engine.connect() as connection:
        assert len((await connection.execute(select(bank_files.c.name))).all()) == 1


async def test_statements_that_would_stop_all_others_are_set_aside(desk: Desk) -> None:
    """B-4, B-5: one of a day to come would make all real ones late; a line cannot stand in two."""
    tomorrow = date.fromordinal(datetime.fromtimestamp(desk.m.clock.now(), KST).toordinal() + 1)
    assert "and today is 2026-09-30" in str(await desk.take("f.xml", statement(tomorrow, 0, 0)))
    assert await reserve.first_day(desk.m) is None
    entry = messages.entry("R-1", "100", booked=f"<Dt>{FIRST}</Dt>")
    assert await desk.take("a.xml", statement(FIRST, 0, 100, entry)) is None
    tuesday = date.fromordinal(FIRST.toordinal() + 1)
    again = await desk.take("b.xml", statement(tuesday, 100, 200, entry))
    assert "the reference 'R-1' stands in an earlier statement" in str(again)
    other = messages.entry("R-2", "100", booked=f"<Dt>{tuesday}</Dt>")
    corrected = statement(tuesday, 100, 200, other).replace(f"S-{tuesday}<".encode(), b"S-again<")
    assert await desk.take("c.xml", corrected) is None


async def test_names_that_are_no_text_hold_nothing_up(desk: Desk) -> None:
    """B-2: a bank's server may call its files as it likes; what is read is what is in them."""
    names = (b"\xff-1.xml", "가\n\u202e.xml".encode(), b"\xfe-link.xml")
    for number, name in enumerate(names[:2], start=1):
        Path(os.fsdecode(os.fsencode(desk.inbox) + b"/" + name)).write_bytes(notice(number))
    Path(os.fsdecode(os.fsencode(desk.inbox) + b"/" + names[2])).symlink_to("/etc/passwd")
    receipts = await take_in(desk.m, desk.bank)
    assert [r.name for r in receipts if r.reason is not None] == [os.fsdecode(names[2])]
    kept = {file.name for state in FileState for file in await desk.files(state)}
    assert kept == {"\\udcff-1.xml", "가\\n\\u202e.xml", "\\udcfe-link.xml"}
    assert not [path for path in desk.inbox.iterdir() if not path.is_dir()]


async def test_what_a_file_says_of_people_is_in_no_reason(desk: Desk) -> None:
    """Reasons are logged, and written beside the file: a value that breaks the schema is not in them."""
    secret = "KR-홍길동's"
    raw = (
        notice(1)
        .decode()
        .replace(f"<Othr><Id>{CITY.bank.account.number}</Id></Othr>", f"<IBAN>{secret}</IBAN>")
    )
    assert secret in raw
    reason = str(await desk.take("1.xml", raw.encode()))
    assert "breaks the schema" in reason and "IBAN" in reason and "pattern" in reason
    assert "홍길동" not in reason
    amount = notice(2).replace(b">500000<", "길동'is not".encode().join((b">", b"<")))
    reason = str(await desk.take("2.xml", amount))
    assert "breaks the schema" in reason and "길동" not in reason


async def test_a_statement_made_in_its_day_is_kept_and_opens_nothing(desk: Desk) -> None:
    """B-5: it may be as wrong as its day is unfinished; two in a file are not agreed (B-3)."""
    tuesday = date.fromordinal(FIRST.toordinal() + 1)
    early = statement(FIRST, 5, 5).replace(f"{tuesday}T01".encode(), f"{FIRST}T18".encode())
    assert await desk.take("early.xml", early) is None
    assert await reserve.first_day(desk.m) is None
    both = statement(FIRST, 0, 0)
    one = both[both.index(b"<Stmt>") : both.index(b"</Stmt>") + 7]
    assert "2 statements in a file" in str(await desk.take("two.xml", both.replace(one, one + one)))
    assert await desk.take("one.xml", statement(FIRST, 0, 0).replace(b"<MsgId>S-", b"<MsgId>T-")) is None
    assert await reserve.first_day(desk.m) == FIRST


async def test_a_report_of_another_bank_or_on_no_order_of_ours(desk: Desk) -> None:
    """B-1, B-3."""
    raw = messages.pain002(messages.transaction(desk.bank.merchant_reference(20260921, 1), "ACSC"))
    assert "which is not ours" in str(await desk.take("1.xml", raw))
    other = CityAccount(bank_code="011", number="301-0001", holder="city")
    desk.bank = CityBank(CITY, other, desk.bank.exchange)
    assert "pays none" in str(await desk.take("2.xml", raw))


async def test_what_was_set_aside_is_sealed_and_what_was_not_read_is_not_tried(desk: Desk) -> None:
    """B-6."""
    (desk.inbox / "link.xml").symlink_to("/etc/passwd")
    await desk.take("broken.xml", notice(1)[:-20])
    broken, link = sorted(await desk.files(FileState.QUARANTINED), key=lambda file: file.name)
    with pytest.raises(Conflict, match="could not be read"):
        await bank_inbox.decide(desk.m, link.serial, release=True, note="look")
    async with desk.m.engine.connect() as connection:
        (kept,) = (await connection.scalars(select(bank_inbox_table.c.content).where(
            bank_inbox_table.c.serial == broken.serial))).all()  # fmt: skip
    assert b"Document" not in kept
    assert desk.m.sealer.open(kept, bank_inbox.CONTENT) == notice(1)[:-20]


async def test_a_payout_that_ended_does_not_end_otherwise(desk: Desk) -> None:
    """B-4: paid and burnt, then returned after all: a person has to look."""
    reference = desk.bank.merchant_reference(20260921, 1)
    order = desk.bank.message_id(20260921)
    async with desk.m.engine.begin() as connection:
        given = {"currency": desk.m.code, "cycle": 20260921}
        cycle = {"state": "sent", "execution_on": FIRST, "message_id": order, "opened_at": 0}
        await connection.execute(insert(cycles).values(**given, **cycle))
        line = {"merchant": 1, "amount": 500, "reference": reference, "state": "escrowed"}
        await connection.execute(insert(cycle_lines).values(**given, **line))

    def report(number: int, status: str) -> bytes:
        transaction = messages.transaction(reference, status)
        raw = messages.pain002(transaction).decode().replace("BUSAN-20260928-01", order)
        return raw.replace("<MsgId>R-1<", f"<MsgId>R-{number}<").encode()

    assert await desk.take("1.xml", report(1, "ACSC")) is None
    assert await desk.take("2.xml", report(2, "ACSC")) is None
    assert f"{reference} was paid before, now it is returned" in str(
        await desk.take("3.xml", report(3, "RJCT"))
    )
    async with desk.m.engine.connect() as connection:
        assert await connection.scalar(select(cycle_lines.c.bank_outcome)) == "paid"


@pytest.mark.parametrize(
    ("module", "raw"),
    [(camt054, notice(1)), (camt053, statement(FIRST, 0, 0)), (pain002, messages.pain002())],
)
async def test_files_are_read_beside_the_event_loop(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, module: Any, raw: bytes
) -> None:
    """A file of 64 MB takes seconds to read; the worker's payments do not wait for it."""
    parse, threads = module.parse, []

    def noted(content: bytes) -> Any:
        threads.append(threading.current_thread())
        return parse(content)

    monkeypatch.setattr(module, "parse", noted)
    await desk.take("1.xml", raw)
    assert threads and threads[0] is not threading.main_thread()


async def test_sums_and_findings(desk: Desk) -> None:
    """V-1, V-3: deposits issued, not issued, never made; payouts burnt, on their way, late, unknown;
    interest."""
    async with desk.m.engine.begin() as connection:

        def line(reference: str, kind: str, amount: int, merchant: int | None = None) -> dict[str, Any]:
            key = deposit_key("032", reference) if kind == "deposit" else None
            cycle = 20260921 if merchant else None
            return {"reference": reference, "kind": kind, "amount": amount, "deposit_key": key,
                    "cycle": cycle, "merchant": merchant}  # fmt: skip

        async def issued(reference: str, amount: int, block: int) -> None:
            await connection.execute(
                insert(mirror.deposits).values(
                    currency=desk.m.code, deposit_ref=deposit_key("032", reference), amount=amount,
                    issued_at=0, tx_hash=b"", since_block=block,
                )
            )  # fmt: skip

        async def settled(merchant: int, amount: int, status: int, block: int) -> None:
            await connection.execute(
                insert(mirror.lines).values(
                    currency=desk.m.code, cycle=20260921, merchant=merchant, amount=amount, status=status,
                    since_block=2, ended_block=block if status == 2 else None,
                )
            )  # fmt: skip

        rows = [line("D-1", "deposit", 1_000), line("D-2", "deposit", 50), line("I-1", "interest", 7),
                line("P-1", "payout", -200, 1), line("P-2", "payout", -300, 2)]  # fmt: skip
        await reserve.enter(connection, desk.m.code, "032", FIRST, rows)
        await issued("D-1", 1_000, 5)
        await settled(1, 200, 2, 8)
        await settled(2, 300, 2, 11)  # burnt behind the day's last block
        span = reserve.Span(first=FIRST, from_block=1, block=10)
        position, findings = await reserve.look(desk.m, connection, FIRST, span, 0)
        assert (position.supply_won, position.unissued_won, position.interest_won) == (800, 50, 7)
        assert (position.in_transit_won, position.expected_won) == (300, 1_000 + 50 + 7 - 200 - 300)
        assert findings == []
        tuesday = date.fromordinal(FIRST.toordinal() + 1)
        _, findings = await reserve.look(desk.m, connection, tuesday, span, 0)
        assert [(f.kind, f.amount_won) for f in findings] == [(FindingKind.PAYOUT_WITHOUT_BURN, 300)]

        more = [line("D-3", "deposit", 60), line("P-9", "payout", -9, 9), line("X-1", "other", -11)]
        await reserve.enter(connection, desk.m.code, "032", FIRST, more)
        await issued("D-3", 61, 9)
        await issued("never", 400, 9)
        await issued("later", 5, 11)  # behind the day's last block
        await settled(3, 70, 2, 10)
        _, findings = await reserve.look(desk.m, connection, FIRST, span, 0)
        found = {(f.kind, f.amount_won): f.item for f in findings}
        assert found.keys() == {
            (FindingKind.ISSUE_WITHOUT_DEPOSIT, 400),
            (FindingKind.AMOUNT_DIFFERS, -1),
            (FindingKind.PAYOUT_WITHOUT_BURN, 9),
            (FindingKind.BURN_WITHOUT_PAYOUT, 70),
            (FindingKind.UNEXPLAINED_ENTRY, -11),
        }
        twice = [line("P-1b", "payout", -200, 1), line("P-2b", "payout", -300, 2)]
        await reserve.enter(connection, desk.m.code, "032", tuesday, twice)
        position, findings = await reserve.look(desk.m, connection, tuesday, span, 0)
        items = [f.item for f in findings if f.kind is FindingKind.PAYOUT_WITHOUT_BURN]
        assert [item.split(":")[0] for item in items] == [
            "bank 032, P-1b", "bank 032, P-2", "bank 032, P-2b", "bank 032, P-9",
        ]  # fmt: skip
        assert position.in_transit_won == 300  # what the bank paid twice is on its way once
        never = found[FindingKind.ISSUE_WITHOUT_DEPOSIT, 400]
        assert never == f"deposit key 0x{deposit_key('032', 'never').hex()}"
        assert found[FindingKind.BURN_WITHOUT_PAYOUT, 70] == "cycle 20260921, merchant 3"


async def test_refunds_to_citizens_are_owed_until_they_are_paid(desk: Desk) -> None:
    """V-1, V-3, L-13: burnt and not paid, paid, paid of another amount, paid twice, paid and never burnt."""
    async with desk.m.engine.begin() as connection:

        async def asked(member: str, amount: int, block: int | None) -> int:
            """A refund that was ordered; its serial. `block`: where it was burnt."""
            ref = member.encode().ljust(32, b"\0")
            await connection.execute(
                insert(citizens).values(
                    currency=desk.m.code, member=member, citizen=int(member), wallet=ref[:20],
                    phone_lookup=ref, phone=b"", pin_hash="", district=0, joined_at=0,
                )
            )  # fmt: skip
            serial = await connection.scalar(
                insert(own_refunds).values(
                    currency=desk.m.code, refund=uuid.uuid4(), member=member, citizen=int(member), charge=ref,
                    redemption_ref=ref, amount=amount, payout=amount, reason="WITHDRAWAL", state="filed",
                    request_hash=b"", requested_at=0,
                ).returning(own_refunds.c.serial)
            )  # fmt: skip
            if block is not None:
                await connection.execute(
                    insert(mirror.redemptions).values(
                        currency=desk.m.code, redemption_ref=ref, holder=ref[:20], amount=amount,
                        redeemed_at=0, citizen=int(member), since_block=block,
                    )
                )  # fmt: skip
            return int(serial or 0)

        def left(reference: str, amount: int, serial: int) -> dict[str, Any]:
            return {"reference": reference, "kind": "refund", "amount": -amount, "refund": serial}

        paid, owed = await asked("1", 300, 5), await asked("2", 40, 6)
        await reserve.enter(connection, desk.m.code, "032", FIRST, [left("R-1", 300, paid)])
        span = reserve.Span(first=FIRST, from_block=1, block=10)
        position, findings = await reserve.look(desk.m, connection, FIRST, span, 1_000)
        assert (position.supply_won, position.owed_won, findings) == (-340, 40, [])
        assert position.expected_won == 1_000 - 300
        await asked("3", 5, 11)  # burnt behind the day's last block: not owed yet
        assert (await reserve.look(desk.m, connection, FIRST, span, 1_000))[0].owed_won == 40

        never = await asked("4", 7, None)
        rows = [left("R-2", 41, owed), left("R-3", 300, paid), left("R-4", 7, never), left("R-5", 9, 10**6)]
        await reserve.enter(connection, desk.m.code, "032", FIRST, rows)
        _, findings = await reserve.look(desk.m, connection, FIRST, span, 1_000)
        assert {(f.kind, f.amount_won) for f in findings} == {
            (FindingKind.REFUND_WITHOUT_BURN, won) for won in (41, 300, 7, 9)
        }
