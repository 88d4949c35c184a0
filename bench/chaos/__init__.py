"""Chaos (B5): parts of a city are killed, cut off and delayed under load; then a checker that trusts nobody
compares what the clients were told with what the chain and the database hold.

`clients` pay and keep their own log, `proxy` stands between the worker and the chain's node, `platform` kills
and starts again, `checker` judges; `__main__` joins them.
"""
