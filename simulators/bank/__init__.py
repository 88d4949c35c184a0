"""A partner bank: accounts with balances, ISO 20022 files in and out, and a control side over HTTP.

| module | what |
|---|---|
| `ledger` | accounts, bookings and files to be sent, in one SQLite file: a change is whole or not at all |
| `instructions` | reads pain.001 |
| `payouts` | executes payout orders, answers with pain.002 |
| `notices` | camt.054 for money that came in, camt.053 for a day |
| `messages` | writes pain.002, camt.053, camt.054 |
| `desk` | the bank's round: takes files, runs what is due, sends files |
| `sftp` | the server where a customer leaves and fetches files |
| `mischief` | what happens to files when the bank is asked to misbehave |
| `api` | the control side |
"""
