"""A municipality's contracts: where they are, and the calldata of everything the gateway asks of them.

Every encoder returns a `Call`, ready for the outbox. Its gas bound is generous, because gas is free
here and what is left over costs nothing, but never above the 16 million that a transaction may use.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gateway.chain.abi import ABI_FOLDER, Abi, load_abi
from gateway.chain.errors import DeploymentError
from gateway.chain.escrow import MAX_GAS as MAX_GAS
from gateway.chain.escrow import escrow_gas
from gateway.chain.shapes import NewCitizen, NewMerchant, RefundCall
from gateway.domain.gift import TransferAuthorization
from gateway.domain.order import ORDER_BYTES, BatchOrder, CardConsent, SigningDomain
from gateway.domain.signature import CompactSignature

DEPLOYMENTS: Final = Path(__file__).resolve().parents[2] / "deployments"
NAMES: Final = (
    ("access_manager", "accessManager", "AccessManager"),
    ("participants", "participants", "Participants"),
    ("currency", "currency", "LocalCurrency"),
    ("programmes", "programmes", "Programmes"),
    ("cashback", "cashback", "Cashback"),
    ("payments", "payments", "Payments"),
    ("settlement", "settlement", "Settlement"),
)
"""Attribute here, key in the deployment record, contract."""


@dataclass(frozen=True, slots=True)
class Call:
    """What a transaction asks: the contract (20 bytes), calldata, and the most gas it may use."""

    to: bytes
    data: bytes
    gas: int


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where one municipality's contracts are; 20 bytes each. `block`: nothing happened before it."""

    access_manager: bytes
    participants: bytes
    currency: bytes
    programmes: bytes
    cashback: bytes
    payments: bytes
    settlement: bytes
    block: int = 0
    currency_name: str = ""
    """The currency's name as it was initialised: of its signing domain (ERC-2612, ERC-3009)."""

    def all(self) -> dict[bytes, str]:
        """Contract name by address."""
        return {getattr(self, attribute): name for attribute, _, name in NAMES}


@dataclass(frozen=True, slots=True)
class Deployment:
    """What ``deployments/<chain-id>.json`` says."""

    chain_id: int
    municipalities: dict[str, Addresses]
    handed_over: frozenset[str] = frozenset()
    """The municipalities whose deployment is finished: every role is with its holder."""

    def municipality(self, code: str) -> Addresses:
        """The contracts of one municipality. Raises DeploymentError when it is not deployed."""
        try:
            return self.municipalities[code]
        except KeyError:
            raise DeploymentError(f"{code!r} is not deployed on chain {self.chain_id}") from None


def deployments_folder() -> Path:
    """``$CAMELLIA_DEPLOYMENTS``, else the checkout's ``deployments``."""
    return Path(os.environ.get("CAMELLIA_DEPLOYMENTS") or DEPLOYMENTS)


