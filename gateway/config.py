"""Where things are and which secrets open them: the environment, read once at start.

| variable | meaning | default |
|---|---|---|
| CAMELLIA_STATE | folder of the embedded engines, keys and bank files | `.camellia` |
| CAMELLIA_CITIES | folder of `<code>.toml` | `cities` of the checkout |
| CAMELLIA_CITY | codes served, separated by commas | `dongbaek` |
| CAMELLIA_DATABASE_URL, CAMELLIA_RPC_URL | engines | the embedded ones of the state folder |
| CAMELLIA_DEPLOYMENTS | deployment records | `<state>/deployments` if there, else `deployments` |
| CAMELLIA_KEYS | role keys | `<state>/keys` |
| CAMELLIA_CLOCK_FILE | seconds to add to the system's time | none |
| CAMELLIA_DATA_KEY_FILE | key of personal data at rest | `<keys>/data-key` |
| CAMELLIA_OPERATOR_TOKEN_FILE | the operator's token | `<keys>/operator-token` |
| CAMELLIA_BANKS | folder of `<code>-<bank>.toml`: how to enter a bank's SFTP server | `<keys>/banks` |
| CAMELLIA_BANK_OUTBOX, CAMELLIA_BANK_INBOX | folders, if the bank has no server | `<state>/bank/<code>/…` |
| CAMELLIA_SMS_URL, SMS_SERVICE_ID, SMS_SENDER | the SMS provider | the simulator's |
| SMS_ACCESS_KEY, SMS_SECRET_KEY | its key pair | in CAMELLIA_SMS_KEYS_FILE |
| CAMELLIA_SMS_KEYS_FILE | `access_key=…` and `secret_key=…` lines | `<keys>/sms` |
| CAMELLIA_ANONYMOUS_LIMIT | requests a second and at once, an address without a token | `2,60` |
| CAMELLIA_CLIENT_LIMIT | the same, a token | `20,100` |
| CAMELLIA_INTAKE | most payments of a city in one transaction, and under way at once | `256,2048` |
| CAMELLIA_STREAMS | most event streams in a process, and of one merchant | `1000,5` |
| CAMELLIA_NOTICE_DAYS | days that notices to merchants are kept, at least 4 | `30` |
| CAMELLIA_WEBHOOK_LOOPBACK | `1`: webhooks may go to this machine, by plain http | no |
| CAMELLIA_PROXIES | addresses of proxies whose X-Forwarded-For is believed | none |
| CAMELLIA_ANVIL_STATES | past states that the embedded chain keeps | Anvil's 500 |
| CAMELLIA_DUMP_SECONDS | seconds between its dumps to disk, at least | `2` |
| CAMELLIA_PROCESSES | API processes that share the port | 1 |
| CAMELLIA_HOST, CAMELLIA_PORT | where the API listens | 127.0.0.1, 8080 |
| CAMELLIA_CARD_HOST, CAMELLIA_CARD_PORT | where card networks connect | 127.0.0.1, 8583 |
| CAMELLIA_CARD_LENGTH, CAMELLIA_CARD_TLS | see gateway/wiring/cards.py | `2`, none |
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.domain.city import City, load_city
from gateway.flow.intake import Bounds
from gateway.flow.notices_stream import StreamBounds
from gateway.rails.sms import SensAccount
from gateway.store.login import login_url

ROOT: Final = Path(__file__).resolve().parents[1]
SMS_SERVICE: Final = "ncp:sms:kr:000000000000:camellia"


class Clock:
    """The city's time: the system's, plus the seconds that a file holds (missing = 0)."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._offset = 0

    def now(self) -> int:
        """Whole seconds since 1970 UTC."""
        return int(time.time()) + self.offset()

    def offset(self) -> int:
        """Seconds ahead of the system. A file caught half written leaves the offset as it was."""
        if self._file is not None:
            try:
                self._offset = int(self._file.read_text())
            except FileNotFoundError:
                self._offset = 0
            except ValueError:
                pass
        return self._offset


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a process needs to know at start. Holds file names of secrets, not the secrets."""

    state: Path
    cities: tuple[City, ...]
    database_url: str
    """By the gateway's own login (`gateway.store.login`)."""
    rpc_url: str
    keys: Path
    database_password_file: Path
    deployments: Path
    clock_file: Path | None
    data_key_file: Path
    operator_token_file: Path
    bank: Path
    sms_url: str
    sms_keys_file: Path
    anonymous_limit: tuple[float, int]
    client_limit: tuple[float, int]
    intake_bounds: Bounds
    stream_bounds: StreamBounds
    webhook_loopback: bool
    proxies: str
    processes: int
    host: str
    port: int
    card_host: str
    card_port: int

    @property
    def clock(self) -> Clock:
        """The city's clock."""
        return Clock(self.clock_file)

    def bank_access_file(self, code: str, bank_code: str) -> Path:
        """How to enter the server of a city's bank (`gateway.wiring.bank.load_access`), if it has one."""
        folder = os.environ.get("CAMELLIA_BANKS")
        return Path(folder or self.keys / "banks") / f"{code}-{bank_code}.toml"

    def bank_folders(self, code: str, bank_code: str, pays: str) -> tuple[Path, Path]:
        """(outbox, inbox) of a city's bank: ours for the bank, the bank's for us. `pays`: the code of the
        bank that pays merchants, whose folders need not name it."""
        if bank_code != pays:
            folder = self.bank / f"{code}-{bank_code}"
            return folder / "outbox", folder / "inbox"
        outbox, inbox = os.environ.get("CAMELLIA_BANK_OUTBOX"), os.environ.get("CAMELLIA_BANK_INBOX")
        folder = self.bank / code
        return Path(outbox or folder / "outbox"), Path(inbox or folder / "inbox")

    def sms_account(self) -> SensAccount:
        """The SMS provider's account. Raises OSError, ValueError when its keys are missing."""
        keys = {
            "access_key": os.environ.get("SMS_ACCESS_KEY", ""),
            "secret_key": os.environ.get("SMS_SECRET_KEY", ""),
        }
        if not all(keys.values()):
            for line in self.sms_keys_file.read_text().splitlines():
                name, _, value = line.partition("=")
                keys[name.strip()] = value.strip()
        if not keys["access_key"] or not keys["secret_key"]:
            raise ValueError("the SMS provider's keys are missing")
        return SensAccount(
            url=self.sms_url,
            service_id=os.environ.get("SMS_SERVICE_ID", SMS_SERVICE),
            access_key=keys["access_key"],
            secret_key=keys["secret_key"],
            sender=os.environ.get("SMS_SENDER", "0510000120"),
        )


