"""The chain side of the gateway: contracts' calls and events, keys, relayers, the indexer, repair."""
