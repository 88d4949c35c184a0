"""`make demo`: one day in a demo city, on real engines, told as a story and checked as an audit.

The demo uses the platform only as its users do: HTTP, the admin scripts, the command line, the bank's files.
What it checks it reads by itself: the chain through JSON-RPC (`rpc`, `books`), the database by its own SQL.
"""
