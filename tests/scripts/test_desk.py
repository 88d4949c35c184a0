"""Issue, float, caps, pause, sweep, cashback, merchants, roles, keys: what they do, and what they refuse."""

import csv
import stat
from pathlib import Path

import pytest
from eth_account import Account

from gateway.domain.participants import business_number_check_digit
from scripts import caps, cashback, issue, merchants, pause, programme, roles, sweep
from scripts import float as refund_float
from scripts.lib import chain
from scripts.lib.chain import web3
from scripts.lib.city import ROOT, further_keys
from scripts.lib.errors import Refusal
from scripts.lib.keys import NAMES, Keyring
from scripts.lib.roles import Role
from scripts.roles import holders
from tests.scripts.conftest import FAST, Town, ends, programme_words, run


@pytest.fixture(autouse=True)
def _undo(town: Town, fresh_chain):
    return


def wait(seconds: int) -> None:
    web3.provider.make_request("evm_increaseTime", [seconds])
    web3.provider.make_request("evm_mine", [])


def test_a_deposit_is_issued_once(town: Town, capsys):
    """O-3."""
    currency = town.city.contract("LocalCurrency")
    before = currency.balanceOf(currency.treasury())
    words = ("--amount", "₩5,000", "--bank", "011", "--reference", "R1", "--yes")
    run(issue, "main", *words)
    assert "The gateway signs with the key issuer too" in capsys.readouterr().out
    ends(1, issue, "main", *words)
    assert "issued before" in " ".join(capsys.readouterr().err.split())
    assert currency.balanceOf(currency.treasury()) == before + 5_000


def test_over_the_allowance_is_refused_in_words(town: Town, unchanged, capsys):
    words = ("--amount", "99000000000", "--bank", "011", "--reference", "R2", "--yes")
    ends(1, issue, "main", *words)
    assert "IssuerAllowanceExceeded" in capsys.readouterr().err


def test_the_refund_float_is_brought_to_what_the_city_says_and_no_further(town: Town, capsys):
    """F-4: cities/dongbaek.toml says ₩5,000,000."""
    currency, settlement = town.city.contract("LocalCurrency"), town.city.contract("Settlement")
    treasury = currency.balanceOf(currency.treasury())
    run(refund_float, "fund", "--amount", "1000000", "--yes")
    assert settlement.floatLeft() == 1_000_000
    run(refund_float, "fund", "--yes")
    run(refund_float, "fund", "--yes")
    assert settlement.floatLeft() == currency.balanceOf(settlement.address) == 5_000_000
    assert currency.balanceOf(currency.treasury()) == treasury - 5_000_000
    run(refund_float, "withdraw", "--yes")
    assert settlement.floatLeft() == 5_000_000
    run(refund_float, "withdraw", "--amount", "5000000", "--yes")
    assert (settlement.floatLeft(), currency.balanceOf(currency.treasury())) == (0, treasury)
    capsys.readouterr()
    run(refund_float, "main")
    assert "₩5,000,000" in capsys.readouterr().out


def test_a_float_that_nobody_can_pay_or_give_is_refused(town: Town, unchanged, capsys):
    ends(1, refund_float, "fund", "--amount", "1000000001", "--yes")
    ends(1, refund_float, "withdraw", "--amount", "1", "--yes")
    ends(1, refund_float, "fund", "--key", "issuer", "--yes")
    said = " ".join(capsys.readouterr().err.split())
    for words in ("the treasury holds ₩1,000,000,000", "the float holds ₩0", "does not hold TREASURER"):
        assert words in said


def test_pause_and_unpause(town: Town):
    """O-9."""
    currency = town.city.contract("LocalCurrency")
    run(pause, "main", "--yes")
    assert currency.paused()
    ends(1, issue, "main", "--amount", "1", "--bank", "011", "--reference", "R3", "--yes")
    run(pause, "unpause", "--yes")
    assert not currency.paused()


def test_a_key_without_the_role_is_refused(town: Town, unchanged):
    ends(1, pause, "main", "--key", "issuer", "--yes")


def test_sweep_returns_everything_of_an_expired_programme(town: Town):
    """M-6."""
    currency = town.city.contract("LocalCurrency")
    before = currency.balanceOf(currency.treasury())
    run(programme, "main", *programme_words("to sweep"), "--yes")
    number = town.city.contract("Programmes").programmeCount()
    ends(1, sweep, "main", "--programme", str(number), "--yes")
    run(programme, "close", "--programme", str(number), "--yes")
    wait(1)
    run(sweep, "main", "--yes")
    assert currency.balanceOf(currency.treasury()) == before


def test_a_programme_that_was_created_and_not_funded_is_funded(town: Town, monkeypatch):
    class Killed(BaseException):
        pass

    send = chain.mined

    def killing(*arguments):
        send(*arguments)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(chain, "mined", killing)
        with pytest.raises(Killed):
            run(programme, "main", *programme_words("cut off"), "--yes")
    run(programme, "main", *programme_words("cut off"), "--yes")
    programmes = town.city.contract("Programmes")
    assert programmes.programmeCount() == 1
    assert programmes.totalsOf(1)[1]["budgetLeft"] == 10_000_000


def test_more_than_the_treasury_holds_is_refused(town: Town, unchanged):
    words = [word if word != "10000000" else "9999999999999" for word in programme_words("too dear")]
    ends(1, programme, "main", *words, "--yes")


