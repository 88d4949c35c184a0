"""The contracts' events as frozen dataclasses, fields in the order of the ABI.

Wallets and other addresses are 20 bytes, hashes and references 32; amounts are won, times seconds since
1970 UTC. Who emits what, and when, is said on the interfaces.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from gateway.chain.shapes import CampaignTerms, Caps, MunicipalityContracts, ProgrammeRules
from gateway.domain.record import Draw, PaymentRecord, RecordFields, parse_records, scan_records


class ChainEvent:
    """Root of all events."""

    __slots__ = ()


# --- Participants -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CitizenRegistered(ChainEvent):
    citizen: int
    wallet: bytes
    district: int
    cohort: int


@dataclass(frozen=True, slots=True)
class CitizenChanged(ChainEvent):
    citizen: int
    status: int
    district: int
    cohort: int


@dataclass(frozen=True, slots=True)
class MerchantRegistered(ChainEvent):
    merchant: int
    wallet: bytes
    district: int
    category: int
    sales_band: int


@dataclass(frozen=True, slots=True)
class MerchantChanged(ChainEvent):
    merchant: int
    status: int
    district: int
    category: int
    sales_band: int
    barred_until: int


@dataclass(frozen=True, slots=True)
class WalletRotated(ChainEvent):
    kind: int
    id: int
    old_wallet: bytes
    new_wallet: bytes


@dataclass(frozen=True, slots=True)
class CurrencySet(ChainEvent):
    currency: bytes


# --- LocalCurrency ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Transfer(ChainEvent):
    """ERC-20; `sender` is zero for an issue, `receiver` for a burn. Told one by one only where it is all
    that a transaction did: a gift, or a move between the platform's own accounts (O-6, O-7)."""

    sender: bytes
    receiver: bytes
    value: int


@dataclass(frozen=True, slots=True)
class Transfers(ChainEvent):
    """All transfers of one block together: what each wallet has more or less, in won (not an event of the
    ABI: payments make thousands of transfers a second, and only their sums matter to the books)."""

    changes: dict[bytes, int]


@dataclass(frozen=True, slots=True)
class Approval(ChainEvent):
    owner: bytes
    spender: bytes
    value: int


@dataclass(frozen=True, slots=True)
class Issued(ChainEvent):
    citizen: int
    amount: int
    deposit_ref: bytes


@dataclass(frozen=True, slots=True)
class IssuedToTreasury(ChainEvent):
    treasury: bytes
    amount: int
    deposit_ref: bytes


@dataclass(frozen=True, slots=True)
class Redeemed(ChainEvent):
    holder: bytes
    amount: int
    redemption_ref: bytes


@dataclass(frozen=True, slots=True)
class Burnt(ChainEvent):
    module: bytes
    amount: int


@dataclass(frozen=True, slots=True)
class IssuerAllowanceSet(ChainEvent):
    issuer: bytes
    amount: int


@dataclass(frozen=True, slots=True)
class CapsSet(ChainEvent):
    caps: Caps


@dataclass(frozen=True, slots=True)
class TreasurySet(ChainEvent):
    treasury: bytes


@dataclass(frozen=True, slots=True)
class PlatformAccountSet(ChainEvent):
    account: bytes
    allowed: bool


@dataclass(frozen=True, slots=True)
class PausedSet(ChainEvent):
    paused: bool


# --- Programmes -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ProgrammeCreated(ChainEvent):
    programme: int
    label: bytes
    rules: ProgrammeRules


@dataclass(frozen=True, slots=True)
class ProgrammeFunded(ChainEvent):
    programme: int
    amount: int


@dataclass(frozen=True, slots=True)
class RollGranted(ChainEvent):
    """The tiers themselves are the code of `roll`, after a first byte of zero (M-2)."""

    programme: int
    chunk: int
    roll: bytes
    recipients: int
    amount: int


@dataclass(frozen=True, slots=True)
class CreditsGranted(ChainEvent):
    programme: int
    grant_ref: bytes
    citizens: tuple[int, ...]
    amounts: tuple[int, ...]
    total: int


@dataclass(frozen=True, slots=True)
class ProgrammeClosed(ChainEvent):
    programme: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class ProgrammeSwept(ChainEvent):
    programme: int
    amount: int


