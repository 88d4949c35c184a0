"""The vendored schemas are what their note says, and can be compiled by two validators."""

import hashlib
from pathlib import Path

import pytest
import xmlschema
from lxml import etree

import gateway.rails.bank
from gateway.rails.bank.xml import Message

SCHEMAS = Path(gateway.rails.bank.__file__).parent / "schemas"


def test_schemas_are_unchanged() -> None:
    lines = (SCHEMAS / "SHA256SUMS").read_text().splitlines()
    stated = {name: digest for digest, name in (line.split() for line in lines)}
    found = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in SCHEMAS.glob("*.xsd")}
    assert found == stated
    assert sorted(found) == sorted(f"{message}.xsd" for message in Message)


@pytest.mark.parametrize("message", Message)
def test_a_schema_is_of_the_version_it_is_named_after(message: Message) -> None:
    path = SCHEMAS / f"{message}.xsd"
    assert xmlschema.XMLSchema(path).target_namespace == message.namespace
    assert etree.XMLSchema(etree.parse(path)) is not None
    assert b"import" not in path.read_bytes()  # nothing to be fetched
    assert b"include " not in path.read_bytes()
