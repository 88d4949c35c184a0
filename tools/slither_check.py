"""Runs slither over the contracts: each high or medium finding needs a reason, each reason a finding.

The reasons are in `tools/slither_reasons.toml`; the page `docs/slither.md` is written from both, or with
``--check`` held against them. Findings in OpenZeppelin's own code are not ours to judge and are left out.

slither lives in an environment of its own (`make slither`). It is given the compiler's standard JSON input in
a folder without `foundry.toml`, because it would otherwise ask for `forge`, which fetches compilers.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import tomllib
from collections import defaultdict
from pathlib import Path
from typing import Any

from tree import ROOT, report

SLITHER = ROOT / ".venv-slither" / "bin" / "slither"
REASONS = ROOT / "tools" / "slither_reasons.toml"
PAGE = ROOT / "docs" / "slither.md"
JUDGED = ("High", "Medium")

HEAD = """\
# What slither says, and why each finding stands

Written by `make slither` (slither {version}, detectors of high and medium impact, the contracts and
libraries of this repository; findings that lie wholly in OpenZeppelin Contracts are left out). A finding
without a reason fails the command, and so does a reason whose finding is gone.
"""

Finding = tuple[str, str]  # detector, where


def standard_json() -> dict[str, Any]:
    """Returns the compiler's input: every contract, no optimiser, the EVM that brownie compiles for."""
    sources = sorted((ROOT / "contracts").rglob("*.sol"))
    return {
        "language": "Solidity",
        "sources": {str(path.relative_to(ROOT)): {"content": path.read_text()} for path in sources},
        "settings": {
            "evmVersion": "shanghai",
            "remappings": ["@openzeppelin=node_modules/@openzeppelin"],
            "optimizer": {"enabled": False, "runs": 1},
        },
    }


def run_slither() -> list[dict[str, Any]]:
    """Returns slither's findings.

    Raises:
        SystemExit: slither stopped without an answer.
    """
    (solc,) = sorted((ROOT / ".solcx").glob("solc-v*"))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "contracts").symlink_to(ROOT / "contracts")
        (folder / "node_modules").symlink_to(ROOT / "node_modules")
        (folder / "input.json").write_text(json.dumps(standard_json()))
        command = [str(SLITHER), "input.json", "--compile-force-framework", "Solc-json", "--solc", str(solc)]
        command += ["--solc-working-dir", place, "--exclude-dependencies", "--json", "output.json"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        answer = folder / "output.json"
        if not answer.exists():
            sys.exit(done.stderr)
        results = json.loads(answer.read_text())["results"]
    found: list[dict[str, Any]] = results.get("detectors", [])
    return found


def where(finding: dict[str, Any]) -> str | None:
    """Returns ``Contract.function`` of a finding, or None when it lies in a library of others."""
    first = finding["elements"][0]
    if "node_modules" in first["source_mapping"]["filename_absolute"]:
        return None
    names = []
    element: dict[str, Any] | None = first
    while element:
        if element["type"] in ("contract", "function"):
            names.append(element["name"])
        element = element.get("type_specific_fields", {}).get("parent")
    return ".".join(reversed(names)) or str(first["name"])


def judged() -> set[Finding]:
    """Returns the findings of high and medium impact in this repository's contracts."""
    places = {(finding["check"], where(finding)) for finding in run_slither() if finding["impact"] in JUDGED}
    return {(check, place) for check, place in places if place}


def reasons() -> dict[Finding, str]:
    """Returns the written reasons by finding."""
    entries = tomllib.loads(REASONS.read_text())["reason"]
    return {
        (entry["check"], place): entry["because"].strip() for entry in entries for place in entry["where"]
    }


def page(written: dict[Finding, str]) -> str:
    """Returns the text of docs/slither.md."""
    done = subprocess.run([SLITHER, "--version"], capture_output=True, text=True, check=True)
    by_reason: dict[tuple[str, str], list[str]] = defaultdict(list)
    for (check, place), because in sorted(written.items()):
        by_reason[check, because].append(f"`{place}`")
    lines = [HEAD.format(version=done.stdout.strip())]
    for (check, because), places in by_reason.items():
        lines.append(f"\n## {check}\n\n{', '.join(places)}\n\n{because}\n")
    return "".join(lines)


def main() -> int:
    """Runs slither, writes or checks the page, and returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="do not write the page, fail if it is stale")
    check_only = parser.parse_args().check
    found, written = judged(), reasons()
    problems = [f"{check} in {place}: no reason" for check, place in sorted(found - written.keys())]
    problems += [f"{check} in {place}: gone, remove it" for check, place in sorted(written.keys() - found)]
    text = page(written)
    if not problems and not check_only:
        PAGE.write_text(text)
    if check_only and (not PAGE.exists() or PAGE.read_text() != text):
        problems.append("docs/slither.md is stale: run `make slither`")
    return report(problems, f"slither: {len(found)} findings of high or medium impact, each with a reason")


if __name__ == "__main__":
    sys.exit(main())
