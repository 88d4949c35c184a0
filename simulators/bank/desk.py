"""The bank's round: take what came in, run what is due, tell and send what happened."""

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

import structlog

from simulators.bank.ledger import Ledger
from simulators.bank.mischief import Mischief, spoilt
from simulators.bank.notices import Notices
from simulators.bank.payouts import Payouts


@dataclass(frozen=True, slots=True)
class Round:
    """What a round did, by file name."""

    taken: list[str]
    executed: int
    sent: list[str]


class Desk:
    """Files: `inbound` is read (taken files go to its `processed`), `outbound` is written."""

    def __init__(
        self,
        ledger: Ledger,
        payouts: Payouts,
        notices: Notices,
        inbound: Path,
        outbound: Path,
        *,
        daily: bool = False,
    ) -> None:
        self.mischief: Mischief | None = None
        self.to_spoil = 0
        """How many files more `mischief` happens to."""
        self.executes = True
        """Whether orders whose day has come are executed; a bank that is behind does not."""
        self._daily = daily
        self._ledger = ledger
        self._payouts = payouts
        self._notices = notices
        self._inbound = inbound
        self._processed = inbound / "processed"
        self._outbound = outbound
        self._log = structlog.get_logger()
        for folder in (inbound, self._processed, outbound):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def round(self) -> Round:
        """One round. A file is moved after it was booked: after a crash it is read again, and then its
        message id is known."""
        taken = []
        for path in sorted(self._inbound.iterdir()):
            if path.name.startswith(".") or path.suffix in _UNFINISHED or not path.is_file():
                continue
            self._payouts.take(path.read_bytes(), execute=self.executes)
            self._put_away(path)
            taken.append(path.name)
        executed = self._payouts.run_due() if self.executes else 0
        self._notices.notify()
        if self._daily:
            self._notices.state_days()
        return Round(taken, executed, self.send())

    def send(self) -> list[str]:
        """Write the files that wait to be sent. Returns their names."""
        sent = []
        for name, body in self._ledger.unwritten():
            spoil = self.mischief if self.to_spoil else None
            if spoil is Mischief.LATE:
                continue
            for sent_name, sent_body in [(name, body)] if spoil is None else spoilt(name, body, spoil):
                self._write(sent_name, sent_body)
            self.to_spoil -= spoil is not None
            with self._ledger.transaction():
                self._ledger.mark_written(name)
            sent.append(name)
        return sent

    def _put_away(self, path: Path) -> None:
        target, number = self._processed / path.name, 1
        while target.exists():
            number += 1
            target = self._processed / f"{path.name}.{number}"
        path.rename(target)

    def _write(self, name: str, body: bytes) -> None:
        temporary = self._outbound / f".{name}.{secrets.token_hex(4)}.tmp"
        with temporary.open("xb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._outbound / name)


_UNFINISHED = (".tmp", ".part")
