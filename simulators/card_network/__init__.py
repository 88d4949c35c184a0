"""Card networks: acquirers that send shops' card sales to the card host, by ISO 8583 over TCP."""
