"""Checks a receipt against the chain alone; needs `pip install web3` and nothing of this platform.

python check_receipt.py <node's URL> <address of Payments> < receipt.json
"""

import json
import sys

from web3 import HTTPProvider, Web3

receipt, (url, payments) = json.load(sys.stdin), sys.argv[1:]
place = receipt["batch"].to_bytes(32, "big") + receipt["index"].to_bytes(32, "big")
node = Web3.keccak(place + bytes.fromhex(receipt["record"][2:]))
for sibling in receipt["proof"]:
    node = Web3.keccak(b"".join(sorted((node, bytes.fromhex(sibling[2:])))))
call = Web3.keccak(text="batchRoot(uint64)")[:4] + receipt["batch"].to_bytes(32, "big")
root = Web3(HTTPProvider(url)).eth.call({"to": payments, "data": call})
print("on chain" if node == root else "NOT on chain")
sys.exit(node != root)
