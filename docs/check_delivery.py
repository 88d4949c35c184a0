"""Checks proofs of delivery by the published root alone; needs `pip install web3`, nothing of this platform.

python check_delivery.py <root> < proofs        one JSON object a line; with a node's URL and the address
python check_delivery.py <root> <URL> <address of Programmes> < proofs       also: is the root on chain?
"""

import json
import sys

from web3 import HTTPProvider, Web3

root, *chain = sys.argv[1:]
wrong = right = 0
for line in sys.stdin:
    told = json.loads(line)
    words = (told[name].to_bytes(32, "big") for name in ("programme", "participant", "won"))
    node = Web3.keccak(b"".join(words))
    for sibling in told["proof"]:
        node = Web3.keccak(b"".join(sorted((node, bytes.fromhex(sibling[2:])))))
    right, wrong = right + (node.hex() == root[2:]), wrong + (node.hex() != root[2:])
print(f"{right} right, {wrong} wrong")
if chain:
    call = Web3.keccak(text="deliveryOf(bytes32)")[:4] + bytes.fromhex(root[2:])
    answer = Web3(HTTPProvider(chain[0])).eth.call({"to": chain[1], "data": call})
    programme, recipients, won, _ = (int.from_bytes(answer[i : i + 32], "big") for i in range(0, 128, 32))
    print(f"programme {programme}: {recipients} recipients, {won} won" if programme else "NOT on chain")
    wrong += not programme
sys.exit(bool(wrong or not right))