def state_folder() -> Path:
    """``$CAMELLIA_STATE``, else ``.camellia`` in the working folder."""
    return Path(os.environ.get("CAMELLIA_STATE") or ".camellia").absolute()


def deployments_folder(state: Path) -> Path:
    """``$CAMELLIA_DEPLOYMENTS``; else the state folder's own, which an embedded chain has; else the
    checkout's."""
    if named := os.environ.get("CAMELLIA_DEPLOYMENTS"):
        return Path(named)
    own = state / "deployments"
    return own if own.is_dir() else ROOT / "deployments"


def load_settings(*, database_url: str | None = None, rpc_url: str | None = None) -> Settings:
    """Read the environment. Engines not given or named are the embedded ones.

    Raises ValueError, OSError for a city file that is wrong or missing; EngineError when an embedded engine
    was never started.
    """
    env = os.environ
    state = state_folder()
    keys = Path(env.get("CAMELLIA_KEYS") or state / "keys")
    folder = Path(env.get("CAMELLIA_CITIES") or ROOT / "cities")
    codes = (env.get("CAMELLIA_CITY") or "dongbaek").split(",")
    database_url = database_url or env.get("CAMELLIA_DATABASE_URL")
    rpc_url = rpc_url or env.get("CAMELLIA_RPC_URL")
    if not database_url or not rpc_url:
        from gateway.engine import Engines  # only where the engines are embedded

        engines = Engines(state)
        password = database_password(keys)
        database_url = database_url or login_url(engines.database_url, password.read_text().strip())
        rpc_url = rpc_url or engines.rpc_url
    clock_file = env.get("CAMELLIA_CLOCK_FILE")
    return Settings(
        state=state,
        cities=tuple(load_city(folder / f"{code.strip()}.toml") for code in codes),
        database_url=database_url,
        rpc_url=rpc_url,
        keys=keys,
        database_password_file=database_password(keys),
        deployments=deployments_folder(state),
        clock_file=Path(clock_file) if clock_file else None,
        data_key_file=Path(env.get("CAMELLIA_DATA_KEY_FILE") or keys / "data-key"),
        operator_token_file=Path(env.get("CAMELLIA_OPERATOR_TOKEN_FILE") or keys / "operator-token"),
        bank=state / "bank",
        sms_url=env.get("CAMELLIA_SMS_URL") or "http://127.0.0.1:8091",
        sms_keys_file=Path(env.get("CAMELLIA_SMS_KEYS_FILE") or keys / "sms"),
        anonymous_limit=_limit(env.get("CAMELLIA_ANONYMOUS_LIMIT") or "2,60"),
        client_limit=_limit(env.get("CAMELLIA_CLIENT_LIMIT") or "20,100"),
        intake_bounds=_bounds(env.get("CAMELLIA_INTAKE") or "256,2048"),
        stream_bounds=_stream_bounds(
            env.get("CAMELLIA_STREAMS") or "1000,5", env.get("CAMELLIA_NOTICE_DAYS") or "30"
        ),
        webhook_loopback=env.get("CAMELLIA_WEBHOOK_LOOPBACK") == "1",
        proxies=env.get("CAMELLIA_PROXIES") or "",
        processes=int(env.get("CAMELLIA_PROCESSES") or 1),
        host=env.get("CAMELLIA_HOST") or "127.0.0.1",
        port=int(env.get("CAMELLIA_PORT") or 8080),
        card_host=env.get("CAMELLIA_CARD_HOST") or "127.0.0.1",
        card_port=int(env.get("CAMELLIA_CARD_PORT") or 8583),
    )


def database_password(keys: Path) -> Path:
    """Where the password of the gateway's login is; used with the embedded database."""
    return Path(os.environ.get("CAMELLIA_DATABASE_PASSWORD_FILE") or keys / "database-password")


def _limit(text: str) -> tuple[float, int]:
    """`per second,at once`. Raises ValueError."""
    per_second, at_once = text.split(",")
    return float(per_second), int(at_once)


def _bounds(text: str) -> Bounds:
    """`in one transaction,under way at once`. Raises ValueError."""
    group, under_way = (int(number) for number in text.split(","))
    if not 0 < group <= under_way:
        raise ValueError("CAMELLIA_INTAKE: a group has at least one request and at most all under way")
    return Bounds(group, under_way)


def _stream_bounds(text: str, days: str) -> StreamBounds:
    """`in a process,of a merchant`, and how many days. Raises ValueError."""
    at_once, of_a_merchant = (int(number) for number in text.split(","))
    if int(days) < 4:
        raise ValueError("CAMELLIA_NOTICE_DAYS: a webhook is tried for three days, so keep notices for four")
    return StreamBounds(at_once, of_a_merchant, int(days))
