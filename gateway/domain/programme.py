"""City money: what a programme grants, where it may be spent, and how a payment draws on it (M).

`split_payment` predicts what the contract will do with an order's amount. The gateway holds money
by it; the contract's tests use it as their model.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from gateway.domain.cashback import is_credit_alive
from gateway.domain.errors import AmountError, FieldError, RollError
from gateway.domain.fields import uint
from gateway.domain.money import order_won, total_won
from gateway.domain.participants import Merchant, SalesBand
from gateway.domain.reasons import Reason, Refused
from gateway.domain.record import MAX_DRAWS, Draw

CHUNK_CITIZENS: Final = 32_768
CHUNK_BYTES: Final = CHUNK_CITIZENS // 2
MAX_TIERS: Final = 8
MAX_OPEN_PROGRAMMES: Final = 16

EVERYWHERE: Final = 2**256 - 1
"""The mask of all 256 districts, or of all 256 categories."""
ALL_BANDS: Final = 0b1111
Obstacle = Literal["not_started", "expired", "district", "category", "sales_band"]
"""A rule of M-1 that keeps a programme's money from moving at a merchant."""
DEFAULT_ACCEPTED_BANDS: Final = 0b0011
"""Sales bands 0 and 1: yearly sales up to ₩3bn (P-11, Act 10)."""


def mask(numbers: Iterable[int]) -> int:
    """The bit mask of some numbers 0 to 255. Raises FieldError for a number out of range."""
    bits = 0
    for number in numbers:
        bits |= 1 << uint("number", number, 8)
    return bits


def in_mask(number: int, bits: int) -> bool:
    """Whether `number` is in a bit mask."""
    return bits >> number & 1 == 1


# --- rules and balances -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Programme:
    """A programme's rules (M-1). Times in seconds, window [starts_at, expires_at).

    `districts`, `categories` and `sales_bands` are bit masks of where its money may be spent;
    `tier_amounts_won[i]` is what tier i + 1 grants.
    """

    id: int
    starts_at: int
    expires_at: int
    districts: int = EVERYWHERE
    categories: int = EVERYWHERE
    sales_bands: int = ALL_BANDS
    tier_amounts_won: tuple[int, ...] = ()
    closed: bool = False

    def __post_init__(self) -> None:
        if uint("programme id", self.id, 16) == 0:
            raise FieldError("programme ids begin at 1")
        uint("starts_at", self.starts_at, 40)
        uint("expires_at", self.expires_at, 40)
        uint("districts", self.districts, 256)
        uint("categories", self.categories, 256)
        uint("sales_bands", self.sales_bands, 4)
        if len(self.tier_amounts_won) > MAX_TIERS:
            raise FieldError(f"a programme has at most {MAX_TIERS} tiers (M-1)")
        for amount in self.tier_amounts_won:
            order_won(amount)

    def is_open(self, at: int) -> bool:
        """Whether its money can move at time `at` (M-1, M-6)."""
        return not self.closed and self.starts_at <= at < self.expires_at

    def fits(self, merchant: Merchant) -> bool:
        """Whether its money may be spent at `merchant` (M-1)."""
        return (
            in_mask(merchant.district, self.districts)
            and in_mask(merchant.category, self.categories)
            and in_mask(merchant.sales_band, self.sales_bands)
        )

    def tier_amount_won(self, tier: int) -> int:
        """What a tier grants; tier 0 = not granted = 0. Raises RollError for an unknown tier."""
        if not 0 <= tier <= len(self.tier_amounts_won):
            raise RollError(f"programme {self.id} has no tier {tier}")
        return self.tier_amounts_won[tier - 1] if tier else 0

    def balance_won(self, *, tier: int, credits_won: int, spent_won: int) -> int:
        """tier amount + credits - spent, for one citizen (M-4).

        Raises AmountError when more was spent than granted, which no chain should ever say.
        """
        granted = self.tier_amount_won(tier) + total_won(credits_won)
        if spent_won > granted:
            raise AmountError(f"{spent_won} won spent of {granted} won granted (M-4)")
        return granted - total_won(spent_won)


# --- rolls (M-2) ------------------------------------------------------------------------------


def chunk_of(citizen: int) -> int:
    """The number of the roll chunk that holds a citizen id (M-2)."""
    return citizen // CHUNK_CITIZENS


