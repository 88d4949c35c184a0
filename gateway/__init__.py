"""Camellia: the gateway between a city's people and the chain that holds their money."""
