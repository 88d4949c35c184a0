"""The contracts' structs, as the ABI orders them. Amounts in won, times in seconds, masks as ints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final


class ProgrammeStatus(IntEnum):
    """IProgrammes.Status."""

    NONE = 0
    OPEN = 1
    SWEPT = 2


class CampaignStatus(IntEnum):
    """ICashback.Status."""

    NONE = 0
    OPEN = 1
    CLOSED = 2


class LineStatus(IntEnum):
    """ISettlement.LineStatus."""

    NONE = 0
    ESCROWED = 1
    PAID = 2
    RETURNED = 3


class HolderKind(IntEnum):
    """IParticipants.Kind."""

    NONE = 0
    CITIZEN = 1
    MERCHANT = 2


@dataclass(frozen=True, slots=True)
class NewCitizen:
    """One entry of ``registerCitizens``; `wallet` is 20 bytes."""

    wallet: bytes
    district: int
    cohort: int = 0


@dataclass(frozen=True, slots=True)
class NewMerchant:
    """One entry of ``registerMerchants``; `wallet` is 20 bytes."""

    wallet: bytes
    district: int
    category: int
    sales_band: int


@dataclass(frozen=True, slots=True)
class Caps:
    """ILocalCurrency.Caps, in won."""

    holding: int
    purchase: int
    gift: int


@dataclass(frozen=True, slots=True)
class ProgrammeRules:
    """IProgrammes.Rules (M-1)."""

    starts_at: int
    expires_at: int
    sales_bands: int
    districts: int
    categories: int
    tier_amounts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ProgrammeTotals:
    """IProgrammes.Totals (M-9)."""

    budget_left: int
    outstanding: int
    spent: int
    swept: int


@dataclass(frozen=True, slots=True)
class SpendableBalance:
    """IProgrammes.Balance: what is unspent of one programme."""

    programme: int
    amount: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class CampaignTerms:
    """ICashback.Terms (K-1); rates in basis points."""

    starts_at: int
    ends_at: int
    monthly_base: int
    band_rates: tuple[int, ...]
    cohort_bonuses: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CampaignTotals:
    """ICashback.Totals."""

    budget_left: int
    earned: int


@dataclass(frozen=True, slots=True)
class Cycle:
    """ISettlement.Cycle, in won."""

    escrowed: int
    anchored: int
    paid: int
    returned: int


@dataclass(frozen=True, slots=True)
class MunicipalityContracts:
    """IDirectory.Municipality: addresses of 20 bytes."""

    access_manager: bytes
    participants: bytes
    currency: bytes
    programmes: bytes
    cashback: bytes
    payments: bytes
    settlement: bytes


@dataclass(frozen=True, slots=True)
class RecordWords:
    """Record of IPayments, as three numbers (P-8)."""

    w0: int
    w1: int
    w2: int

    @classmethod
    def from_bytes(cls, record: bytes) -> RecordWords:
        """The words of a record's 96 bytes."""
        return cls(*(int.from_bytes(record[at : at + 32], "big") for at in (0, 32, 64)))


@dataclass(frozen=True, slots=True)
class RefundCall:
    """IPayments.Refund: what a refund brings (F-1)."""

    batch: int
    index: int
    record: RecordWords
    proof: tuple[bytes, ...]
    amount: int
    refunded_before: int
    refund_id: bytes


@dataclass(frozen=True, slots=True)
class Profile:
    """A participant's packed profile (Profiles.sol); category, band and bar are a merchant's."""

    wallet: bytes
    status: int
    district: int
    cohort: int
    category: int
    sales_band: int
    barred_until: int

    @classmethod
    def unpack(cls, word: int) -> Profile | None:
        """Read the word; None for an unknown id. A citizen's cohort and a merchant's category share
        a place, so read the one that the participant has."""
        if not word >> 160 & 0xFF:
            return None
        return cls(
            wallet=(word & (1 << 160) - 1).to_bytes(20, "big"),
            status=word >> 160 & 0xFF,
            district=word >> 168 & 0xFF,
            cohort=word >> 176 & 0xFF,
            category=word >> 176 & 0xFF,
            sales_band=word >> 184 & 0xFF,
            barred_until=word >> 192 & (1 << 40) - 1,
        )


STRUCTS: Final[Mapping[str, Callable[..., Any]]] = {
    "struct ILocalCurrency.Caps": Caps,
    "struct IProgrammes.Rules": ProgrammeRules,
    "struct IProgrammes.Totals": ProgrammeTotals,
    "struct IProgrammes.Balance": SpendableBalance,
    "struct ICashback.Terms": CampaignTerms,
    "struct ICashback.Totals": CampaignTotals,
    "struct ISettlement.Cycle": Cycle,
    "struct IDirectory.Municipality": MunicipalityContracts,
}
