"""The audit: every balance read from the chain alone, held against the database and the bank's statement.

It trusts nothing that the gateway wrote: the chain is asked view by view at one block, the block that the
mirror stands at in the snapshot that is compared. A difference names the account.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.chain.node import Node
from gateway.chain.shapes import Profile
from gateway.config import Settings
from gateway.domain import merkle
from gateway.domain.cashback import is_credit_alive
from gateway.domain.errors import LotError
from gateway.domain.lots import Lots, replay_all
from gateway.domain.money import format_won
from gateway.domain.record import leaves_of, read_record
from gateway.flow.errors import Unavailable
from gateway.flow.own_refunds import OWED
from gateway.rails.bank import camt053
from gateway.store import chain_tables as mirror
from gateway.store.lot_history import LotReader, everything
from gateway.store.own_money_tables import own_refunds
from gateway.store.payment_tables import payments
from gateway.store.payment_tables import stand_in_claims as claims
from gateway.store.people_tables import deposits
from gateway.store.settlement_tables import bank_files, cycle_lines
from gateway.wiring.chain_reader import ChainReader
from gateway.wiring.parts import Place, open_parts

_NOBODY: Final = bytes(20)
_SOLD: Final = ("confirmed", "settled", "partly_refunded", "refunded")


@dataclass
class Check:
    """One comparison: how many values, and what differs, in words that name the account."""

    name: str
    compared: int = 0
    differences: list[str] = field(default_factory=list)
    unmade: str = ""
    """Why there was nothing to compare with."""

    @property
    def found(self) -> str:
        """How many values differ, in words."""
        return self.unmade or str(len(self.differences) or "none")

    def same(self, account: str, chain: int, other: int, where: str = "database") -> None:
        """Compare two amounts of won."""
        self.compared += 1
        if chain != other:
            self.differences.append(f"{account}: chain {format_won(chain)}, {where} {format_won(other)}")


@dataclass(frozen=True)
class Report:
    """What the audit found at one block."""

    block: int
    checks: list[Check]

    @property
    def differences(self) -> int:
        """How many values differ."""
        return sum(len(check.differences) for check in self.checks)


async def audit_city(settings: Settings, code: str) -> Report:
    """Audit one municipality. Raises NodeUnreachable; Unavailable when the mirror is empty."""
    async with (
        open_parts(settings) as parts,
        Node(settings.rpc_url, timeout_seconds=60) as node,
        parts.engine.connect() as connection,
    ):
        place = parts.places[code]
        # One snapshot: the worker may go on meanwhile.
        connection = await connection.execution_options(isolation_level="REPEATABLE READ")
        cursor = await place.mirror.cursor(connection)
        if cursor is None:
            raise Unavailable(f"the mirror of {code} is empty: let the worker run first")
        reader = ChainReader(node, place.contracts, cursor.number)
        audit = _Audit(place, reader, connection, cursor.time)
        return Report(cursor.number, await audit.run())


class _Audit:
    def __init__(self, place: Place, reader: ChainReader, connection: AsyncConnection, at: int) -> None:
        self._place = place
        self._code = place.municipality.code
        self._chain = reader
        self._connection = connection
        self._at = at
        self._holders: dict[bytes, str] = {}

    async def run(self) -> list[Check]:
        citizens = await self._participants("citizen", "citizenCount")
        merchants = await self._participants("merchant", "merchantCount")
        return [
            await self._own_money(citizens, merchants),
            await self._lots(citizens),
            await self._city_money(list(citizens)),
            await self._cashback(list(citizens)),
            await self._merchants(list(merchants)),
            await self._batches(),
            await self._payments(),
            await self._claims(),
            await self._deposits(),
            await self._bank(),
        ]

    async def _rows(self, statement: Any) -> list[Any]:
        return list((await self._connection.execute(statement)).all())

    async def _participants(self, kind: str, count: str) -> dict[int, bytes]:
        """Wallet by id, as the chain has them."""
        most = await self._chain.one("Participants", count)
        ids = range(1, most + 1)
        words = await self._chain.many("Participants", kind, [(number,) for number in ids])
        profiles = [Profile.unpack(word) for word in words]
        found = {number: profile.wallet for number, profile in zip(ids, profiles, strict=True) if profile}
        self._holders.update({wallet: f"{kind} {number}" for number, wallet in found.items()})
        return found

    async def _own_money(self, citizens: Mapping[int, bytes], merchants: Mapping[int, bytes]) -> Check:
        """Every wallet's own money; and I-2: the supply is the sum of all balances."""
        check = Check("own money, every wallet")
        treasury = await self._chain.one("LocalCurrency", "treasury")
        accounts = dict(self._holders) | {treasury: "the city's treasury"}
        for name in ("Programmes", "Cashback", "Settlement"):
            accounts[self._chain.address(name)] = f"contract {name}"
        stored = {
            row.wallet: row.won
            for row in await self._rows(
                select(mirror.balances).where(mirror.balances.c.currency == self._code)
            )
        }
        for wallet in stored.keys() - accounts.keys() - {_NOBODY}:
            accounts[wallet] = "a wallet that is nobody's"
        wallets = sorted(accounts)
        balances = await self._chain.many("LocalCurrency", "balanceOf", [(wallet,) for wallet in wallets])
        for wallet, balance in zip(wallets, balances, strict=True):
            check.same(f"{accounts[wallet]} (0x{wallet.hex()})", balance, stored.get(wallet, 0))
        supply = await self._chain.one("LocalCurrency", "totalSupply")
        check.same("the supply, against the sum of all balances", supply, sum(balances), "sum")
        return check

    async def _lots(self, citizens: Mapping[int, bytes]) -> Check:
        """L-1: the lots that follow from what the chain wrote alone add up to its balance, and are those that
        the citizen is shown."""
        check = Check("own money in lots, every citizen and charge")
        books = replay_all(await everything(self._connection, self._code))
        numbers = sorted(citizens)
        balances = await self._chain.many("LocalCurrency", "balanceOf", [(citizens[n],) for n in numbers])
        reader = LotReader(self._connection, self._code)
        for number, balance in zip(numbers, balances, strict=True):
            lots = books.get(number, Lots(number))
            check.same(f"citizen {number}", balance, lots.own_won, "lots")
            try:
                shown = await reader.of(number)
            except LotError as error:
                check.compared += 1
                check.differences.append(f"citizen {number}: {error}")
                continue
            for lot in lots.lots:
                told = shown.find(lot.charge.ref)
                account = f"citizen {number}, charge 0x{lot.charge.ref.hex()}"
                check.same(account, lot.left_won, told.left_won if told else 0, "shown")
        return check

    async def _city_money(self, citizens: list[int]) -> Check:
        check = Check("city money, every citizen and programme")
        rules = await self._place.mirror.rules(self._connection)
        stored = {c: (await self._place.mirror.money(self._connection, c)).city_won for c in citizens}
        for programme in sorted(rules.programmes):
            found = await self._chain.many("Programmes", "balanceOf", [(programme, c) for c in citizens])
            for citizen, balance in zip(citizens, found, strict=True):
                account = f"citizen {citizen}, programme {programme}"
                check.same(account, balance, stored[citizen].get(programme, 0))
        return check

    async def _cashback(self, citizens: list[int]) -> Check:
        check = Check("cashback credit, every citizen")
        stored = {
            row.citizen: row.credit if is_credit_alive(row.month or None, self._at) else 0
            for row in await self._rows(
                select(mirror.cashback).where(mirror.cashback.c.currency == self._code)
            )
        }
        for citizen, (credit, month, _) in zip(
            citizens, await self._chain.many("Cashback", "accountOf", [(c,) for c in citizens]), strict=True
        ):
            alive = credit if is_credit_alive(month or None, self._at) else 0
            check.same(f"citizen {citizen}", alive, stored.get(citizen, 0))
        return check

    async def _merchants(self, merchants: list[int]) -> Check:
        """S-5: balance + escrow + paid - owed = accepted - refunded, from the orders that the database
        keeps."""
        check = Check("merchants: sold, refunded, settled (S-5)")
        sold: dict[int, int] = defaultdict(int)
        for row in await self._rows(
            select(payments.c.merchant, func.sum(payments.c.amount - payments.c.refunded).label("net"))
            .where(payments.c.currency == self._code, payments.c.state.in_(_SOLD))
            .group_by(payments.c.merchant)
        ):
            sold[row.merchant] = int(row.net)
        cycles = await self._rows(
            select(mirror.lines.c.cycle, mirror.lines.c.merchant).where(mirror.lines.c.currency == self._code)
        )
        settled: dict[int, int] = defaultdict(int)
        lines = await self._chain.many("Settlement", "lineOf", [(r.cycle, r.merchant) for r in cycles])
        for row, (status, amount) in zip(cycles, lines, strict=True):
            if status in (1, 2):  # escrowed, paid
                settled[row.merchant] += amount
        wallets = {name: wallet for wallet, name in self._holders.items()}
        balances = await self._chain.many(
            "LocalCurrency", "balanceOf", [(wallets[f"merchant {number}"],) for number in merchants]
        )
        owed = await self._chain.many("Settlement", "owedBy", [(number,) for number in merchants])
        for number, balance, debt in zip(merchants, balances, owed, strict=True):
            check.same(f"merchant {number}", balance + settled[number] - debt, sold[number], "orders")
        return check

    async def _batches(self) -> Check:
        """Every batch's stored records lead to its root on chain (P-9)."""
        check = Check("batches: records against the chain's roots")
        batches = await self._rows(
            select(mirror.batches)
            .where(mirror.batches.c.currency == self._code)
            .order_by(mirror.batches.c.batch)
        )
        roots = await self._chain.many("Payments", "batchRoot", [(row.batch,) for row in batches])
        for row, root in zip(batches, roots, strict=True):
            check.compared += 1
            if merkle.root(leaves_of(row.batch, row.records)) != root:
                check.differences.append(f"batch {row.batch}: its records do not lead to the chain's root")
        return check

    async def _payments(self) -> Check:
        """Every payment's order says what its record says."""
        check = Check("payments: orders against their records")
        for row in await self._rows(
            select(payments).where(payments.c.currency == self._code, payments.c.record.is_not(None))
        ):
            record = read_record(row.record)
            moved = record.amount if record.is_accepted else 0
            told = row.amount if row.state in _SOLD else 0
            check.same(f"payment {row.payment} of citizen {row.citizen}", moved, told)
        return check

    async def _claims(self) -> Check:
        """T-5: what was promised without the chain and refused by it is a claim, and nothing else is."""
        check = Check("stand-in: claims on the reserve")
        rows = await self._rows(
            select(payments.c.payment, payments.c.amount, claims.c.amount.label("claimed"))
            .select_from(
                payments.outerjoin(
                    claims,
                    (claims.c.currency == payments.c.currency) & (claims.c.payment == payments.c.payment),
                )
            )
            .where(
                payments.c.currency == self._code,
                payments.c.stand_in,
                payments.c.state == "rejected",
                payments.c.record.is_not(None),
            )
        )
        for row in rows:
            check.same(f"payment {row.payment}", row.amount, row.claimed or 0, "claims")
        stored = await self._sum(claims.c.amount, claims.c.currency == self._code)
        check.same("all claims together", sum(row.amount for row in rows), stored, "claims")
        return check

    async def _deposits(self) -> Check:
        """O-3: a deposit that we say was issued is issued on chain, and no other is."""
        check = Check("deposits: issued once, or not at all")
        rows = await self._rows(select(deposits).where(deposits.c.currency == self._code))
        issued = await self._chain.many("LocalCurrency", "isIssued", [(r.deposit_key,) for r in rows])
        for row, on_chain in zip(rows, issued, strict=True):
            account = f"deposit {row.bank_code} {row.deposit_ref}"
            check.same(account, row.amount * on_chain, row.amount * (row.state == "issued"))
        return check

    async def _bank(self) -> Check:
        """Every won in circulation is in the city's account: closing balance = supply + money that came and
        is not issued + money that the bank paid and the chain has not burnt yet (which has left the
        account), and what was burnt for citizens and is not paid yet (which has not)."""
        check = Check("reserve: the bank's last statement")
        row = (
            await self._connection.execute(
                select(bank_files)
                .where(bank_files.c.currency == self._code, bank_files.c.closing.is_not(None))
                .order_by(bank_files.c.statement_on.desc(), bank_files.c.received_at.desc())
                .limit(1)
            )
        ).one_or_none()
        if row is None:
            check.unmade = "no statement yet"
            return check
        stated_at = max(int(s.created_at.timestamp()) for s in camt053.parse(row.content))
        supply = await self._chain.one("LocalCurrency", "totalSupply")
        came = deposits.c.currency == self._code
        not_issued = await self._sum(deposits.c.amount, came, deposits.c.state != "issued")
        later = await self._sum(deposits.c.amount, came, deposits.c.booked_at > stated_at)
        leaving = await self._sum(
            cycle_lines.c.amount,
            cycle_lines.c.currency == self._code,
            cycle_lines.c.bank_outcome == "paid",
            cycle_lines.c.state == "escrowed",
        )
        owed = await self._sum(
            own_refunds.c.payout, own_refunds.c.currency == self._code, own_refunds.c.state.in_(OWED)
        )
        expected = supply + not_issued + owed - leaving - later
        check.same("the city's account", expected, row.closing, f"statement {row.name}")
        return check

    async def _sum(self, column: Any, *conditions: Any) -> int:
        found = await self._connection.scalar(select(func.coalesce(func.sum(column), 0)).where(*conditions))
        return int(found or 0)
