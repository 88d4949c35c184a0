"""One municipality's rules, brand and names, as `cities/<code>.toml` holds them.

Whatever a city may decide for itself is here and nowhere in the code. The file is read once at start; a value
out of range stops the program before it touches money.
"""

from __future__ import annotations

import tomllib
from datetime import date, time
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gateway.domain.business_days import BusinessCalendar
from gateway.domain.order import PASS_LIFETIME_SECONDS
from gateway.domain.own_refund import RefundTerms
from gateway.domain.participants import COHORTS, SalesBand
from gateway.domain.programme import mask

Won = Annotated[int, Field(ge=0, lt=2**63, strict=True)]
Seconds = Annotated[int, Field(gt=0, strict=True)]
BasisPoints = Annotated[int, Field(ge=0, le=10_000, strict=True)]
Language = Literal["ko", "en"]
MOST_GATEWAY_ACCOUNTS: Final = 16


def account_name(role: str, number: int) -> str:
    """The name of a role's account and of its keystore: ``gateway`` is the first, then ``gateway-2``."""
    return role if number == 1 else f"{role}-{number}"


class _Part(BaseModel):
    """A table of the file: fixed after reading, and without a word that nobody reads."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Name(_Part):
    """The same name in both languages."""

    ko: str = Field(min_length=1)
    en: str = Field(min_length=1)


class Brand(_Part):
    """What people see of the currency."""

    name: Name
    city: Name
    symbol: str = Field(pattern=r"^[A-Z]{2,6}$")
    colour: str = Field(pattern=r"^#[0-9a-f]{6}$")
    languages: tuple[Language, ...]
    support_phone: str


class Caps(_Part):
    """O-4 to O-6, in won."""

    holding_won: Won
    purchase_month_won: Won
    gift_month_won: Won


class Acceptance(_Part):
    """P-11: the sales bands where bought money is accepted."""

    bands: tuple[Annotated[SalesBand, Field(strict=False)], ...]

    @property
    def mask(self) -> int:
        """The bands as the contract holds them, one bit each."""
        return mask(self.bands)


class CashbackTerms(_Part):
    """K-1: the terms of a campaign whose plan says nothing else."""

    band_rates_bps: tuple[BasisPoints, BasisPoints, BasisPoints, BasisPoints]
    cohort_bonus_bps: Annotated[tuple[BasisPoints, ...], Field(min_length=COHORTS, max_length=COHORTS)]
    monthly_base_won: Won


class CityAccount(_Part):
    """The city's account at its bank."""

    bank_code: str = Field(pattern=r"^[0-9]{3}$")
    number: str = Field(pattern=r"^[0-9][0-9-]{0,32}[0-9]$")
    holder: str = Field(min_length=1, max_length=140)


class Bank(_Part):
    """Where deposits arrive and payouts leave."""

    account: CityAccount
    initiating_party: str = Field(min_length=1, max_length=140)
    others: tuple[CityAccount, ...] = ()
    """Accounts at further banks, where deposits arrive too (B-1)."""

    @model_validator(mode="after")
    def _one_account_a_bank(self) -> Bank:
        codes = [account.bank_code for account in self.accounts]
        if len(set(codes)) != len(codes):
            raise ValueError("a bank keeps one account of the city")
        return self

    @property
    def accounts(self) -> tuple[CityAccount, ...]:
        """All of them, the one that pays merchants first."""
        return (self.account, *self.others)


class Issue(_Part):
    """O-3: the issuer's allowance, in won, and the banks whose deposits count."""

    allowance_won: Won
    banks: tuple[Annotated[str, Field(pattern=r"^[0-9]{3}$")], ...]


class SettlementTerms(_Part):
    """S-1 to S-9. Times are Korean. What a merchant has below `minimum_payout_won` waits (S-7); a payout that
    the bank has not confirmed by `late_after` of its day is late (S-9)."""

    close_at: time
    minimum_payout_won: Won = 0
    late_after: time = time(16)
    extra_holidays: tuple[date, ...] = ()
    refund_float_won: Won


class PaymentTerms(_Part):
    """How long codes, orders and requests live."""

    pass_seconds: Annotated[int, Field(gt=0, le=PASS_LIFETIME_SECONDS)]
    pass_limit_won: Annotated[int, Field(gt=0, lt=2**32)]
    order_seconds: Seconds
    wait_seconds: Annotated[float, Field(ge=0, le=30)]
    pin_step_seconds: Annotated[int, Field(ge=0, le=3600)]
    order_days: Annotated[int, Field(gt=0, le=365)]


class StandInTerms(_Part):
    """T-3: what may be undecided while the chain is away, in won, for a citizen and in all."""

    enabled: bool = False
    per_citizen_won: Won = 0
    total_won: Won = 0


class JoinTerms(_Part):
    """One-time codes, PIN tries and sessions."""

    code_seconds: Seconds
    code_tries: Annotated[int, Field(gt=0, le=10)]
    codes_an_hour: Annotated[int, Field(gt=0)]
    pin_tries: Annotated[int, Field(gt=0, le=10)]
    pin_lock_seconds: Seconds
    session_days: Annotated[int, Field(gt=0)]


class OfficeTerms(_Part):
    """J: sessions and sign-in of the city's office. `machines_decide`: whether the operator's token alone may
    do what needs two people there."""

    session_seconds: Seconds = 36_000
    idle_seconds: Seconds = 1_800
    invitation_seconds: Seconds = 604_800
    sign_in_tries: Annotated[int, Field(gt=0, le=20)] = 5
    lock_seconds: Seconds = 900
    machines_decide: bool = False


