"""Writes `deployments/abi/<contract>.json` from brownie's build: what the gateway needs of a contract.

Each file holds the ABI and a hash of the bytecode, so that a change of a contract shows in review and
stale files are found: ``--check`` writes nothing and fails if a file is not what the build says.
"""

import argparse
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from tree import ROOT, report

BUILD = ROOT / "build" / "contracts"
ABI = ROOT / "deployments" / "abi"
OWN = "contracts/"
NOT_DEPLOYED = ("contracts/interfaces/", "contracts/mocks/", "contracts/test/")
FROM_LIBRARIES = {"AccessManager"}


def exported(build: dict[str, Any]) -> bool:
    """Tells whether a contract of the build is one that a city deploys."""
    path = build["sourcePath"]
    if build["contractName"] in FROM_LIBRARIES:
        return True
    return (
        path.startswith(OWN)
        and not path.startswith(NOT_DEPLOYED)
        and bool(build["abi"] and build["bytecode"])
    )


def entry(build: dict[str, Any]) -> str:
    """Returns the text of one exported file."""
    return (
        json.dumps(
            {
                "contract": build["contractName"],
                "source": build["sourcePath"],
                "compiler": build["compiler"]["version"],
                "evm_version": build["compiler"]["evm_version"],
                # Of the hexadecimal text, where a linked library's address is still a placeholder.
                "bytecode_sha256": hashlib.sha256(build["bytecode"].encode()).hexdigest(),
                "abi": build["abi"],
            },
            indent=2,
        )
        + "\n"
    )


def wanted() -> dict[Path, str]:
    """Returns the files that should be there and their texts."""
    builds = [json.loads(path.read_text()) for path in sorted(BUILD.glob("*.json"))]
    return {ABI / f"{build['contractName']}.json": entry(build) for build in builds if exported(build)}


def main() -> int:
    """Writes or checks the files and returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, fail if a file is stale")
    check = parser.parse_args().check
    files = wanted()
    surplus = [path for path in ABI.glob("*.json") if path not in files]
    stale = [path for path, text in files.items() if not path.exists() or path.read_text() != text]
    if check:
        problems = [f"{path.relative_to(ROOT)} is stale: run `make abi`" for path in (*stale, *surplus)]
        return report(problems, f"abi: {len(files)} files are what the contracts say")
    ABI.mkdir(parents=True, exist_ok=True)
    for path in stale:
        path.write_text(files[path])
    for path in surplus:
        path.unlink()
    print(f"abi: {len(files)} contracts, {len(stale)} written, {len(surplus)} removed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
