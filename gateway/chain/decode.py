"""Logs and reverts read into our own words. Every event of the interfaces has a class in `events`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

from eth_abi.exceptions import DecodingError

from gateway.chain import consents, events
from gateway.chain.abi import Abi, Event
from gateway.chain.errors import CallReverted, DeploymentError, NodeRefused
from gateway.chain.events import ChainEvent

TRANSFER_TOPIC: Final = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"

CLASSES: Final[Mapping[str, Mapping[str, type[ChainEvent]]]] = {
    "Participants": {
        "CitizenRegistered": events.CitizenRegistered,
        "CitizenChanged": events.CitizenChanged,
        "MerchantRegistered": events.MerchantRegistered,
        "MerchantChanged": events.MerchantChanged,
        "WalletRotated": events.WalletRotated,
        "CurrencySet": events.CurrencySet,
    },
    "LocalCurrency": {
        "Transfer": events.Transfer,
        "Approval": events.Approval,
        "Issued": events.Issued,
        "IssuedToTreasury": events.IssuedToTreasury,
        "Redeemed": events.Redeemed,
        "Burnt": events.Burnt,
        "IssuerAllowanceSet": events.IssuerAllowanceSet,
        "CapsSet": events.CapsSet,
        "TreasurySet": events.TreasurySet,
        "PlatformAccountSet": events.PlatformAccountSet,
        "PausedSet": events.PausedSet,
        "AuthorizationUsed": consents.AuthorizationUsed,
    },
    "Programmes": {
        "ProgrammeCreated": events.ProgrammeCreated,
        "Funded": events.ProgrammeFunded,
        "RollGranted": events.RollGranted,
        "CreditsGranted": events.CreditsGranted,
        "Closed": events.ProgrammeClosed,
        "Swept": events.ProgrammeSwept,
        "DeliveryAnchored": events.DeliveryAnchored,
    },
    "Cashback": {
        "CampaignCreated": events.CampaignCreated,
        "CampaignFunded": events.CampaignFunded,
        "CampaignActivated": events.CampaignActivated,
        "CampaignRatesChanged": events.CampaignRatesChanged,
        "CampaignClosed": events.CampaignClosed,
        "CreditsSwept": events.CreditsSwept,
    },
    "Payments": {
        "BatchProcessed": events.BatchProcessed,
        "Refunded": events.Refunded,
        "CardLimitSet": events.CardLimitSet,
        "AcceptedBandsSet": events.AcceptedBandsSet,
    },
    "Settlement": {
        "Escrowed": events.Escrowed,
        "FileAnchored": events.FileAnchored,
        "Paid": events.LinesPaid,
        "Returned": events.LinesReturned,
        "ReserveProved": events.ReserveProved,
        "FloatFunded": events.FloatFunded,
        "FloatReturned": events.FloatReturned,
        "Advanced": events.Advanced,
        "Repaid": events.Repaid,
    },
    "Directory": {"MunicipalitySet": events.MunicipalitySet},
}


@dataclass(frozen=True, slots=True)
class Emitted:
    """An event and where on the chain it is. `tx_index` and `log_index` count within the block."""

    event: ChainEvent
    block: int
    block_hash: bytes
    tx_hash: bytes
    tx_index: int
    log_index: int


class Decoder:
    """Reads logs of some contracts and the errors that they revert with."""

    def __init__(self, abis: Mapping[str, Abi], contracts: Mapping[bytes, str]) -> None:
        """`contracts` gives the contract's name by its address of 20 bytes.

        Raises DeploymentError when an ABI lacks an event of `CLASSES`.
        """
        self._readers: dict[tuple[str, str], Callable[[Mapping[str, Any]], ChainEvent]] = {}
        self._errors = {selector: error for abi in abis.values() for selector, error in abi.errors.items()}
        self._currencies = {"0x" + a.hex() for a, name in contracts.items() if name == "LocalCurrency"}
        for address, name in contracts.items():
            by_name = {event.name: event for event in abis[name].events.values()}
            for event_name, cls in CLASSES.get(name, {}).items():
                if event_name not in by_name:
                    raise DeploymentError(f"the ABI of {name} has no event {event_name}")
                event = by_name[event_name]
                self._readers["0x" + address.hex(), "0x" + event.topic.hex()] = (
                    _read_transfer if cls is events.Transfer else _reader(event, cls)
                )

    def event(self, log: Mapping[str, Any]) -> ChainEvent | None:
        """The event of one log; None when it is not one of ours (an upgrade, say)."""
        topics = log["topics"]
        reader = self._readers.get((log["address"].lower(), topics[0])) if topics else None
        return reader(log) if reader else None

    def emitted(self, logs: Iterable[Mapping[str, Any]]) -> list[Emitted]:
        """The events of some logs, in the order of the logs, with their places; the transfers of a block
        as one, before all else that happened in it. Transfers that are all that their transaction did are
        told once more each, in their place: a gift is one."""
        found: list[Emitted] = []
        for _, group in groupby(logs, key=itemgetter("blockNumber")):
            of_block = list(group)
            moved: dict[str, int] = defaultdict(int)
            others: list[Emitted] = []
            for log in of_block:
                topics = log["topics"]
                if topics and topics[0] == TRANSFER_TOPIC and log["address"].lower() in self._currencies:
                    won = int(log["data"], 16)
                    moved[topics[1]] -= won
                    moved[topics[2]] += won
                    last = log
                elif (event := self.event(log)) is not None:
                    others.append(_emitted(event, log))
            if moved:
                changes = {bytes.fromhex(topic[26:]): won for topic, won in moved.items()}
                found.append(_emitted(events.Transfers(changes), last))
            found += self._with_gifts(of_block, others) if moved else others
        return found

    def _with_gifts(self, logs: Sequence[Mapping[str, Any]], others: list[Emitted]) -> list[Emitted]:
        """The events of a block, and among them the transfers of transactions that did nothing else."""
        silent = (events.Approval, consents.AuthorizationUsed)
        busy = {item.tx_hash.hex() for item in others if not isinstance(item.event, silent)}
        alone = [
            _emitted(_read_transfer(log), log)
            for log in logs
            if log["transactionHash"][2:] not in busy
            and log["topics"][:1] == [TRANSFER_TOPIC]
            and log["address"].lower() in self._currencies
        ]
        return sorted(others + alone, key=lambda item: item.log_index) if alone else others

    def reverted(self, refused: NodeRefused) -> NodeRefused:
        """`refused` as CallReverted when it carries a contract's error, else as it is."""
        data = revert_data(refused.data)
        if data is None:
            return refused
        name, values = self.error(data)
        return CallReverted(refused.method, name, values, refused)

    def error(self, data: bytes) -> tuple[str, dict[str, Any]]:
        """Name and values of the error in some revert data; ("", {}) when it is none of ours."""
        known = self._errors.get(data[:4])
        if known is None:
            return "", {}
        try:
            return known.name, known.values(data[4:])
        except DecodingError:
            return "", {}


