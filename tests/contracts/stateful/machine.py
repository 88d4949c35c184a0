"""The state machine's ground: the city it starts from, how it acts, and what it notes of the chain's events.

Every example starts from the same snapshot. A rule acts through `act`, which sends a transaction and
insists that it passes, or through `refused`, which insists on the error by name.
"""

from __future__ import annotations

import copy
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from hypothesis.stateful import RuleBasedStateMachine

from gateway.domain.calendar import month_index
from gateway.domain.order import BatchOrder
from gateway.domain.record import PaymentRecord, parse_records, read_parts
from tests.contracts.stateful.model import Model
from tests.contracts.stateful.reading import ChainState, read_chain
from tests.contracts.stateful.town import Town, wallet_of


@dataclass
class Bench:
    """What all examples share: the city on its chain, the snapshot to start from, and the counts."""

    town: Town
    model: Model
    snapshot: str
    started_at: int
    examples: int = 0
    steps: int = 0
    outcomes: Counter[str] = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        self.outcomes = Counter()


class Machine(RuleBasedStateMachine):
    """One example. `bench` is set by the test before it runs the machine."""

    bench: ClassVar[Bench]

    def __init__(self) -> None:
        super().__init__()
        bench = self.bench
        bench.examples += 1
        self.town = bench.town
        assert self.town.chain.ask("evm_revert", bench.snapshot)
        bench.snapshot = self.town.chain.ask("evm_snapshot")
        self.town.now = bench.started_at
        self.model = copy.deepcopy(bench.model)
        self.signers: dict[bytes, str | None] = {}  # an order's wallet, by payment id
        self.serial = 0  # for new references, nonces and wallets
        # Noted from the chain's events:
        self.issues: Counter[bytes] = Counter(dict.fromkeys(self.model.deposits, 1))
        self.issued_by_events = self.model.issued
        self.accepted: list[PaymentRecord] = []
        self.fresh: list[tuple[BatchOrder, PaymentRecord]] = []  # of the last step
        self.returned: defaultdict[tuple[int, int], Counter[str]] = defaultdict(Counter)
        self.refunds: Counter[int] = Counter()  # won by merchant
        self.campaign_money: Counter[int] = Counter({1: self.model.pots[1].budget})  # funded less returned
        self.swept: set[int] = set()  # programmes, in the last step
        # What citizens consented to by a signature of their own:
        self.given_away: Counter[int] = Counter()  # by citizen, in the last step
        self.card_limits: dict[int, int] = {}
        self.card_days: Counter[tuple[int, int]] = Counter()  # won by citizen and day
        self.state = read_chain(self.town, self.model)
        self.before: ChainState = self.state

    @property
    def now(self) -> int:
        """The time of the next block."""
        return self.town.now + 1

    @property
    def month(self) -> int:
        """The KST month of the last block."""
        return month_index(self.town.now)

    @staticmethod
    def pick(choice: int, ids: Mapping[int, object]) -> int:
        """An id that is there, or for the choice 0 the first that is not."""
        return 1 + (choice - 1) % len(ids) if choice else len(ids) + 1

    def fresh_number(self) -> int:
        """A number that this example has not used yet."""
        self.serial += 1
        return self.serial

    def act(self, role: str, contract: str, function: str, *values: Any) -> dict[str, Any]:
        """Send a call that must pass, as the holder of a role."""
        return self.act_as(wallet_of(role), contract, function, *values)

    def act_as(self, sender: bytes, contract: str, function: str, *values: Any) -> dict[str, Any]:
        """Send a call that must pass; note its events."""
        receipt = self.town.send(sender, contract, function, *values)
        self.bench.outcomes[f"{contract}.{function}"] += 1
        self._note(receipt)
        return receipt

    def refused(self, error: str, role: str, contract: str, function: str, *values: Any) -> None:
        """A call as the holder of a role must revert with this error."""
        self.refused_as(error, wallet_of(role), contract, function, *values)

    def refused_as(self, error: str, sender: bytes, contract: str, function: str, *values: Any) -> None:
        """A call must revert with this error."""
        found = self.town.refusal(sender, self.town.call(contract, function, *values))
        assert found == error, f"{contract}.{function}{values}: {found}, not {error}"
        self.bench.outcomes[error] += 1

    def act_or_refused(
        self, error: str | None, role: str, contract: str, function: str, *values: Any
    ) -> dict[str, Any] | None:
        """`act` when no error is expected, else `refused`."""
        if error is None:
            return self.act(role, contract, function, *values)
        self.refused(error, role, contract, function, *values)
        return None

    def check_invariants(self, settings: Any) -> None:
        """Read the chain once, then check every invariant against it."""
        self.bench.steps += 1
        self.before, self.state = self.state, read_chain(self.town, self.model)
        super().check_invariants(settings)
        self.fresh, self.given_away, self.swept = [], Counter(), set()

    def reread(self) -> None:
        """After somebody joined: so that the invariants see the newcomer before and after."""
        self.state = read_chain(self.town, self.model)

    def _note(self, receipt: dict[str, Any]) -> None:
        """Keep what the events of a transaction say."""
        for name in ("Issued", "IssuedToTreasury"):
            for event in self.town.events(receipt, name):
                self.issues[event["depositRef"]] += 1
                self.issued_by_events += event["amount"]
        for event in self.town.events(receipt, "BatchProcessed"):
            records = parse_records(event["records"])
            self.accepted += [record for record in records if record.is_accepted]
        for event in self.town.events(receipt, "Refunded"):
            parts = self.returned[event["batch"], event["index"]]
            parts["own"] += event["own"] + event["fromOwn"]
            parts["credit"] += event["credit"]
            parts["earned back"] += event["earnedBack"]
            for draw in read_parts(event["programmeParts"].to_bytes(32, "big")):
                parts[f"programme {draw.programme}"] += draw.amount
        self.campaign_money.update(
            {event["campaign"]: event["amount"] for event in self.town.events(receipt, "CampaignFunded")}
        )
        for event in self.town.events(receipt, "CampaignClosed"):
            self.campaign_money[event["campaign"]] -= event["returned"]
        self.swept |= {event["programme"] for event in self.town.events(receipt, "Swept")}
