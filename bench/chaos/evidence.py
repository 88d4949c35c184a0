"""What the checker judges by: the clients' log, the database's rows, and who the node and contracts are."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg


@dataclass(slots=True)
class Request:
    """One request of a client: what was sent, and what came back (`status` 0: nothing)."""

    number: int
    payment: str
    how: str
    sent: float
    citizen: int
    merchant: int
    won: int
    status: int = 0
    body: Any = None
    refund: str = ""
    """The refund's id, where money was to go back."""


@dataclass(frozen=True, slots=True)
class Database:
    """What PostgreSQL holds: state by payment, and what else could be left over."""

    states: dict[str, str]
    unmined: int
    replayed: int
    replayed_otherwise: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that a verdict needs besides a node. `addresses`: of the city's contracts, by name."""

    requests: list[Request]
    database: Database
    addresses: dict[str, str]
    chain_id: int
    audit_exit: int
    transcript: dict[str, Any] = field(default_factory=dict)


def read_log(file: Path) -> list[Request]:
    """The clients' log, each request joined with its answer."""
    found: dict[int, Request] = {}
    for text in file.read_text().splitlines():
        line = json.loads(text)
        if "sent" in line:
            found[line["n"]] = Request(
                line["n"], line["id"], line["how"], line["sent"],
                line["citizen"], line["merchant"], line["won"], refund=line.get("refund", ""),
            )  # fmt: skip
        elif "status" in line:
            request = found[line["n"]]
            request.status, request.body = line["status"], line["body"]
    return list(found.values())


async def read_database(url: str) -> Database:
    """By SQL of its own, with nothing of the gateway."""
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch("SELECT payment, state FROM payments")
        return Database(
            states={str(row["payment"]): row["state"] for row in rows},
            unmined=await connection.fetchval(
                "SELECT count(*) FROM outbox_transaction WHERE state <> 'mined'"
            ),
            replayed=await connection.fetchval("SELECT count(*) FROM outbox_replay"),
            replayed_otherwise=await connection.fetchval(
                "SELECT count(*) FROM outbox_replay WHERE same_outcome IS NOT TRUE OR same_logs IS NOT TRUE"
            ),
        )
    finally:
        await connection.close()


def save(evidence: Evidence, file: Path) -> None:
    """Keep it for later, compressed."""
    content = {
        "requests": [
            [r.number, r.payment, r.how, r.sent, r.citizen, r.merchant, r.won, r.status, r.body, r.refund]
            for r in evidence.requests
        ],
        "database": {
            "states": evidence.database.states,
            "unmined": evidence.database.unmined,
            "replayed": evidence.database.replayed,
            "replayed_otherwise": evidence.database.replayed_otherwise,
        },
        "addresses": evidence.addresses,
        "chain_id": evidence.chain_id,
        "audit_exit": evidence.audit_exit,
        "transcript": evidence.transcript,
    }
    file.write_bytes(gzip.compress(json.dumps(content, ensure_ascii=False).encode(), mtime=0))


def load(file: Path) -> Evidence:
    """What was kept."""
    content = json.loads(gzip.decompress(file.read_bytes()))
    return Evidence(
        **{
            **content,
            "requests": [Request(*each) for each in content["requests"]],
            "database": Database(**content["database"]),
        }
    )
