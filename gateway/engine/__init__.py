"""The engines of a city on one machine: an embedded PostgreSQL and an embedded Anvil chain.

Production points the gateway at a database and a node of its own and does not start these.
"""

from gateway.engine.process import EngineError
from gateway.engine.supervisor import Engines, EngineStatus

__all__ = ["EngineError", "EngineStatus", "Engines"]
