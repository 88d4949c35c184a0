"""Files of a bank against real PostgreSQL: taken once or set aside (B-3 to B-6), and what the reserve's sums
and findings are made of (V-1 to V-3). No city runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.domain.business_days import KST
from gateway.domain.city import load_city
from gateway.domain.reserve import FindingKind
from gateway.flow import bank_inbox, reserve
from gateway.flow.bank_inbox import FileState
from gateway.flow.errors import Conflict, NotFound
from gateway.flow.municipality import Municipality
from gateway.rails.bank.camt054 import deposit_key
from gateway.rails.bank.exchange import FolderExchange
from gateway.store import chain_tables as mirror
from gateway.store.people_tables import deposits
from gateway.store.sealing import Sealer
from gateway.wiring.bank import CityBank
from gateway.wiring.bank_inbox import take_in
from tests.gateway.chain_city import ROOT
from tests.gateway.rails.bank import messages

CITY = load_city(ROOT / "cities" / "dongbaek.toml")
OURS = messages.account(number=CITY.bank.account.number)
FIRST = date(2026, 9, 21)  # a Monday


@dataclass
class _Clock:
    seconds: int = int(datetime(2026, 9, 30, tzinfo=KST).timestamp())

    def now(self) -> int:
        return self.seconds


class Desk:
    """A city's bank with its folders."""

    def __init__(self, engine: AsyncEngine, folder: Path) -> None:
        nothing = cast(Any, None)
        self.m = Municipality(
            city=CITY,
            engine=engine,
            sealer=Sealer(bytes(32)),
            wallets=nothing,
            sms=nothing,
            mirror=nothing,
            clock=_Clock(),
            signing_domain=nothing,
            outcomes=nothing,
        )
        self.inbox = folder / "in"
        self.bank = CityBank(CITY, CITY.bank.account, FolderExchange(folder / "out", self.inbox))

    async def take(self, name: str, raw: bytes) -> str | None:
        """Why a file was set aside; None if it was taken."""
        (self.inbox / name).write_bytes(raw)
        (receipt,) = await take_in(self.m, self.bank)
        return receipt.reason

    async def files(self, state: FileState) -> list[Any]:
        return await bank_inbox.listed(self.m, state, 100)


@pytest.fixture
def desk(database: AsyncEngine, tmp_path: Path) -> Desk:
    return Desk(database, tmp_path)


def notice(number: int, *entries: str, summary: str = "") -> bytes:
    raw = messages.camt054(*(entries or (messages.entry(),)), acct=OURS, summary=summary)
    return raw.replace(b"<MsgId>N-1<", f"<MsgId>N-{number}<".encode())


def statement(day: date, opening: int, closing: int, *entries: str) -> bytes:
    balances = messages.balance("OPBD", str(opening), day=str(day))
    balances += messages.balance("CLBD", str(closing), day=str(day))
    raw = messages.camt053(*entries, balances=balances).decode()
    made = date.fromordinal(day.toordinal() + 1)
    raw = raw.replace(messages.account(), OURS).replace("2026-09-24T01", f"{made}T01")
    return raw.replace("<MsgId>S-1<", f"<MsgId>S-{day}<").encode()


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
                    since_block=block,
                )
            )  # fmt: skip

        rows = [line("D-1", "deposit", 1_000), line("D-2", "deposit", 50), line("I-1", "interest", 7),
                line("P-1", "payout", -200, 1), line("P-2", "payout", -300, 2)]  # fmt: skip
        await reserve.enter(connection, desk.m.code, "032", FIRST, rows)
        await issued("D-1", 1_000, 5)
        await settled(1, 200, 2, 8)
        await settled(2, 300, 1, 6)
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
        never = found[FindingKind.ISSUE_WITHOUT_DEPOSIT, 400]
        assert never == f"deposit key 0x{deposit_key('032', 'never').hex()}"
        assert found[FindingKind.BURN_WITHOUT_PAYOUT, 70] == "cycle 20260921, merchant 3"
