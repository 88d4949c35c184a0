"""The bank rail: ISO 20022 bytes ↔ domain values, and the exchange of files with a bank.

| module | message | direction |
|---|---|---|
| `pain001` | pain.001.001.09, credit transfer initiation: the payouts of a cycle | to the bank |
| `pain002` | pain.002.001.10, payment status report: their fate | from the bank |
| `camt054` | camt.054.001.08, credit notification: deposits | from the bank |
| `camt053` | camt.053.001.08, statement: opening and closing balance, entries | from the bank |
| `exchange` | files, put and taken atomically | both |
| `sftp` | the same over the bank's SFTP server | both |

Every message is validated against its XSD in both directions. Whatever is wrong with a message, its
reader raises `BankFileError` and nothing else.
"""
