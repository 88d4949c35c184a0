"""Where payments come in: requests that arrive together are decided and held together.

A request waits in its city's queue (`queue`) while the database is at work for those before it, then goes
with all that gathered meanwhile into one group: a few statements and one commit, however many they are
(`group`, `statements`). Each is decided by itself, in the order of arrival, and one bad request spoils no
other. When the chain has decided, the outcome is pushed to whoever still waits (`waiting`). `Intake` joins
the three. Decision: docs/decisions/007-payments-in-groups.md.
"""

from gateway.flow.intake.asked import Asked, Standing
from gateway.flow.intake.intake import Bounds, Intake

__all__ = ["Asked", "Bounds", "Intake", "Standing"]
