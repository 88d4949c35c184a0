"""The card rail: ISO 8583:1987 over TCP, as card networks speak it (D)."""