def revert_data(data: object) -> bytes | None:
    """The bytes a contract reverted with, in the shapes in which nodes report them; None if none.

    Anvil, Besu and Geth give hex; some wrap it as ``{"data": "0x…"}`` or put words before it.
    """
    if isinstance(data, Mapping):
        return revert_data(data.get("data") or data.get("result"))
    if not isinstance(data, str):
        return None
    start = data.find("0x")
    try:
        return bytes.fromhex(data[start + 2 :]) if start >= 0 else None
    except ValueError:
        return None


def _emitted(event: ChainEvent, log: Mapping[str, Any]) -> Emitted:
    return Emitted(
        event,
        int(log["blockNumber"], 16),
        bytes.fromhex(log["blockHash"][2:]),
        bytes.fromhex(log["transactionHash"][2:]),
        int(log["transactionIndex"], 16),
        int(log["logIndex"], 16),
    )


def _reader(event: Event, cls: type[ChainEvent]) -> Callable[[Mapping[str, Any]], ChainEvent]:
    def read(log: Mapping[str, Any]) -> ChainEvent:
        return cls(*event.arguments(log["topics"], bytes.fromhex(log["data"][2:])))

    return read


def _read_transfer(log: Mapping[str, Any]) -> ChainEvent:
    """The most frequent event, without a codec."""
    _, sender, receiver = log["topics"]
    return events.Transfer(bytes.fromhex(sender[26:]), bytes.fromhex(receiver[26:]), int(log["data"], 16))
