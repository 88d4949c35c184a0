"""What the UPGRADER and RECOVERY do waits in public, and can be stopped meanwhile (A, C-5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from brownie.network.account import Account

from scripts.lib.roles import Role
from tests.contracts.chain import next_at, now, only, reverts
from tests.contracts.city import DAY, City
from tests.contracts.deploying import RECOVERY_DELAY, UPGRADE_DELAY, artefact, holder
from tests.contracts.wallets import Wallet

EXPIRY = 7 * DAY  # AccessManager.expiration()
NEW = Wallet.named("the citizen's new wallet")
GUARDIAN = 77  # a role that a city may make and set as the guardian of a delayed one


@dataclass
class Operation:
    """A delayed call, and how to see whether it has happened."""

    city: City
    role: Role
    delay: int
    target: Any
    data: str

    @property
    def sender(self) -> Account:
        return holder(self.role)

    @property
    def id(self) -> bytes:
        return bytes(self.city.manager.hashOperation(self.sender, self.target, self.data))

    @property
    def selector(self) -> bytes:
        return bytes.fromhex(self.data[2:10])

    def schedule(self, at: int = 0) -> Any:
        return self.city.manager.schedule(self.target, self.data, at, {"from": self.sender})

    def execute(self) -> Any:
        return self.city.manager.execute(self.target, self.data, {"from": self.sender})

    def directly(self) -> Any:
        return self.sender.transfer(self.target, 0, data=self.data)

    def cancel(self, by: Any) -> Any:
        return self.city.manager.cancel(self.sender, self.target, self.data, {"from": by})

    def happened(self, tx: Any) -> bool:
        return ("Upgraded" if self.role is Role.UPGRADER else "WalletRotated") in tx.events


@pytest.fixture(params=[Role.UPGRADER, Role.RECOVERY], ids=lambda role: role.key)
def operation(request: pytest.FixtureRequest, city: City) -> Operation:
    """An upgrade of Directory, or a citizen's wallet recovered."""
    if request.param is Role.UPGRADER:
        implementation = artefact("Directory").deploy(city.by(Role.ADMIN))
        data = city.directory.upgradeToAndCall.encode_input(implementation, b"")
        return Operation(city, Role.UPGRADER, UPGRADE_DELAY, city.directory, data)
    data = city.participants.recoverWallet.encode_input(1, city.citizen(), NEW.address)
    return Operation(city, Role.RECOVERY, RECOVERY_DELAY, city.participants, data)


def test_executed_after_its_delay(operation: Operation) -> None:
    tx = operation.schedule()
    due = tx.timestamp + operation.delay
    event = only(tx, "OperationScheduled")
    assert (event["operationId"], event["schedule"], event["caller"]) == (operation.id, due, operation.sender)
    assert operation.city.manager.getSchedule(operation.id) == due
    next_at(due)
    tx = operation.execute()
    assert operation.happened(tx)
    assert only(tx, "OperationExecuted")["operationId"] == operation.id


def test_or_sent_to_the_contract_itself(operation: Operation) -> None:
    next_at(operation.schedule().timestamp + operation.delay)
    assert operation.happened(operation.directly())


def test_refused_before(operation: Operation) -> None:
    due = operation.schedule().timestamp + operation.delay
    next_at(due - 2)
    with reverts("AccessManagerNotReady", operation.id):
        operation.execute()
    next_at(due - 1)
    with reverts("AccessManagerNotReady", operation.id):
        operation.execute()
    next_at(due)
    assert operation.happened(operation.execute())


def test_refused_unscheduled(operation: Operation) -> None:
    with reverts("AccessManagerNotScheduled", operation.id):
        operation.execute()
    assert operation.city.manager.getSchedule(operation.id) == 0


def test_no_sooner_than_the_delay_and_only_once(operation: Operation) -> None:
    manager, sender = operation.city.manager, operation.sender
    at = now() + 100
    next_at(at)
    with reverts("AccessManagerUnauthorizedCall", sender, operation.target, operation.selector):
        operation.schedule(at + operation.delay - 1)
    next_at(at + 1)
    operation.schedule(at + 1 + operation.delay)
    with reverts("AccessManagerAlreadyScheduled", operation.id):
        operation.schedule()
    next_at(at + 1 + operation.delay)
    operation.execute()
    with reverts("AccessManagerNotScheduled", operation.id):
        operation.execute()
    assert manager.getSchedule(operation.id) == 0


def test_not_for_ever(operation: Operation) -> None:
    assert operation.city.manager.expiration() == EXPIRY
    next_at(operation.schedule().timestamp + operation.delay + EXPIRY)
    with reverts("AccessManagerExpired", operation.id):
        operation.execute()


def test_nobody_else_may_schedule_it(operation: Operation) -> None:
    manager, target, data = operation.city.manager, operation.target, operation.data
    for role in set(Role) - {operation.role}:
        with reverts("AccessManagerUnauthorizedCall", holder(role), target, operation.selector):
            manager.schedule(target, data, 0, {"from": holder(role)})


@pytest.mark.parametrize("by", ["admin", "guardian", "itself"])
def test_cancelled_meanwhile(operation: Operation, by: str) -> None:
    manager, admin, guardian = operation.city.manager, holder(Role.ADMIN), holder(Role.PAUSER)
    manager.grantRole(GUARDIAN, guardian, 0, {"from": admin})
    manager.setRoleGuardian(int(operation.role), GUARDIAN, {"from": admin})
    scheduled = operation.schedule()
    tx = operation.cancel({"admin": admin, "guardian": guardian, "itself": operation.sender}[by])
    assert only(tx, "OperationCanceled")["operationId"] == operation.id
    next_at(scheduled.timestamp + operation.delay)
    with reverts("AccessManagerNotScheduled", operation.id):
        operation.execute()


def test_not_cancelled_by_others(operation: Operation) -> None:
    operation.schedule()
    others = set(Role) - {operation.role, Role.ADMIN}
    for role in others:
        refused = (holder(role), operation.sender, operation.target, operation.selector)
        with reverts("AccessManagerUnauthorizedCancel", *refused):
            operation.cancel(holder(role))


def test_a_role_taken_away_meanwhile_does_not_act(operation: Operation) -> None:
    due = operation.schedule().timestamp + operation.delay
    operation.city.manager.revokeRole(int(operation.role), operation.sender, operation.city.by(Role.ADMIN))
    next_at(due)
    refused = (operation.sender, operation.target, operation.selector)
    with reverts("AccessManagerUnauthorizedCall", *refused):
        operation.execute()
