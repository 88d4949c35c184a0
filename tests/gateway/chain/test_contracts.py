"""Calls, events and errors against the compiled contracts."""

import dataclasses
import json

import pytest
from eth_abi.abi import encode
from web3 import Web3

from gateway.chain.abi import load_abi
from gateway.chain.contracts import MAX_GAS, NAMES, CityContracts, load_deployment
from gateway.chain.decode import CLASSES, Decoder
from gateway.chain.errors import CallReverted, DeploymentError, NodeRefused
from gateway.chain.shapes import LineStatus, NewCitizen, Profile, RecordWords, RefundCall
from gateway.domain.order import BatchOrder
from gateway.domain.signature import CompactSignature
from tests.gateway.chain.scenes import pay, whole_day
from tests.gateway.chain_city import ROOT, TestCity, build_of

INTERFACES = {
    "Participants": "IParticipants",
    "LocalCurrency": "ILocalCurrency",
    "Programmes": "IProgrammes",
    "Cashback": "ICashback",
    "Payments": "IPayments",
    "Settlement": "ISettlement",
    "Directory": "IDirectory",
}


@pytest.mark.parametrize("contract", INTERFACES)
def test_every_event_of_the_interfaces_has_a_class_with_its_fields(contract, compiled):
    declared = {e["name"]: e for e in build_of(INTERFACES[contract])["abi"] if e["type"] == "event"}
    assert declared.keys() == CLASSES[contract].keys()
    for name, entry in declared.items():
        fields = dataclasses.fields(CLASSES[contract][name])  # type: ignore[arg-type]
        assert len(fields) == len(entry["inputs"]), name


def test_a_batch_is_encoded_as_web3_encodes_it(city: TestCity):
    orders = [
        BatchOrder(
            kind=1 + n % 3,
            payment_id=bytes([n]) * 16,
            citizen=n,
            merchant=2**32 - 1,
            amount=n * 1000,
            nonce=n,
            expires_at=2**40 - 1,
            pass_limit=n,
            signature=CompactSignature(bytes([n]) * 32, bytes([255 - n]) * 32),
        )
        for n in range(1, 8)
    ]
    contract = Web3().eth.contract(abi=build_of("Payments")["abi"])
    words = [
        (int.from_bytes(o.head, "big"), int.from_bytes(o.tail, "big"), o.signature.r, o.signature.vs)
        for o in orders
    ]
    expected = contract.encode_abi("submitBatch", [words])
    call = city.contracts.submit_batch(orders)
    assert "0x" + call.data.hex() == expected
    assert city.contracts.submit_batch([order.to_bytes() for order in orders]) == call


def test_other_calls_are_encoded_as_web3_encodes_them(city: TestCity):
    web3 = Web3()
    payments = web3.eth.contract(abi=build_of("Payments")["abi"])
    refund = RefundCall(3, 1, RecordWords(1, 2, 3), (b"\x01" * 32, b"\x02" * 32), 500, 0, b"\x09" * 16)
    plain = (3, 1, (1, 2, 3), [b"\x01" * 32, b"\x02" * 32], 500, 0, b"\x09" * 16)
    assert "0x" + city.contracts.refund(refund).data.hex() == payments.encode_abi("refund", [plain])
    people = web3.eth.contract(abi=build_of("Participants")["abi"])
    entries = [NewCitizen(bytes([n]) * 20, n, n) for n in range(1, 5)]
    plain_entries = [(web3.to_checksum_address("0x" + e.wallet.hex()), e.district, e.cohort) for e in entries]
    found = city.contracts.register_citizens(entries)
    assert "0x" + found.data.hex() == people.encode_abi("registerCitizens", [plain_entries])


def test_no_call_may_use_more_than_a_transaction_may(city: TestCity):
    assert city.contracts.submit_batch([bytes(128)] * 500).gas == MAX_GAS
    assert city.contracts.escrow(20261123, range(1, 1000)).gas == MAX_GAS


def test_an_order_of_another_length_is_no_order(city: TestCity):
    with pytest.raises(ValueError, match="128"):
        city.contracts.submit_batch([bytes(127)])


async def test_the_gas_bounds_hold_for_the_whole_day(city: TestCity):
    """Every call of the scene is sent with its own bound, and none comes near to it."""
    await whole_day(city)
    head = await city.node.block_number()
    at = {"0x" + a.hex() for a in city.contracts.at.all()}
    used = 0
    for number in range(city.contracts.at.block, head + 1):
        block = await city.node.call("eth_getBlockByNumber", hex(number), True)
        for transaction in block["transactions"]:
            if (transaction["to"] or "").lower() in at:
                (receipt,) = await city.node.receipts([bytes.fromhex(transaction["hash"][2:])])
                assert receipt
                share = int(receipt["gasUsed"], 16) / int(transaction["gas"], 16)
                assert share < 0.9, (transaction["input"][:10], share)
                used += 1
    assert used > 60


