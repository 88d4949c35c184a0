"""The chain's own answers at one block, for the audit: plain calls to views, many in a request."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from gateway.chain.contracts import NAMES, CityContracts
from gateway.chain.node import Node, block_id, unhex


class ChainReader:
    """Views of one municipality's contracts at one block."""

    def __init__(self, node: Node, contracts: CityContracts, block: int) -> None:
        self._node = node
        self._contracts = contracts
        self._at = {name: getattr(contracts.at, attribute) for attribute, _, name in NAMES}
        self.block = block

    def address(self, contract: str) -> bytes:
        """A contract's 20 bytes."""
        found: bytes = self._at[contract]
        return found

    async def one(self, contract: str, function: str, *values: Any) -> Any:
        """One view's result; a tuple when it has several."""
        (found,) = await self.many(contract, function, [values])
        return found

    async def many(self, contract: str, function: str, calls: Iterable[Sequence[Any]]) -> list[Any]:
        """The same view for many arguments, in their order. Raises NodeUnreachable, NodeRefused."""
        view = self._contracts.abis[contract][function]
        to = "0x" + self.address(contract).hex()
        block = block_id(self.block)
        answers = await self._node.results(
            [
                ("eth_call", ({"to": to, "data": "0x" + view.calldata(*values).hex()}, block))
                for values in calls
            ]
        )
        found = [view.results(unhex(answer)) for answer in answers]
        return [results[0] if len(results) == 1 else results for results in found]