def load_deployment(chain_id: int, folder: Path | None = None) -> Deployment:
    """Read the deployment record of a chain. Raises DeploymentError when it is missing or unfit."""
    path = (folder or deployments_folder()) / f"{chain_id}.json"
    try:
        record = json.loads(path.read_text())
        if record["chainId"] != chain_id:
            raise DeploymentError(f"{path.name} is the record of chain {record['chainId']}")
        return Deployment(
            chain_id,
            {code: _addresses(found) for code, found in record["municipalities"].items()},
            frozenset(
                code
                for code in record["municipalities"]
                if any(step["step"] == f"{code}/handover" for step in record.get("steps", ()))
            ),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DeploymentError(f"no usable deployment record {path}: {error!r}") from error


def _addresses(record: dict[str, Any]) -> Addresses:
    found = {attribute: record[key]["address"] for attribute, key, _ in NAMES}
    blocks = [record[key].get("block") or 0 for _, key, _ in NAMES]
    return Addresses(
        **{attribute: bytes.fromhex(address[2:]) for attribute, address in found.items()},
        block=min(blocks),
        currency_name=_name_of(record["currency"]),
    )


def _name_of(currency: dict[str, Any]) -> str:
    """The currency's name: the first argument of its `initialize` after the access manager."""
    given = currency.get("arguments", {}).get("initialize", ())
    return str(given[1]) if len(given) > 1 else ""


def load_abis(folder: Path | None = None) -> dict[str, Abi]:
    """The ABIs of all the contracts by name. Raises DeploymentError."""
    return {name: load_abi(name, folder or ABI_FOLDER) for _, _, name in NAMES}


def bounded(gas: int) -> int:
    """A gas bound within what a transaction may use."""
    return min(gas, MAX_GAS)


class CityContracts:
    """One municipality's contracts on one chain: encoders of calls. Make it once and keep it."""

    def __init__(self, chain_id: int, addresses: Addresses, abis: dict[str, Abi]) -> None:
        self.chain_id = chain_id
        self.at = addresses
        self.abis = abis
        self.signing_domain = SigningDomain(chain_id, addresses.payments)
        self.currency_domain = SigningDomain(chain_id, addresses.currency, addresses.currency_name)
        self._participants = abis["Participants"]
        self._currency = abis["LocalCurrency"]
        self._payments = abis["Payments"]
        self._programmes = abis["Programmes"]
        self._settlement = abis["Settlement"]
        # submitBatch((uint256,uint256,bytes32,bytes32)[]): one dynamic argument, at offset 32.
        self._submit_batch = self._payments["submitBatch"].selector + (32).to_bytes(32, "big")

    @classmethod
    def load(cls, chain_id: int, code: str, folder: Path | None = None) -> CityContracts:
        """The contracts of municipality `code`; ABIs beside the record if there, else the checkout's.

        Raises DeploymentError.
        """
        folder = folder or deployments_folder()
        abis = load_abis(folder / "abi" if (folder / "abi").is_dir() else None)
        return cls(chain_id, load_deployment(chain_id, folder).municipality(code), abis)

    # --- registrar ----------------------------------------------------------------------------

    def register_citizens(self, entries: Sequence[NewCitizen]) -> Call:
        """REGISTRAR. Ids follow on in the order given; registered wallets are passed over (C-3)."""
        data = self._participants["registerCitizens"].calldata(entries)
        return Call(self.at.participants, data, bounded(100_000 + 80_000 * len(entries)))

    def register_merchants(self, entries: Sequence[NewMerchant]) -> Call:
        """REGISTRAR. As `register_citizens`."""
        data = self._participants["registerMerchants"].calldata(entries)
        return Call(self.at.participants, data, bounded(100_000 + 80_000 * len(entries)))

    def set_citizen_status(self, citizen: int, status: int) -> Call:
        """REGISTRAR. 1 active, 2 frozen (C-4)."""
        return self._registrar("setCitizenStatus", citizen, status)

    def update_citizen(self, citizen: int, district: int, cohort: int) -> Call:
        """REGISTRAR. Where a citizen lives, and the cohort (C-6)."""
        return self._registrar("updateCitizen", citizen, district, cohort)

    def set_merchant_status(self, merchant: int, status: int) -> Call:
        """REGISTRAR. 1 active, 2 suspended (C-4)."""
        return self._registrar("setMerchantStatus", merchant, status)

    def remove_merchant(self, merchant: int, barred_until: int) -> Call:
        """REGISTRAR. May not return before `barred_until`, at most a year on (C-4)."""
        return self._registrar("removeMerchant", merchant, barred_until)

    def update_merchant(self, merchant: int, district: int, category: int, sales_band: int) -> Call:
        """REGISTRAR. A merchant's classes (C-6)."""
        return self._registrar("updateMerchant", merchant, district, category, sales_band)

    def rotate_wallet(
        self, kind: int, participant: int, new_wallet: bytes, deadline: int, signature: bytes
    ) -> Call:
        """REGISTRAR. With the old wallet's 65-byte signature (C-5)."""
        return self._registrar(
            "rotateWallet", kind, participant, new_wallet, deadline, signature, gas=400_000
        )

    def _registrar(self, function: str, *values: Any, gas: int = 150_000) -> Call:
        return Call(self.at.participants, self._participants[function].calldata(*values), gas)

    # --- issuer, settler ----------------------------------------------------------------------

    def issue(self, citizen: int, amount: int, deposit_ref: bytes) -> Call:
        """ISSUER. Own money, in won, against a bank deposit reference of 32 bytes, once (O-3)."""
        data = self._currency["issue"].calldata(citizen, amount, deposit_ref)
        return Call(self.at.currency, data, 300_000)

    def issue_to_treasury(self, amount: int, deposit_ref: bytes) -> Call:
        """ISSUER. To the city's own account."""
        data = self._currency["issueToTreasury"].calldata(amount, deposit_ref)
        return Call(self.at.currency, data, 250_000)

    def redeem(self, holder: bytes, amount: int, redemption_ref: bytes) -> Call:
        """SETTLER. Burns against the holder's allowance to the settler (O-8)."""
        data = self._currency["redeem"].calldata(holder, amount, redemption_ref)
        return Call(self.at.currency, data, 250_000)

    def permit(
        self, owner: bytes, spender: bytes, amount: int, deadline: int, signature: CompactSignature
    ) -> Call:
        """Anybody. ERC-2612 allowance by the owner's signature."""
        v = 27 + signature.recovery_bit
        s = signature.s.to_bytes(32, "big")
        data = self._currency["permit"].calldata(owner, spender, amount, deadline, v, signature.r, s)
        return Call(self.at.currency, data, 150_000)

    def give(self, authorization: TransferAuthorization, signature: CompactSignature) -> Call:
        """Anybody. A gift, by its giver's signature (O-6, ERC-3009)."""
        data = self._currency["transferWithAuthorization"].calldata(
            authorization.sender,
            authorization.receiver,
            authorization.value_won,
            authorization.valid_after,
            authorization.valid_before,
            authorization.nonce,
            27 + signature.recovery_bit,
            signature.r,
            signature.s.to_bytes(32, "big"),
        )
        return Call(self.at.currency, data, 300_000)

    def escrow(self, cycle: int, merchants: Sequence[int]) -> Call:
        """SETTLER. Moves merchants' balances into escrow, once a merchant and cycle (S-1)."""
        data = self._settlement["escrow"].calldata(cycle, merchants)
        most = escrow_gas([(merchant, True) for merchant in merchants])
        return Call(self.at.settlement, data, bounded(most))

    def anchor_file(self, cycle: int, file_hash: bytes, total: int) -> Call:
        """SETTLER. A bank file's hash and its total in won (S-2)."""
        data = self._settlement["anchorFile"].calldata(cycle, file_hash, total)
        return Call(self.at.settlement, data, 150_000)

    def anchor_reserve(self, day: int, proof_hash: bytes) -> Call:
        """SETTLER. The hash of a day's proof of reserve (V-4)."""
        data = self._settlement["anchorReserve"].calldata(day, proof_hash)
        return Call(self.at.settlement, data, 100_000)

    def mark_paid(self, cycle: int, statement_hash: bytes, merchants: Sequence[int]) -> Call:
        """SETTLER. Burns the lines that the bank has paid (S-3)."""
        data = self._settlement["markPaid"].calldata(cycle, statement_hash, merchants)
        return Call(self.at.settlement, data, bounded(250_000 + 10_000 * len(merchants)))

    def mark_returned(self, cycle: int, statement_hash: bytes, merchants: Sequence[int]) -> Call:
        """SETTLER. Gives back the lines that the bank returned (S-3)."""
        data = self._settlement["markReturned"].calldata(cycle, statement_hash, merchants)
        return Call(self.at.settlement, data, bounded(250_000 + 80_000 * len(merchants)))

    # --- gateway ------------------------------------------------------------------------------

    def submit_batch(self, orders: Sequence[BatchOrder] | Sequence[bytes]) -> Call:
        """GATEWAY. Orders in the order given, each as `BatchOrder` or its 128 bytes (P-7)."""
        packed = [order if isinstance(order, bytes) else order.to_bytes() for order in orders]
        words = b"".join(packed)
        if len(words) != ORDER_BYTES * len(packed):
            raise ValueError(f"an order has {ORDER_BYTES} bytes")
        data = self._submit_batch + len(packed).to_bytes(32, "big") + words
        return Call(self.at.payments, data, bounded(300_000 + 400_000 * len(packed)))

    def set_card_limit(self, consent: CardConsent, signature: CompactSignature) -> Call:
        """GATEWAY. The daily card limit that a citizen signed for (P-4)."""
        data = self._payments["setCardLimit"].calldata(
            consent.citizen,
            consent.daily_limit,
            consent.nonce,
            consent.expires_at,
            signature.r,
            signature.vs,
        )
        return Call(self.at.payments, data, 200_000)

    def refund(self, refund: RefundCall) -> Call:
        """GATEWAY. All or part of an accepted payment, by record and proof (F-1)."""
        return Call(self.at.payments, self._payments["refund"].calldata(refund), 1_000_000)

    # --- programme manager --------------------------------------------------------------------

    def grant_roll(self, programme: int, chunk: int, tiers: bytes) -> Call:
        """PROGRAMME_MANAGER. Tiers of a chunk of citizens, half a byte each (M-2)."""
        data = self._programmes["grantRoll"].calldata(programme, chunk, tiers)
        return Call(self.at.programmes, data, bounded(1_000_000 + 700 * len(tiers)))

    def grant_credits(
        self, programme: int, grant_ref: bytes, citizens: Sequence[int], amounts: Sequence[int]
    ) -> Call:
        """PROGRAMME_MANAGER. Personal amounts in won; `grant_ref` (32 bytes) once (M-3)."""
        data = self._programmes["grantCredits"].calldata(programme, grant_ref, citizens, amounts)
        return Call(self.at.programmes, data, bounded(300_000 + 40_000 * len(citizens)))
