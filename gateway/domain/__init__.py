"""The rules of a city's currency, as plain functions of their arguments.

Nothing here reads a clock, a chain or a database. Rule numbers (``P-9``, ``K-2``) are those of
SPECIFICATION.md; the contracts follow the same text, and the tests use this package as their model.
"""