def pack_roll(tiers: Mapping[int, int]) -> dict[int, bytes]:
    """The chunks that grant `tiers` (citizen id → tier 1 to 8), by chunk number (M-2).

    A chunk ends at its last granted citizen: what is not written reads as zero, and each byte of
    contract code costs 200 gas. Raises RollError for citizen 0 or a tier out of range.
    """
    chunks: dict[int, bytearray] = {}
    for citizen in sorted(tiers):
        tier = tiers[citizen]
        if not 1 <= tier <= MAX_TIERS:
            raise RollError(f"citizen {citizen}: a tier is from 1 to {MAX_TIERS}, not {tier}")
        if not 0 < citizen < 2**32:
            raise RollError(f"no citizen has the id {citizen}")
        number, place = divmod(citizen, CHUNK_CITIZENS)
        chunk = chunks.setdefault(number, bytearray())
        chunk.extend(bytes(place // 2 + 1 - len(chunk)))
        chunk[place // 2] |= tier << 4 if place % 2 == 0 else tier
    return {number: bytes(chunk) for number, chunk in chunks.items()}


def roll_tier(chunk: bytes, citizen: int) -> int:
    """The tier (0 = not granted) of `citizen` in the bytes of its own chunk (M-2)."""
    place = citizen % CHUNK_CITIZENS
    if place // 2 >= len(chunk):
        return 0
    byte = chunk[place // 2]
    return byte >> 4 if place % 2 == 0 else byte & 0x0F


def unpack_roll(number: int, chunk: bytes) -> Iterator[tuple[int, int]]:
    """(citizen id, tier) of everyone granted in chunk `number`, by id (M-2).

    Raises RollError for more than 16,384 bytes, a tier above 8, or a grant to citizen 0.
    """
    if len(chunk) > CHUNK_BYTES:
        raise RollError(f"a chunk has at most {CHUNK_BYTES} bytes, not {len(chunk)}")
    for i, byte in enumerate(chunk):
        for half, tier in enumerate((byte >> 4, byte & 0x0F)):
            if not tier:
                continue
            citizen = number * CHUNK_CITIZENS + 2 * i + half
            if tier > MAX_TIERS or not citizen:
                raise RollError(f"citizen {citizen} cannot have tier {tier}")
            yield citizen, tier


# --- what a payment draws ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CitizenMoney:
    """A snapshot of what one citizen has, in won.

    `city_won` is the balance by programme id (M-4); `cashback_month` the month index of the last
    earning, from which cashback credit expires (K-4), None when it was never earned.
    """

    own_won: int
    cashback_won: int = 0
    cashback_month: int | None = None
    city_won: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Split:
    """Where the money of a payment comes from, in won; the order of `draws` is the order drawn."""

    draws: tuple[Draw, ...]
    cashback_won: int
    own_won: int

    @property
    def amount_won(self) -> int:
        """The sum of all parts (P-10)."""
        return sum(draw.amount for draw in self.draws) + self.cashback_won + self.own_won


def drawable(
    merchant: Merchant, city_won: Mapping[int, int], programmes: Iterable[Programme], at: int
) -> list[Draw]:
    """What each programme can pay at `merchant`, in the order to draw, at most five (M-5).

    Programmes without a balance take no place among the five.
    """
    usable = sorted(
        (programme.expires_at, programme.id)
        for programme in programmes
        if city_won.get(programme.id, 0) > 0 and programme.is_open(at) and programme.fits(merchant)
    )
    return [Draw(number, city_won[number]) for _, number in usable[:MAX_DRAWS]]


def split_payment(
    amount_won: int,
    merchant: Merchant,
    money: CitizenMoney,
    programmes: Iterable[Programme],
    *,
    at: int,
    accepted_bands: int = DEFAULT_ACCEPTED_BANDS,
) -> Split:
    """How a payment of `amount_won` at `merchant` would be paid at time `at` (M-5, P-10, P-11).

    Raises Refused with ZERO_AMOUNT, NOT_ACCEPTED_HERE or INSUFFICIENT_FUNDS; who pays, by what and
    with which signature is for others to judge.
    """
    if order_won(amount_won) == 0:
        raise Refused(Reason.ZERO_AMOUNT)
    left = amount_won
    draws: list[Draw] = []
    for source in drawable(merchant, money.city_won, programmes, at):
        if not left:
            break
        taken = min(left, source.amount)
        draws.append(Draw(source.programme, taken))
        left -= taken
    if not left:
        return Split(tuple(draws), 0, 0)
    if not accepts_bought_money(merchant.sales_band, accepted_bands):
        raise Refused(Reason.NOT_ACCEPTED_HERE, usable_won=amount_won - left)
    alive = is_credit_alive(money.cashback_month, at)
    cashback = min(left, money.cashback_won) if alive else 0
    own = left - cashback
    if own > money.own_won:
        usable = amount_won - own + money.own_won
        raise Refused(Reason.INSUFFICIENT_FUNDS, usable_won=usable)
    return Split(tuple(draws), cashback, own)


def usable_won(
    merchant: Merchant,
    money: CitizenMoney,
    programmes: Iterable[Programme],
    at: int,
    accepted_bands: int = DEFAULT_ACCEPTED_BANDS,
) -> int:
    """The most that `split_payment` would take at `merchant`, in won; 0 when it would take nothing (G-7)."""
    city = sum(draw.amount for draw in drawable(merchant, money.city_won, programmes, at))
    if not accepts_bought_money(merchant.sales_band, accepted_bands):
        return city
    alive = is_credit_alive(money.cashback_month, at)
    return city + (money.cashback_won if alive else 0) + money.own_won


def obstacles(programme: Programme, merchant: Merchant, at: int) -> tuple[Obstacle, ...]:
    """The rules of M-1 that keep a programme's money from moving at `merchant` now; none = it fits (G-8)."""
    against: dict[Obstacle, bool] = {
        "not_started": at < programme.starts_at,
        "expired": programme.closed or at >= programme.expires_at,
        "district": not in_mask(merchant.district, programme.districts),
        "category": not in_mask(merchant.category, programme.categories),
        "sales_band": not in_mask(merchant.sales_band, programme.sales_bands),
    }
    return tuple(name for name, holds in against.items() if holds)


def accepts_bought_money(band: SalesBand, accepted_bands: int = DEFAULT_ACCEPTED_BANDS) -> bool:
    """Whether own money and cashback credit are accepted in a sales band (P-11, K-3)."""
    return in_mask(band, accepted_bands)
