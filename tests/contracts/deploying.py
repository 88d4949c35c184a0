"""Deploys one municipality the short way, with roles and modules from `scripts.lib.roles`."""

from __future__ import annotations

from typing import Any

from brownie import Contract, accounts
from brownie.project.main import get_loaded_projects

from scripts.lib.roles import FUNCTIONS, MODULES, PLATFORM_ACCOUNTS, Role, selector
from tests.contracts.wallets import Wallet

UPGRADE_DELAY = 2 * 86_400
RECOVERY_DELAY = 86_400
DELAYS = {Role.UPGRADER: UPGRADE_DELAY, Role.RECOVERY: RECOVERY_DELAY}
HOLDING_CAP, PURCHASE_CAP, GIFT_CAP = 1_500_000, 500_000, 500_000
ACCEPTED_BANDS = 0b0011

NAMES = ("Participants", "LocalCurrency", "Programmes", "Cashback", "Settlement", "Payments")


def artefact(name: str) -> Any:
    """A compiled contract of the project."""
    return getattr(get_loaded_projects()[0], name)


def holder(role: Role) -> Any:
    """The account that holds a role, and no other: brownie's account of that number."""
    return accounts[int(role)]


def deploy_contracts() -> dict[str, Any]:
    """All contracts of a municipality and the platform's Directory by their names, wired, roles given."""
    admin = holder(Role.ADMIN)
    manager = artefact("AccessManager").deploy(admin, {"from": admin})
    made: dict[str, Any] = {"AccessManager": manager}
    treasury = Wallet.named("treasury").address
    caps = (HOLDING_CAP, PURCHASE_CAP, GIFT_CAP)
    initialize: dict[str, tuple[Any, ...]] = {
        "LocalCurrency": ("Dongbaek", "DBC", treasury, caps),
        "Payments": (ACCEPTED_BANDS,),
    }
    for name in NAMES:
        made[name] = deploy_proxy(name, constructor(name, made), (manager, *initialize.get(name, ())))
    made["Directory"] = deploy_proxy("Directory", (), (manager,))
    for name in (*NAMES, "Directory"):
        give_functions(manager, made[name], name)
    for contract, modules in MODULES.items():
        for module in modules:
            made[contract].setModule(made[module], True, {"from": admin})
    for name in PLATFORM_ACCOUNTS:
        made["LocalCurrency"].setPlatformAccount(made[name], True, {"from": admin})
    made["Participants"].setCurrency(made["LocalCurrency"], {"from": admin})
    for role in Role:
        if role is not Role.ADMIN:
            manager.grantRole(int(role), holder(role), DELAYS.get(role, 0), {"from": admin})
    return made


def constructor(name: str, made: dict[str, Any]) -> tuple[Any, ...]:
    """The constructor's arguments of an implementation."""
    match name:
        case "LocalCurrency":
            return (made["Participants"],)
        case "Programmes" | "Settlement":
            return (made["LocalCurrency"], made["Participants"])
        case "Cashback":
            return (made["LocalCurrency"],)
        case "Payments":
            order = ("Participants", "LocalCurrency", "Programmes", "Cashback", "Settlement")
            return (tuple(made[other].address for other in order),)
        case _:
            return ()


def deploy_proxy(name: str, arguments: tuple[Any, ...], initialize: tuple[Any, ...]) -> Any:
    """An implementation, its proxy, and the proxy as the contract."""
    admin = holder(Role.ADMIN)
    implementation = artefact(name).deploy(*arguments, {"from": admin})
    data = implementation.initialize.encode_input(*initialize)
    proxy = artefact("ERC1967Proxy").deploy(implementation, data, {"from": admin})
    return at(name, proxy.address)


def at(name: str, address: str) -> Any:
    """A contract of ours at an address."""
    made: Any = Contract
    return made.from_abi(name, address, artefact(name).abi)


def give_functions(manager: Any, contract: Any, name: str) -> None:
    """Gives each restricted function to its role."""
    for role, functions in FUNCTIONS[name].items():
        selectors = [selector(contract.abi, function) for function in functions]
        manager.setTargetFunctionRole(contract, selectors, int(role), {"from": holder(Role.ADMIN)})
