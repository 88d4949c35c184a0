"""Past payments under other cashback rules (U): what a campaign would have cost, and who would have gained.

`history` is what happened, `rules` what to try instead, `prepared` the two joined, `exact` one event after
another, `rounds` the same for all citizens at once, `outcome` the sums. Amounts in whole won.
"""