class OwnMoneyTerms(_Part):
    """L-8 to L-11: when own money is paid back. `worse_terms_on`: days from which the terms were worse."""

    refund_use_percent: Annotated[int, Field(ge=60, le=80, strict=True)] = 60
    withdrawal_days: Annotated[int, Field(ge=7, le=365, strict=True)] = 7
    expiry_years: Annotated[int, Field(ge=5, le=50, strict=True)] = 5
    worse_terms_on: tuple[date, ...] = ()


class CardIssuer(_Part):
    """A bank or card company whose cards pay (D-1, D-2).

    `institution`: DE 32 of its sign-on. `sources`: networks from which it may connect. `match`: the fields
    that name a message (D-6). `capture`: the message upon which a sale goes to the chain (D-7).
    """

    code: str = Field(pattern=r"^[a-z][a-z0-9]{1,11}$")
    name: Name
    institution: str = Field(pattern=r"^[1-9][0-9]{1,10}$")
    bins: Annotated[tuple[Annotated[str, Field(pattern=r"^[0-9]{6,10}$")], ...], Field(min_length=1)]
    sources: tuple[IPv4Network | IPv6Network, ...]
    match: Annotated[tuple[Literal["7", "11", "32", "37", "41", "42"], ...], Field(min_length=1)]
    capture: Literal["authorisation", "completion"]
    sale_limit_won: Annotated[int, Field(gt=0, lt=2**32)]

    def owns(self, pan: str) -> bool:
        """Whether a card number is in one of its BINs."""
        return pan.startswith(self.bins)


class CardTerms(_Part):
    """The card rail (D). `hold_days`: how long a sale waits for its completion."""

    hold_days: Annotated[int, Field(gt=0, le=30)] = 7
    daily_limit_won: Annotated[int, Field(gt=0, lt=2**32)] = 1_000_000
    valid_years: Annotated[int, Field(gt=0, le=10)] = 5
    issuers: tuple[CardIssuer, ...] = ()

    @model_validator(mode="after")
    def _issuers_are_apart(self) -> CardTerms:
        for named in ("code", "institution"):
            if len({getattr(issuer, named) for issuer in self.issuers}) != len(self.issuers):
                raise ValueError(f"two card issuers have the same {named}")
        bins = [number for issuer in self.issuers for number in issuer.bins]
        for number in bins:
            if sum(other.startswith(number) for other in bins) > 1:
                raise ValueError(f"the BIN {number} is part of another")
        return self

    def issuer(self, code: str) -> CardIssuer | None:
        """By its code."""
        return next((issuer for issuer in self.issuers if issuer.code == code), None)


class RoleTerms(_Part):
    """A: seconds that what a dangerous role does is announced ahead; 0 = at once. How many accounts submit
    batches: so many workers can do so at the same time."""

    admin_delay_seconds: Annotated[int, Field(ge=0, lt=2**32, strict=True)]
    upgrader_delay_seconds: Annotated[int, Field(ge=0, lt=2**32, strict=True)]
    recovery_delay_seconds: Annotated[int, Field(ge=0, lt=2**32, strict=True)]
    gateway_accounts: Annotated[int, Field(gt=0, le=MOST_GATEWAY_ACCOUNTS, strict=True)] = 1


class Numbered(Name):
    """A district or cohort: its number on chain and its names."""

    number: int = Field(ge=0, le=255)


class City(_Part):
    """One municipality. `code` is the path part of its routes and its key in the Directory."""

    code: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,19}$")
    bank_code_name: str = Field(pattern=r"^[A-Z][A-Z0-9]{1,11}$")
    brand: Brand
    caps: Caps
    acceptance: Acceptance
    cashback: CashbackTerms
    bank: Bank
    issue: Issue
    settlement: SettlementTerms
    payment: PaymentTerms
    stand_in: StandInTerms = StandInTerms()
    join: JoinTerms
    own_money: OwnMoneyTerms = OwnMoneyTerms()
    cards: CardTerms = CardTerms()
    office: OfficeTerms = OfficeTerms()
    roles: RoleTerms
    districts: Annotated[tuple[Numbered, ...], Field(min_length=1)]
    cohorts: tuple[Numbered, ...] = ()

    @model_validator(mode="after")
    def _numbers_are_unique(self) -> City:
        for numbered in (self.districts, self.cohorts):
            if len({entry.number for entry in numbered}) != len(numbered):
                raise ValueError("a district or cohort number occurs twice")
        if any(not 0 < cohort.number < COHORTS for cohort in self.cohorts):
            raise ValueError(f"a cohort is 1 to {COHORTS - 1}")
        return self

    @property
    def refund_terms(self) -> RefundTerms:
        """When own money is paid back (L)."""
        terms = self.own_money
        return RefundTerms(
            terms.refund_use_percent, terms.withdrawal_days, terms.expiry_years, terms.worse_terms_on
        )

    @property
    def calendar(self) -> BusinessCalendar:
        """The city's business days (S-6)."""
        return BusinessCalendar.with_extra(self.settlement.extra_holidays)

    def has_district(self, number: int) -> bool:
        """Whether the city has a district of that number."""
        return any(district.number == number for district in self.districts)


def load_city(file: Path) -> City:
    """Read `cities/<code>.toml`.

    Raises OSError when it cannot be read, ValueError (pydantic.ValidationError, tomllib.TOMLDecodeError) when
    it is not a city, or its code is not the file's name.
    """
    city = City.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    if city.code != file.stem:
        raise ValueError(f"{file.name} holds the city {city.code!r}")
    return city
