"""Card payments: messages of networks, decided together as QR payments are (docs/decisions/019)."""

from gateway.flow.card.asked import CardAnswer, CardAsked
from gateway.flow.card.host import CardHost

__all__ = ["CardAnswer", "CardAsked", "CardHost"]
