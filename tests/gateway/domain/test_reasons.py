"""The vocabulary of refusal (R), held against the table of SPECIFICATION.md itself."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.reasons import WORDS, Reason, Refused, first_reason

SPECIFICATION = Path(__file__).parents[3] / "SPECIFICATION.md"


def test_the_codes_are_those_of_the_specification():
    rows = re.findall(r"^\| (\d+) \| ([A-Z_]+) \|", SPECIFICATION.read_text(), re.MULTILINE)
    assert [(int(code), name) for code, name in rows] == [(r.value, r.name) for r in Reason]


@given(st.lists(st.sampled_from(Reason)))
def test_the_first_of_the_list_is_given(holding):
    given_reason = first_reason(iter(holding))
    refusals = set(holding) - {Reason.ACCEPTED}
    assert given_reason in (refusals or {Reason.ACCEPTED})
    assert all(given_reason <= reason for reason in refusals)


def test_duplicate_goes_before_insufficient_funds():
    assert first_reason([Reason.INSUFFICIENT_FUNDS, Reason.DUPLICATE]) is Reason.DUPLICATE


def test_r2_a_nonce_is_used_up_once_the_order_is_authentic():
    kept = {reason for reason in Reason if not reason.uses_nonce}
    assert kept == {
        Reason.PAUSED,
        Reason.DUPLICATE,
        Reason.EXPIRED_ORDER,
        Reason.BAD_SIGNATURE,
        Reason.UNKNOWN_CITIZEN,
    }


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_words_in_both_languages(reason):
    english, korean = reason.words("en"), reason.words("ko")
    assert 5 <= len(english) <= 160 and english.replace("₩", "").isascii()
    assert re.search("[가-힣]", korean) and len(korean) <= 100
    # Never the reader's fault.
    assert not re.search(r"\b(wrong|invalid|illegal|error|fail\w*|your fault|you must)\b", english)
    assert not re.search("잘못|오류|실패|불가|위반", korean)


def test_every_reason_has_words_of_its_own():
    assert set(WORDS) == set(Reason)
    assert len({reason.words("en") for reason in Reason}) == len(Reason)
    assert len({reason.words("ko") for reason in Reason}) == len(Reason)


def test_a_refusal_carries_its_reason():
    refusal = Refused(Reason.INSUFFICIENT_FUNDS, usable_won=300)
    assert (refusal.reason, refusal.usable_won) == (Reason.INSUFFICIENT_FUNDS, 300)
    assert str(refusal) == "INSUFFICIENT_FUNDS"
    with pytest.raises(ValueError, match="no reason"):
        Refused(Reason.ACCEPTED)