def test_cashback_is_opened_and_closed(town: Town):
    """K-1: the city file's terms."""
    days = ("--first-day", "2026-01-01", "--last-day", "2099-12-31")
    words = ("--label", "Chuseok", *days, "--budget", "100000000", "--yes")
    run(cashback, "main", *words)
    run(cashback, "main", *words)
    contract = town.city.contract("Cashback")
    assert contract.campaignCount() == contract.activeCampaign() == 1
    assert tuple(contract.termsOf(1)["bandRates"]) == (1000, 800, 0, 0)
    assert contract.totalsOf(1)[1]["budgetLeft"] == 100_000_000
    run(cashback, "close", "--campaign", "1", "--yes")
    assert contract.activeCampaign() == 0


def number(first_nine: str) -> str:
    return first_nine + business_number_check_digit(first_nine)


def test_merchants_are_registered_and_mistakes_told_by_line(town: Town, capsys):
    """C-6: category by MCC, band by sales."""
    wallets = [Account.create().address for _ in range(4)]
    good, other = number("116820027"), number("120810012")
    wrong = other[:9] + str((int(other[9]) + 1) % 10)
    lines = [
        "business_number,wallet,mcc,district,yearly_sales",
        f"{good},{wallets[0]},5812,3,900000000",
        f"{wrong},{wallets[1]},5812,3,1",
        f"{other},{wallets[2]},5912,4,2000000000",
        f"{good},{wallets[3]},5812,3,1",
        f"{number('220811625')},{wallets[3]},58,3,1",
        f"{number('220811625')},{wallets[3]},5812,200,1",
        f"{number('220811625')},0x00,5812,3,1",
    ]
    file = town.csv("\n".join(lines), "cp949", "shops.csv")
    run(merchants, "main", "--file", file, "--yes")
    participants = town.city.contract("Participants")
    assert participants.merchantCount() == 2
    found = [participants.merchant(shop) >> 168 for shop in (1, 2)]
    assert [(p & 0xFF, p >> 8 & 0xFF, p >> 16 & 0xFF) for p in found] == [(3, 1, 0), (4, 8, 1)]
    with Path(f"{file}.ids.csv").open(encoding="utf-8-sig") as ids:
        assert list(csv.reader(ids))[1:] == [[good, "1"], [other, "2"]]
    printed = " ".join(capsys.readouterr().out.split())
    for words in ("as line 2", "an MCC is four digits", "no district", "not an address"):
        assert words in printed
    run(merchants, "main", "--file", file, "--yes")
    assert participants.merchantCount() == 2


def test_granting_a_role_is_announced_and_done_after_the_delay(town: Town):
    account = Account.create().address
    words = ("--role", "gateway", "--account", account, "--yes")
    ends(3, roles, "grant", *words)
    ends(3, roles, "grant", *words)
    assert account not in holders(town.city)[Role.GATEWAY]
    wait(86_400)
    run(roles, "grant", *words)
    assert holders(town.city)[Role.GATEWAY][account] == 0


def test_caps_reach_the_chain_from_the_citys_file_after_the_delay(town: Town, monkeypatch, tmp_path, capsys):
    """O-4 to O-6."""
    currency = town.city.contract("LocalCurrency")
    run(caps, "change", "--yes")
    assert tuple(currency.caps()) == (1_500_000, 500_000, 500_000)
    file = (ROOT / "cities" / "dongbaek.toml").read_text(encoding="utf-8")
    changed = file.replace("holding_won = 1_500_000", "holding_won = 1_400_000")
    (tmp_path / "dongbaek.toml").write_text(changed, encoding="utf-8")
    monkeypatch.setenv("CAMELLIA_CITIES", str(tmp_path))
    capsys.readouterr()
    run(caps, "main")
    assert "₩1,500,000 on chain, ₩1,400,000 by the city's file" in capsys.readouterr().out
    ends(1, caps, "change", "--key", "issuer", "--yes")
    ends(3, caps, "change", "--yes")
    ends(3, caps, "change", "--yes")
    assert currency.caps()[0] == 1_500_000
    wait(86_400)
    run(caps, "change", "--yes")
    assert tuple(currency.caps()) == (1_400_000, 500_000, 500_000)


def test_the_last_admin_stays(town: Town, unchanged):
    ends(1, roles, "revoke", "--role", "admin", "--account", town.city.keys.address("admin"), "--yes")


def test_only_admin_grants(town: Town, unchanged):
    account = Account.create().address
    ends(1, roles, "grant", "--role", "gateway", "--account", account, "--key", "issuer", "--yes")


def test_a_chain_without_a_record_is_refused(town: Town, unchanged, monkeypatch, tmp_path):
    monkeypatch.setenv("CAMELLIA_DEPLOYMENTS", str(tmp_path))
    for script in (pause, sweep, roles):
        ends(1, script, "main", "--yes")


def test_an_argument_that_is_wrong_is_refused(town: Town, unchanged):
    ends(1, pause, "main", "--frobnicate")
    ends(1, issue, "main", "--amount", "1.5", "--bank", "032", "--reference", "x", "--yes")
    ends(1, issue, "main", "--amount", "1", "--bank", "32", "--reference", "x", "--yes")


def test_keys_are_made_once_and_are_the_owners_alone(tmp_path, monkeypatch):
    monkeypatch.delenv("CAMELLIA_KEYS_PASSPHRASE_FILE", raising=False)
    keys = Keyring(tmp_path / "keys", tmp_path / "keys" / "passphrase")
    names = {*NAMES, *further_keys()}
    assert set(keys.create_missing(FAST)) == names
    assert keys.create_missing(FAST) == []
    assert len({keys.address(name) for name in names}) == len(names)
    for path in keys.folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    address = keys.address("issuer")
    assert keys.account("issuer").address == address
    keys.passphrase_file.chmod(0o644)
    with pytest.raises(Refusal, match="others"):
        Keyring(keys.folder, keys.passphrase_file).account("admin")
