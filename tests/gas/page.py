"""docs/gas.md from the measurements."""

from __future__ import annotations

from typing import Final

from tests.gas.measures import ROOT

PAGE: Final = ROOT / "docs" / "gas.md"
CEILINGS: Final = {
    "QR, own money, cashback earned, 50 merchants": 45_000,
    "Card, own money, cashback earned, 50 merchants": 40_000,
    "Roll, a citizen": 128,
    "Roll, 256 more citizens, a citizen": 128,
    "The largest transaction measured": 16_000_000,
}
"""What each figure may be at most (the issue's A3)."""

SECTIONS: Final = {
    "Payments, gas each in a batch of 256": ("QR", "Pass", "Card,"),
    "Grants": ("Roll", "Credits", "Plain"),
    "Refunds, gas each": ("Refund",),
    "Settlement": ("Escrow", "Anchor", "Marked"),
    "People and own money": ("Registration", "Issue", "Card consent"),
    "Deployment, once": ("Deploy",),
    "The bound": ("The largest",),
}

HEAD: Final = """\
# Gas

Written by `make gas` from measurements on Anvil (Shanghai), with the same keys each time; a page that is
not what the contracts cost fails `make gas-check`. A figure for many is the transaction's whole gas, its
21,000 and its calldata included, divided by their number.

The city measured: 768 citizens, 306 merchants, one open campaign and, unless a line says otherwise, one
open relief programme on whose roll every payer stands and of which the own-money payers have spent
everything. Steady: citizen and merchant have paid and been paid before, the nonce's word is in use. "50
merchants" is the demo city's mix: a batch of 256 meets each merchant about five times.
"""

FLOOR: Final = """
## Why distinct merchants cost more, and what no contract could avoid

A word costs much only the first time that a transaction touches it (EIP-2929). With 50 merchants a
batch, four payments in five find the merchant's two words warm; with 256 distinct ones none does. What
an own-money QR payment pays for:

| what | gas, alone | in a batch at 50 merchants |
|---|---:|---:|
| nonce word: cold, written | 5,000 | 5,000 |
| citizen's profile: cold load | 2,100 | 2,100 |
| citizen's balance: cold, written | 5,000 | 5,000 |
| merchant's profile: cold load | 2,100 | 490 |
| merchant's balance: cold, written | 5,000 | 1,050 |
| cashback word of two citizens: cold, written | 5,000 | 2,550 |
| spent lane of the open programme, four citizens a word: cold load | 2,100 | 600 |
| `Transfer`: three topics, 32 bytes | 1,756 | 1,756 |
| 96 bytes of record in the batch's log | 768 | 768 |
| 128 bytes of order in calldata | ~1,700 | ~1,700 |
| `ecrecover` | 3,000 | 3,000 |
| **floor** | **~33,500** | **~24,000** |

The two ceilings are therefore held at the demo city's mix and passed by a batch whose merchants are all
distinct: the 6,000 or so gas between the two lines above are the merchant's profile (a 2,100 load) and
balance (a 2,100 load and a 2,900 write). A payment that is not paid to a merchant's balance could not be
settled, and one that does not read the profile could not refuse a suspended merchant.

A payment that also spends the credit earned before costs about 2,800 more, and a card payment then passes
its ceiling too: the credit moves from the `Cashback` contract to the merchant, which is an ERC-20 transfer
beside the citizen's own. Both balances are warm (no new word is written); the cost is the second `Transfer`
event (1,756), without which the token's history would not add up, and its share of arithmetic and checks.

Each further open programme on whose roll the payer stands costs about 3,200 more: the byte of the roll,
and the lane that says what was spent. Programmes that do not fit the merchant, or are nobody's yet, cost
one warm load.

## Batches of first payments

A citizen's first payment writes new words (20,000 each: the nonce word, half of a cashback word, a
lane). 256 of them would pass 16 million; the gateway must send at most 200 orders a batch on a day of
many first payments. A city's first day and a relief day are such days.
"""


def render(measured: dict[str, int]) -> str:
    """The page's text."""
    lines = [HEAD]
    for title, starts in SECTIONS.items():
        lines += [f"\n## {title}\n\n", "| what | gas | ceiling |\n|---|---:|---:|\n"]
        for name, gas in measured.items():
            if name.startswith(starts):
                ceiling = f"{CEILINGS[name]:,}" if name in CEILINGS else ""
                lines.append(f"| {name} | {gas:,} | {ceiling} |\n")
    return "".join([*lines, FLOOR])