async def test_errors_come_back_by_name_and_values(city: TestCity):
    await city.join(citizens=1)
    decoder = Decoder(city.contracts.abis, city.contracts.at.all())
    call = city.contracts.issue(1, 600_000, city.ref())
    request = {
        "from": "0x" + city.accounts["issuer"].address.hex(),
        "to": "0x" + call.to.hex(),
        "data": "0x" + call.data.hex(),
    }
    with pytest.raises(NodeRefused) as raised:
        await city.node.call("eth_call", request, "latest")
    found = decoder.reverted(raised.value)
    assert isinstance(found, CallReverted)
    assert found.name == "PurchaseCapExceeded"
    assert found.values == {"citizen": 1, "bought": 600_000, "cap": 500_000}


@pytest.mark.parametrize(
    "shape",
    [lambda h: h, lambda h: {"data": h}, lambda h: f"Reverted {h}", lambda h: {"result": h}],
)
def test_reverts_are_read_as_each_client_reports_them(city: TestCity, shape):
    decoder = Decoder(city.contracts.abis, city.contracts.at.all())
    selector = next(
        s for s, e in city.contracts.abis["LocalCurrency"].errors.items() if e.name == "ZeroAmount"
    )
    refused = NodeRefused("eth_call", 3, "execution reverted", shape("0x" + selector.hex()))
    found = decoder.reverted(refused)
    assert isinstance(found, CallReverted) and found.name == "ZeroAmount" and found.values == {}


def test_a_revert_of_somebody_else_stays_what_it_is(city: TestCity):
    decoder = Decoder(city.contracts.abis, city.contracts.at.all())
    assert decoder.error(b"\xde\xad\xbe\xef") == ("", {})
    plain = NodeRefused("eth_call", -32000, "boom")
    assert decoder.reverted(plain) is plain
    garbled = encode(["uint256"], [1])[:7]
    assert decoder.error(garbled) == ("", {})


async def test_views_come_back_as_our_shapes(city: TestCity):
    await whole_day(city)
    rules = await city.read("Programmes", "rulesOf", 1)
    assert rules.tier_amounts == (400_000, 600_000, 0, 0, 0, 0, 0, 0)
    status, amount = await city.read("Settlement", "lineOf", 20261123, 3)
    assert status == LineStatus.RETURNED and amount == 40_000
    merchant = Profile.unpack(await city.read("Participants", "merchant", 2))
    assert merchant and (merchant.district, merchant.category, merchant.sales_band) == (3, 9, 1)
    assert Profile.unpack(await city.read("Participants", "citizen", 999)) is None
    batch = await pay(city, (1, 1, 100))
    assert batch.records[0].is_accepted


def test_the_deployment_record_of_the_scripts(tmp_path, city: TestCity, compiled):
    keys = {a: k for a, k, _ in NAMES}
    record = {
        "chainId": 1202,
        "municipalities": {
            "dongbaek": {
                keys[a]: {"address": "0x" + getattr(city.contracts.at, a).hex().upper(), "block": 5 + n}
                for n, a in enumerate(keys)
            }
        },
    }
    (tmp_path / "1202.json").write_text(json.dumps(record).replace("0X", "0x"))
    found = load_deployment(1202, tmp_path).municipality("dongbaek")
    assert found.payments == city.contracts.at.payments and found.block == 5
    (tmp_path / "abi").mkdir()
    for _, _, name in NAMES:
        (tmp_path / "abi" / f"{name}.json").write_text(json.dumps({"abi": build_of(name)["abi"]}))
    assert CityContracts.load(1202, "dongbaek", tmp_path).at == found
    with pytest.raises(DeploymentError, match="seoul"):
        CityContracts.load(1202, "seoul", tmp_path)
    with pytest.raises(DeploymentError):
        load_deployment(1, tmp_path)
    with pytest.raises(DeploymentError, match="noSuchThing"):
        load_abi("Payments", tmp_path / "abi")["noSuchThing"]


def test_the_exported_abis_are_what_the_gateway_needs():
    """deployments/abi, where it is there: every event and function that is used."""
    folder = ROOT / "deployments" / "abi"
    if not folder.is_dir():
        pytest.skip("not exported yet")
    abis = {name: load_abi(name, folder) for _, _, name in NAMES}
    at = {bytes([n]) * 20: name for n, (_, _, name) in enumerate(NAMES)}
    Decoder(abis, at)