@dataclass(frozen=True, slots=True)
class DeliveryAnchored(ChainEvent):
    """`root`: of the recipients' leaves; `list_hash`: SHA-256 of the list that was charged (G-6)."""

    programme: int
    root: bytes
    list_hash: bytes
    recipients: int
    amount: int


# --- Cashback ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CampaignCreated(ChainEvent):
    campaign: int
    label: bytes
    terms: CampaignTerms


@dataclass(frozen=True, slots=True)
class CampaignFunded(ChainEvent):
    campaign: int
    amount: int


@dataclass(frozen=True, slots=True)
class CampaignActivated(ChainEvent):
    campaign: int


@dataclass(frozen=True, slots=True)
class CampaignRatesChanged(ChainEvent):
    campaign: int
    band_rates: tuple[int, ...]
    cohort_bonuses: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CampaignClosed(ChainEvent):
    campaign: int
    returned: int


@dataclass(frozen=True, slots=True)
class CreditsSwept(ChainEvent):
    """`citizens` are those looked at; only expired credits of them went (K-4)."""

    citizens: tuple[int, ...]
    amount: int


# --- Payments ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class BatchProcessed(ChainEvent):
    """`records`: 96 bytes an order, in the batch's order (P-8)."""

    batch: int
    root: bytes
    accepted: int
    records: bytes

    @cached_property
    def payments(self) -> list[PaymentRecord]:
        """The records read and checked. Raises RecordError for what no contract of ours writes."""
        return parse_records(self.records)

    @cached_property
    def fields(self) -> list[RecordFields]:
        """The records read in bulk."""
        return scan_records(self.records)


@dataclass(frozen=True, slots=True)
class Refunded(ChainEvent):
    payment_id: bytes
    refund_id: bytes
    batch: int
    index: int
    amount: int
    refunded_total: int
    own: int
    credit: int
    earned_back: int
    from_own: int
    programme_parts: int

    @property
    def parts(self) -> tuple[Draw, ...]:
        """What went back to programmes, in the order of the payment's record."""
        pairs = [self.programme_parts >> (208 - 48 * place) for place in range(5)]
        return tuple(Draw(pair >> 32 & 0xFFFF, pair & 0xFFFFFFFF) for pair in pairs if pair & 0xFFFFFFFF)


@dataclass(frozen=True, slots=True)
class CardLimitSet(ChainEvent):
    citizen: int
    daily_limit: int


@dataclass(frozen=True, slots=True)
class AcceptedBandsSet(ChainEvent):
    bands: int


# --- Settlement -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Escrowed(ChainEvent):
    """`lines`: merchant(4) ‖ amount(8) a merchant."""

    cycle: int
    total: int
    lines: bytes

    @property
    def amounts(self) -> list[tuple[int, int]]:
        """(merchant, won) of each line."""
        return [
            (
                int.from_bytes(self.lines[at : at + 4], "big"),
                int.from_bytes(self.lines[at + 4 : at + 12], "big"),
            )
            for at in range(0, len(self.lines), 12)
        ]


@dataclass(frozen=True, slots=True)
class FileAnchored(ChainEvent):
    cycle: int
    file_hash: bytes
    total: int


@dataclass(frozen=True, slots=True)
class LinesPaid(ChainEvent):
    """Settlement's ``Paid``."""

    cycle: int
    statement_hash: bytes
    total: int
    merchants: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class LinesReturned(ChainEvent):
    """Settlement's ``Returned``."""

    cycle: int
    statement_hash: bytes
    total: int
    merchants: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ReserveProved(ChainEvent):
    day: int
    proof_hash: bytes
    previous: bytes


@dataclass(frozen=True, slots=True)
class FloatFunded(ChainEvent):
    amount: int


@dataclass(frozen=True, slots=True)
class FloatReturned(ChainEvent):
    amount: int


@dataclass(frozen=True, slots=True)
class Advanced(ChainEvent):
    merchant: int
    amount: int
    owed: int


@dataclass(frozen=True, slots=True)
class Repaid(ChainEvent):
    merchant: int
    amount: int
    owed: int


# --- Directory --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MunicipalitySet(ChainEvent):
    code: bytes
    contracts: MunicipalityContracts
