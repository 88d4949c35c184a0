"""Rules about people and their own money: joining to rotation, issue to redemption, pause, time."""

from __future__ import annotations

from coincurve import PrivateKey
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from gateway.chain.shapes import HolderKind, NewCitizen, NewMerchant
from gateway.domain.calendar import month_index
from gateway.domain.keccak import keccak256
from tests.contracts.stateful.machine import Machine
from tests.contracts.stateful.model import ACTIVE, BLOCKED, REMOVED, CitizenAccount, Shop
from tests.contracts.stateful.node import CHAIN_ID
from tests.contracts.stateful.town import CAPS, key_of, ref, wallet_of

MOST_CITIZENS, MOST_SHOPS = 5, 4
DAY = 86_400
CHOICE = st.integers(0, 12)  # of an id, by `Machine.pick`
WON = st.one_of(
    st.integers(1, 2_000), st.integers(1, 600_000), st.sampled_from([1, 50_000, 500_000, 500_001])
)
ROTATION_TYPE = keccak256(b"WalletRotation(uint8 kind,uint32 id,address newWallet,uint256 deadline)")
DOMAIN_TYPE = keccak256(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")


class PeopleRules(Machine):
    """Who takes part, and what they own."""

    # --- people -----------------------------------------------------------------------------

    @rule(district=st.integers(1, 2), cohort=st.integers(0, 2), again=st.booleans())
    def join_citizen(self, district: int, cohort: int, again: bool) -> None:
        """C-1, C-3: a wallet that is there already is passed over."""
        if again or len(self.model.citizens) == MOST_CITIZENS:
            known = [NewCitizen(wallet_of(self.model.citizens[1].wallet), district, cohort)]
            self.act("registrar", "Participants", "registerCitizens", known)
            return
        name = f"citizen {self.fresh_number()}"
        self.act(
            "registrar", "Participants", "registerCitizens", [NewCitizen(wallet_of(name), district, cohort)]
        )
        number = len(self.model.citizens) + 1
        self.model.citizens[number] = CitizenAccount(name, district, cohort)
        self.reread()

    @rule(district=st.integers(1, 2), category=st.integers(1, 2), band=st.integers(0, 3))
    @precondition(lambda self: len(self.model.shops) < MOST_SHOPS)
    def join_shop(self, district: int, category: int, band: int) -> None:
        name = f"shop {self.fresh_number()}"
        entry = NewMerchant(wallet_of(name), district, category, band)
        self.act("registrar", "Participants", "registerMerchants", [entry])
        self.model.shops[len(self.model.shops) + 1] = Shop(name, district, category, band)
        self.reread()

    @rule(number=CHOICE, status=st.sampled_from([ACTIVE, ACTIVE, BLOCKED, REMOVED]))
    def freeze_or_release(self, number: int, status: int) -> None:
        number = self.pick(number, self.model.citizens)
        error = None
        if status == REMOVED:
            error = "InvalidStatus"
        elif number not in self.model.citizens:
            error = "UnknownParticipant"
        if self.act_or_refused(error, "registrar", "Participants", "setCitizenStatus", number, status):
            self.model.citizens[number].status = status

    @rule(number=CHOICE, status=st.sampled_from([ACTIVE, ACTIVE, BLOCKED]))
    def suspend_or_release(self, number: int, status: int) -> None:
        number = self.pick(number, self.model.shops)
        shop = self.model.shops.get(number)
        error = None
        if shop is None:
            error = "UnknownParticipant"
        elif shop.status == REMOVED and self.now < shop.barred_until:
            error = "MerchantBarred"
        if self.act_or_refused(error, "registrar", "Participants", "setMerchantStatus", number, status):
            assert shop
            shop.status, shop.barred_until = status, 0

    @rule(number=CHOICE, days=st.sampled_from([1, 30, 366, 367]))
    def remove_shop(self, number: int, days: int) -> None:
        """C-4: a removed merchant may not return for up to a year; the bar is never shortened."""
        number = self.pick(number, self.model.shops)
        until = self.now + days * DAY
        shop = self.model.shops.get(number)
        error = "BarTooLong" if days > 366 else None if shop else "UnknownParticipant"
        if error is None and shop and until < shop.barred_until:
            error = "BarShortened"
        if self.act_or_refused(error, "registrar", "Participants", "removeMerchant", number, until):
            assert shop
            shop.status, shop.barred_until = REMOVED, until

    @rule(number=CHOICE, district=st.integers(1, 2), category=st.integers(1, 2), band=st.integers(0, 3))
    def move_shop(self, number: int, district: int, category: int, band: int) -> None:
        """A merchant's classes decide where city money is misplaced (I-8)."""
        number = self.pick(number, self.model.shops)
        if shop := self.model.shops.get(number):
            values = (number, district, category, band)
            self.act("registrar", "Participants", "updateMerchant", *values)
            shop.district, shop.category, shop.band = district, category, band

    @rule(number=CHOICE, kind=st.sampled_from(["signed", "signed", "forged", "late", "retired", "lost"]))
    def rotate(self, number: int, kind: str) -> None:
        """C-5: the id keeps its whole balance; C-2: a wallet rotated away never returns."""
        number = self.pick(number, self.model.citizens)
        if not (citizen := self.model.citizens.get(number)):
            return
        name = f"citizen {self.fresh_number()}"
        if kind == "retired":
            if not self.model.retired_wallets:
                return
            name = min(self.model.retired_wallets)
        deadline = self.now - (kind == "late")
        struct = ROTATION_TYPE + bytes(31) + b"\1" + number.to_bytes(32, "big")
        struct += wallet_of(name).rjust(32, b"\0") + deadline.to_bytes(32, "big")
        domain = self._domain("Camellia Participants", "Participants")
        digest = keccak256(b"\x19\x01" + domain + keccak256(struct))
        signer = key_of("thief") if kind == "forged" else key_of(citizen.wallet)
        role, function = ("recovery", "recoverWallet") if kind == "lost" else ("registrar", "rotateWallet")
        values = (HolderKind.CITIZEN, number, wallet_of(name))
        if kind != "lost":
            values = (*values, deadline, _signature65(signer, digest))  # type: ignore[assignment]
        errors = {"forged": "RotationBadSignature", "late": "RotationExpired", "retired": "WalletTaken"}
        error = errors.get(kind, "CurrencyPaused" if self.model.paused else None)
        if self.act_or_refused(error, role, "Participants", function, *values):
            self.model.retired_wallets.add(citizen.wallet)
            citizen.wallet = name

    # --- own money --------------------------------------------------------------------------

    @rule(number=CHOICE, won=WON, repeat=st.booleans())
    def issue(self, number: int, won: int, repeat: bool) -> None:
        """O-3 to O-5: a deposit reference issues once, within the caps."""
        number = self.pick(number, self.model.citizens)
        model = self.model
        deposit = min(model.deposits) if repeat and model.deposits else ref(f"deposit {self.fresh_number()}")
        citizen = model.citizens.get(number)
        error = None
        if model.paused:
            error = "CurrencyPaused"
        elif citizen is None:
            error = "UnknownParticipant"
        elif citizen.bought[month_index(self.now)] + won > CAPS.purchase:
            error = "PurchaseCapExceeded"
        elif citizen.own + won > CAPS.holding:
            error = "HoldingCapExceeded"
        elif deposit in model.deposits:
            error = "DepositAlreadyIssued"
        if self.act_or_refused(error, "issuer", "LocalCurrency", "issue", number, won, deposit):
            assert citizen
            citizen.own += won
            citizen.bought[self.month] += won
            model.issued += won
            model.deposits.add(deposit)

    @rule(won=st.integers(1, 3_000_000), repeat=st.booleans())
    def issue_to_the_city(self, won: int, repeat: bool) -> None:
        model = self.model
        deposit = min(model.deposits) if repeat and model.deposits else ref(f"deposit {self.fresh_number()}")
        error = "CurrencyPaused" if model.paused else None
        if not error and deposit in model.deposits:
            error = "DepositAlreadyIssued"
        if self.act_or_refused(error, "issuer", "LocalCurrency", "issueToTreasury", won, deposit):
            model.treasury += won
            model.issued += won
            model.deposits.add(deposit)

    @rule(giver=CHOICE, receiver=CHOICE, won=WON)
    def gift(self, giver: int, receiver: int, won: int) -> None:
        """O-6: from citizen to citizen, within the receiver's holding cap and the giver's gift cap."""
        giver = self.pick(giver, self.model.citizens)
        receiver = self.pick(receiver, self.model.citizens)
        if not {giver, receiver} <= self.model.citizens.keys():
            return
        one, other = self.model.citizens[giver], self.model.citizens[receiver]
        error = None
        if self.model.paused:
            error = "CurrencyPaused"
        elif BLOCKED in (one.status, other.status):
            error = "CitizenNotActive"
        elif giver != receiver and other.own + won > CAPS.holding:
            error = "HoldingCapExceeded"
        elif one.given[month_index(self.now)] + won > CAPS.gift:
            error = "GiftCapExceeded"
        elif won > one.own:
            error = "ERC20InsufficientBalance"
        sender, call = wallet_of(one.wallet), ("LocalCurrency", "transfer", wallet_of(other.wallet), won)
        if error:
            self.refused_as(error, sender, *call)
            return
        self.act_as(sender, *call)
        self.given_away[giver] += won
        one.given[self.month] += won
        one.own -= won
        other.own += won

    @rule(number=CHOICE, shop=CHOICE, to_shop=st.booleans())
    def transfer_past_payments(self, number: int, shop: int, to_shop: bool) -> None:
        """O-7: nobody pays or is paid by a plain transfer, nor through an allowance."""
        number = self.pick(number, self.model.citizens)
        shop = self.pick(shop, self.model.shops)
        if self.model.paused or number not in self.model.citizens or shop not in self.model.shops:
            return
        citizen, till = (
            wallet_of(self.model.citizens[number].wallet),
            wallet_of(self.model.shops[shop].wallet),
        )
        sender, receiver = (citizen, till) if to_shop else (till, citizen)
        self.refused_as("TransferNotAllowed", sender, "LocalCurrency", "transfer", receiver, 1)
        pull = ("LocalCurrency", "transferFrom", citizen, till, 1)
        self.refused_as("ERC20InsufficientAllowance", wallet_of("gateway"), *pull)

    @rule(number=CHOICE, won=WON, consent=st.booleans())
    def redeem(self, number: int, won: int, consent: bool) -> None:
        """O-8: only against the holder's own allowance."""
        number = self.pick(number, self.model.citizens)
        if not (citizen := self.model.citizens.get(number)):
            return
        wallet, settler = wallet_of(citizen.wallet), wallet_of("settler")
        self.act_as(wallet, "LocalCurrency", "approve", settler, won if consent else 0)
        redemption = ref(f"redemption {self.fresh_number()}")
        error = None
        if self.model.paused:
            error = "CurrencyPaused"
        elif citizen.status == BLOCKED:
            error = "CitizenNotActive"
        elif not consent:
            error = "ERC20InsufficientAllowance"
        elif won > citizen.own:
            error = "ERC20InsufficientBalance"
        call = ("LocalCurrency", "redeem", wallet, won, redemption)
        if self.act_or_refused(error, "settler", *call):
            self.given_away[number] += won
            citizen.own -= won
            self.model.redeemed += won
            self.refused("RedemptionAlreadyDone", "settler", *call)

    @rule(pause=st.sampled_from([True, False, False, False]))
    def pause_or_restart(self, pause: bool) -> None:
        self.act("pauser", "LocalCurrency", "setPaused", pause)
        self.model.paused = pause

    @rule(seconds=st.sampled_from([60, 3_600, DAY, DAY, 10 * DAY, 31 * DAY, 400 * DAY, 1_900 * DAY]))
    def time_passes(self, seconds: int) -> None:
        """Over days, months, expiries, and the 60 months of cashback credit (K-4)."""
        self.town.now += seconds

    def _domain(self, name: str, contract: str) -> bytes:
        parts = (keccak256(name.encode()), keccak256(b"1"), CHAIN_ID.to_bytes(32, "big"))
        return keccak256(DOMAIN_TYPE + b"".join(parts) + self.town.at[contract].rjust(32, b"\0"))


def _signature65(key: PrivateKey, digest: bytes) -> bytes:
    signature = key.sign_recoverable(digest, hasher=None)
    return bytes(signature[:64]) + bytes([27 + signature[64]])
