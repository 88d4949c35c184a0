"""What others would build: a web3.py gateway, and no gateway at all."""
