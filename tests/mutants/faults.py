"""The faults that `make mutants` plants, one at a time, and the test that must notice each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_STATEFUL: Final = "tests/contracts/stateful/test_invariants.py::test_i_1_to_i_10_hold_over_random_days"
_ROLES: Final = "tests/contracts/stateful/test_roles.py::test_a_function_is_refused_to_every_other_role"
_PRECEDENCE: Final = "tests/contracts/stateful/test_precedence.py::test_the_first_of_two_reasons_is_given"
_HIGH_S: Final = "tests/contracts/stateful/test_precedence.py::test_a_high_s_is_malformed"
_UNSIGNED: Final = "tests/contracts/stateful/test_precedence.py::test_what_nobody_signed_is_malformed"
_FLOAT: Final = "tests/contracts/stateful/test_cycle.py::test_the_float_advances_what_the_balance_lacks"
_BOUNDS: Final = "tests/contracts/stateful/test_bounds.py::"
_BUDGET: Final = _BOUNDS + "test_cashback_ends_with_the_budget_s_last_won"
_BASE: Final = _BOUNDS + "test_cashback_ends_at_the_monthly_base"
_NO_RATE: Final = _BOUNDS + "test_a_band_without_a_rate_earns_no_bonus"
_PLACES: Final = _BOUNDS + "test_city_money_is_spent_only_where_it_fits"
_EXPIRY: Final = _BOUNDS + "test_city_money_moves_until_the_second_before_it_expires"
_RESERVE: Final = "tests/contracts/stateful/test_cycle.py::test_a_proof_of_reserve_is_never_taken_back"
_CYCLE: Final = "tests/contracts/stateful/test_cycle.py::test_a_cycle_is_paid_under_a_whole_file_and_once"
_DELIVERY: Final = _BOUNDS + "test_a_delivery_is_no_more_than_what_was_granted"
_MODULES: Final = "tests/contracts/stateful/test_roles.py::test_a_module_function_is_refused_to_people"


@dataclass(frozen=True)
class Fault:
    """One change: in `contracts/<file>`, `old`, which must stand there exactly once, becomes `new`."""

    name: str
    file: str
    old: str
    new: str
    test: str = _STATEFUL


FAULTS: Final = (
    # --- Payments
    Fault("a used nonce is accepted", "Payments.sol", "if (nonces & bit != 0) return Reason.DUPLICATE;", ""),
    Fault("a nonce is not used up", "Payments.sol", "_nonces[key] = nonces | bit;", ""),
    Fault(
        "an order expires a second early",
        "Payments.sol",
        "if (block.timestamp > order.expiresAt()) return",
        "if (block.timestamp >= order.expiresAt()) return",
    ),
    Fault(
        "anybody's signature will do",
        "Payments.sol",
        "if (signer != citizen.wallet()) return Reason.BAD_SIGNATURE;",
        "",
    ),
    Fault(
        "a frozen citizen pays",
        "Payments.sol",
        "if (turn.citizen.status() != Profiles.ACTIVE) return Reason.CITIZEN_FROZEN;",
        "",
    ),
    Fault(
        "a suspended merchant is paid",
        "Payments.sol",
        "if (turn.merchant.status() != Profiles.ACTIVE) return Reason.MERCHANT_SUSPENDED;",
        "",
    ),
    Fault(
        "precedence of zero amount and unknown merchant",
        "Payments.sol",
        "if (turn.merchant.status() == Profiles.UNKNOWN) return Reason.UNKNOWN_MERCHANT;",
        "if (turn.order.amount() == 0) return Reason.ZERO_AMOUNT;\n"
        "        if (turn.merchant.status() == Profiles.UNKNOWN) return Reason.UNKNOWN_MERCHANT;",
        _PRECEDENCE,
    ),
    Fault(
        "a pass is not enough for its own limit",
        "Payments.sol",
        "order.amount() > order.passLimit()",
        "order.amount() >= order.passLimit()",
    ),
    Fault(
        "the day's card spending is not counted",
        "Payments.sol",
        "if (reason == Reason.ACCEPTED) card.spent += uint40(turn.order.amount());",
        "",
    ),
    Fault("a card nonce is not remembered", "Payments.sol", "_useCardNonce(card, nonce);", ""),
    Fault(
        "a paused city pays",
        "Payments.sol",
        "paused ? Reason.PAUSED : _process(turn)",
        "_process(turn)",
    ),
    Fault(
        "own money is accepted in every sales band",
        "Payments.sol",
        "(turn.acceptedBands >> turn.merchant.salesBand()) & 1 == 1",
        "true",
    ),
    Fault(
        "a refund needs no proof",
        "Payments.sol",
        "if (!MerkleProof.verify(",
        "if (false && !MerkleProof.verify(",
    ),
    Fault(
        "a refund does not say what came before",
        "Payments.sol",
        "if (before != refund_.refundedBefore) revert RefundOutOfStep(refund_.refundedBefore, before);",
        "",
    ),
    Fault(
        "a refund is not counted",
        "Payments.sol",
        "refundedOf[leaf] = before + refund_.amount;",
        "refundedOf[leaf] = before;",
    ),
    Fault(
        "the float advances the whole refund",
        "Payments.sol",
        "SETTLEMENT.advance(record.merchant(), till, refund_.amount - balance)",
        "SETTLEMENT.advance(record.merchant(), till, refund_.amount)",
        _FLOAT,
    ),
    Fault(
        "the refund's event swaps credit and cashback",
        "Payments.sol",
        "split.credit,\n            split.earnedBack,\n            fromOwn,",
        "split.earnedBack,\n            split.credit,\n            fromOwn,",
    ),
    Fault(
        "batches without the gateway's role",
        "Payments.sol",
        "submitBatch(Order[] calldata orders) external restricted",
        "submitBatch(Order[] calldata orders) external",
        _ROLES,
    ),
    # --- its libraries
    Fault("a high s counts", "libraries/Orders.sol", "if (s > HALF_N) return address(0);", "", _HIGH_S),
    Fault(
        "a card order may carry a signature",
        "libraries/Orders.sol",
        "return kind_ != CARD || uint256(o.r) | uint256(o.vs) == 0;",
        "return true;",
        _UNSIGNED,
    ),
    Fault(
        "a code may carry a pass limit",
        "libraries/Orders.sol",
        "if (o.tail << 48 != 0) return false;",
        "if (o.tail << 80 != 0) return false;",
        _UNSIGNED,
    ),
    Fault("the odd node is lost", "libraries/Records.sol", "if and(width, 1) {", "if 0 {"),
    Fault(
        "cashback is taken back before it is due",
        "libraries/Refunds.sol",
        "uint256 ownAfter = _within(to, below, record.own());",
        "uint256 ownAfter = _within(to, 0, record.own());",
    ),
    Fault("days begin at midnight UTC", "libraries/KoreanTime.sol", "OFFSET = 9 hours", "OFFSET = 0 hours"),
    Fault(
        "what lies behind a roll is counted",
        "libraries/Rolls.sol",
        "x := shl(past, shr(past, x))",
        "",
    ),
    Fault(
        "neighbours on a roll are swapped",
        "libraries/Rolls.sol",
        "return place & 1 == 0 ? pairOfTiers >> 4",
        "return place & 1 == 1 ? pairOfTiers >> 4",
    ),
    Fault(
        "city money is spent a second too long",
        "libraries/Heads.sol",
        "timestamp >= uint40(word >> 40)) return false;",
        "timestamp > uint40(word >> 40)) return false;",
        _EXPIRY,
    ),
    # --- Programmes
    Fault(
        "city money is spent in any district",
        "Programmes.sol",
        "if ((p.districts >> merchant.district()) & 1 == 0) return 0;",
        "",
        _PLACES,
    ),
    Fault(
        "the last to expire is drawn first",
        "Programmes.sol",
        "if (expiresAt < otherExpiry ||",
        "if (expiresAt > otherExpiry ||",
    ),
    Fault(
        "a grant reference counts twice",
        "Programmes.sol",
        "if (isGrantRefUsed[grantRef]) revert GrantRefUsed(grantRef);",
        "",
    ),
    Fault(
        "a grant is not taken from the budget",
        "Programmes.sol",
        "p.totals.budgetLeft -= uint64(amount);",
        "",
    ),
    Fault(
        "another roll replaces the first",
        "Programmes.sol",
        "revert RollAlreadyGranted(id, chunk);",
        "",
    ),
    Fault(
        "a sweep leaves the unspent behind",
        "Programmes.sol",
        "uint64 left = totals.budgetLeft + totals.outstanding;",
        "uint64 left = totals.budgetLeft;",
    ),
    Fault(
        "citizens share a lane",
        "Programmes.sol",
        "uint256 shift = (citizen & 3) * 64;",
        "uint256 shift = (citizen & 1) * 64;",
    ),
    Fault(
        "a delivery of what was never granted",
        "Programmes.sol",
        "if (amount > granted) revert DeliveryExceedsGrants(id, granted, amount);",
        "",
        _DELIVERY,
    ),
    Fault(
        "other totals under a known root",
        "Programmes.sol",
        "if (!isSame) revert DeliveryAlreadyAnchored(root);",
        "",
        _DELIVERY,
    ),
    # --- Cashback
    Fault(
        "the monthly base has no cap",
        "Cashback.sol",
        "if (own > pool.monthlyBase() - a.base) own = pool.monthlyBase() - a.base;",
        "",
        _BASE,
    ),
    Fault(
        "cashback beyond the budget",
        "Cashback.sol",
        "if (earned > pool.budgetLeft()) earned = pool.budgetLeft();",
        "",
        _BUDGET,
    ),
    Fault(
        "cashback is rounded up",
        "Cashback.sol",
        "own * rate / FULL_RATE",
        "(own * rate + FULL_RATE - 1) / FULL_RATE",
    ),
    Fault(
        "a refund keeps the month's base",
        "Cashback.sol",
        "a.base -= r.baseBack;",
        "a.base -= 0;",
    ),
    Fault(
        "a band without a rate earns the bonus",
        "Cashback.sol",
        "if (rate != 0) rate += ",
        "rate += ",
        _NO_RATE,
    ),
    # --- LocalCurrency
    Fault(
        "a deposit issues twice",
        "LocalCurrency.sol",
        "if (isIssued[depositRef]) revert DepositAlreadyIssued(depositRef);",
        "",
    ),
    Fault(
        "no purchase cap",
        "LocalCurrency.sol",
        "if (bought > _caps.purchase) revert PurchaseCapExceeded(citizen, bought, _caps.purchase);",
        "",
    ),
    Fault(
        "no gift cap",
        "LocalCurrency.sol",
        "if (given > _caps.gift) revert GiftCapExceeded(giver, given, _caps.gift);",
        "",
    ),
    Fault(
        "redemption without the holder's allowance",
        "LocalCurrency.sol",
        "_spendAllowance(holder, msg.sender, amount);",
        "",
    ),
    Fault(
        "a burn is counted the wrong way",
        "LocalCurrency.sol",
        "_redeemed += uint64(amount);",
        "_redeemed = _redeemed > amount ? _redeemed - uint64(amount) : 0;",
    ),
    Fault(
        "anybody moves money",
        "LocalCurrency.sol",
        "function move(address from, address to, uint256 amount) external onlyModule whenNotPaused",
        "function move(address from, address to, uint256 amount) external whenNotPaused",
        _MODULES,
    ),
    Fault(
        "anybody pauses",
        "LocalCurrency.sol",
        "function setPaused(bool paused_) external restricted",
        "function setPaused(bool paused_) external",
        _ROLES,
    ),
    # --- Settlement
    Fault(
        "a suspended merchant is paid out",
        "Settlement.sol",
        "if (profile.status() != Profiles.ACTIVE) return 0;",
        "",
    ),
    Fault(
        "a cycle without a whole bank file is paid",
        "Settlement.sol",
        "if (c.anchored == 0 || c.anchored != c.escrowed) revert",
        "if (c.anchored == 0) revert",
        _CYCLE,
    ),
    Fault(
        "a line ends twice",
        "Settlement.sol",
        "if (status != LineStatus.Escrowed) revert LineNotEscrowed(cycle, merchant, status);",
        "",
        _CYCLE,
    ),
    Fault(
        "what a merchant owes is never settled",
        "Settlement.sol",
        "owedBy[merchant] = owed - repaid;",
        "",
        _FLOAT,
    ),
    Fault(
        "a proof of reserve is taken back",
        "Settlement.sol",
        "if (!_isDate(day) || proofHash == 0 || proofHash == previous) revert",
        "if (!_isDate(day) || proofHash == previous) revert",
        _RESERVE,
    ),
    # --- Participants
    Fault(
        "a rotation needs no signature",
        "Participants.sol",
        "if (signer != oldWallet) revert RotationBadSignature(signer, oldWallet);",
        "",
    ),
    Fault(
        "a retired wallet returns",
        "Participants.sol",
        "if (holder.kind != Kind.None) revert WalletTaken(wallet);",
        "",
    ),
    Fault(
        "a removed merchant returns at once",
        "Participants.sol",
        "if (p.status() == Profiles.REMOVED && block.timestamp < p.barredUntil()) {",
        "if (false) {",
    ),
)
