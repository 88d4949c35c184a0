"""Plants faults in the contracts, one at a time, and fails if a named test does not notice one.

The working tree is never touched: each worker has a copy of it in a folder of its own. Mutants are
compiled without the optimiser, which is four times as fast and changes nothing that a fault is about; the
unchanged contracts are run the same way first, because a test that fails anyway kills nothing.

    make mutants                 all faults
    tests/mutants/run.py WORD…   those whose name holds one of the words
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

ROOT: Final = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.mutants.faults import FAULTS, Fault  # noqa: E402

COPIED: Final = ("contracts", "tests", "gateway", "scripts", "tools", "build", "pyproject.toml", "cities")
LINKED: Final = ("node_modules", ".venv", ".solcx")
CITY: Final = ("Participants", "LocalCurrency", "Programmes", "Cashback", "Settlement", "Payments")
WORKERS: Final = 2
TESTS_FAILED: Final = 1  # pytest's exit code; any other but 0 is an accident
SECONDS: Final = 900


class BrokenFault(Exception):
    """A fault that cannot be planted, or does not compile: the list must follow the source."""


@dataclass
class Outcome:
    """What became of one fault."""

    fault: Fault
    seconds: float
    killed: bool = False
    accident: str = ""

    @property
    def word(self) -> str:
        """For the table."""
        return self.accident or ("killed" if self.killed else "SURVIVED")


class Copy:
    """A copy of the tree for one worker."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in COPIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, folder / name)
        for name in LINKED:
            (folder / name).symlink_to(ROOT / name)

    def plant(self, fault: Fault) -> None:
        """Change the source. Raises BrokenFault unless `old` stands there exactly once."""
        path = self.folder / "contracts" / fault.file
        text = (ROOT / "contracts" / fault.file).read_text()
        if text.count(fault.old) != 1:
            raise BrokenFault(f"{fault.file} holds {text.count(fault.old)} of: {fault.old}")
        path.write_text(text.replace(fault.old, fault.new))

    def heal(self, fault: Fault) -> None:
        """Put the source back."""
        shutil.copy(ROOT / "contracts" / fault.file, self.folder / "contracts" / fault.file)

    def compile(self) -> None:
        """Put the contracts' bytecode into the copy's build. Raises BrokenFault."""
        sources = sorted((self.folder / "contracts").rglob("*.sol"))
        request: dict[str, Any] = {
            "language": "Solidity",
            "sources": {str(p.relative_to(self.folder)): {"content": p.read_text()} for p in sources},
            "settings": {
                "remappings": ["@openzeppelin=node_modules/@openzeppelin"],
                "evmVersion": "shanghai",
                "outputSelection": {f"contracts/{n}.sol": {n: ["abi", "evm.bytecode.object"]} for n in CITY},
            },
        }
        (solc,) = sorted((ROOT / ".solcx").glob("solc-v*"))
        done = subprocess.run(
            [solc, "--standard-json", "--allow-paths", "."],
            input=json.dumps(request).encode(),
            capture_output=True,
            cwd=self.folder,
            check=True,
        )
        answer = json.loads(done.stdout)
        errors = [error["message"] for error in answer.get("errors", []) if error["severity"] == "error"]
        if errors:
            raise BrokenFault(f"does not compile: {errors[0]}")
        for name in CITY:
            found = answer["contracts"][f"contracts/{name}.sol"][name]
            build = {"abi": found["abi"], "bytecode": found["evm"]["bytecode"]["object"]}
            (self.folder / "build" / "contracts" / f"{name}.json").write_text(json.dumps(build))

    def test(self, tests: Sequence[str]) -> subprocess.CompletedProcess[str]:
        """Run tests against the copy's build."""
        command = [str(ROOT / ".venv/bin/python"), "-m", "pytest", "-p", "no:pytest-brownie", "--noconftest"]
        return subprocess.run(
            [*command, "-q", "-x", "--tb=line", "-p", "no:cacheprovider", *tests],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(self.folder), "CAMELLIA_DEEP": ""},
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )


def try_fault(copies: SimpleQueue[Copy], fault: Fault) -> Outcome:
    """Plant one fault in a free copy, compile, run its test."""
    copy, begun = copies.get(), time.monotonic()
    outcome = Outcome(fault, 0)
    try:
        copy.plant(fault)
        copy.compile()
        code = copy.test([fault.test]).returncode
        outcome.killed = code == TESTS_FAILED
        if code not in (0, TESTS_FAILED):
            outcome.accident = f"pytest ended with {code}"
    except (BrokenFault, subprocess.SubprocessError) as error:
        outcome.accident = str(error)
    finally:
        copy.heal(fault)
        copies.put(copy)
    outcome.seconds = time.monotonic() - begun
    return outcome


def chosen(words: Sequence[str]) -> list[Fault]:
    """The faults whose names hold a word; all without words."""
    return [fault for fault in FAULTS if not words or any(word in fault.name for word in words)]


def table_of(outcomes: Sequence[Outcome]) -> Table:
    """What became of each."""
    table = Table("file", "fault", "test", "outcome", "s")
    for outcome in outcomes:
        test = outcome.fault.test.rpartition("::")[2]
        style = "" if outcome.killed else "bold red"
        values = (outcome.fault.file, outcome.fault.name, test, outcome.word, f"{outcome.seconds:.0f}")
        table.add_row(*values, style=style)
    return table


def main(words: Sequence[str]) -> int:
    """Run the faults; returns 1 when one survived or could not be planted."""
    console, faults = Console(), chosen(words)
    with tempfile.TemporaryDirectory(prefix="camellia-mutants-") as place:
        copies: SimpleQueue[Copy] = SimpleQueue()
        first = Copy(Path(place) / "0")
        first.compile()
        healthy = first.test(sorted({fault.test for fault in faults}))
        if healthy.returncode:
            console.print(healthy.stdout)
            console.print("the tests fail on the contracts as they are: nothing to learn from mutants")
            return 1
        copies.put(first)
        for number in range(1, WORKERS):
            copies.put(Copy(Path(place) / str(number)))
        outcomes = []
        with Progress(console=console) as progress, ThreadPoolExecutor(WORKERS) as pool:
            task = progress.add_task("mutants", total=len(faults))
            for outcome in pool.map(lambda fault: try_fault(copies, fault), faults):
                outcomes.append(outcome)
                if not outcome.killed:
                    progress.print(f"[red]{outcome.fault.name}: {outcome.word}")
                progress.advance(task)
    killed = sum(outcome.killed for outcome in outcomes)
    console.print(table_of(outcomes))
    console.print(f"mutants: {len(outcomes)} planted, {killed} killed, {len(outcomes) - killed} not")
    return 0 if killed == len(outcomes) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
