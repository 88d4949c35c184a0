"""What all schemas are made of: kinds of fields, requests, times."""

from __future__ import annotations

import unicodedata
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
)
from pydantic.fields import FieldInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from gateway.domain.business_days import KST
from gateway.rails.qr import customer_presented, merchant_presented

Won = Annotated[int, Field(ge=0, lt=2**63, strict=True, examples=[22_160], description="Whole won.")]
PaymentWon = Annotated[int, Field(ge=0, lt=2**32, strict=True, examples=[22_160], description="Whole won.")]
Pin = Annotated[str, Field(pattern=r"^[0-9]{6}$", examples=["271828"], description="The payment PIN.")]
Device = Annotated[
    str,
    Field(
        min_length=16, max_length=128, pattern=r"^[\x21-\x7e]+$", examples=["0b9f2a6e-7f0d-4c55-9d0e-1f6a"]
    ),
]


Address = Annotated[
    str,
    Field(
        pattern=r"^0x[0-9a-fA-F]{40}$",
        description="A wallet's address, 20 bytes as hex.",
        examples=["0x7e5f4552091a69125d5dfcb7b8c2659029395bdf"],
    ),
]
SignatureHex = Annotated[
    str,
    Field(
        pattern=r"^0x(?:[0-9a-fA-F]{128}|[0-9a-fA-F]{130})$",
        description="An EIP-712 signature: 65 bytes r ‖ s ‖ v, or 64 bytes r ‖ vs (EIP-2098), as hex.",
        examples=["0x" + "11" * 64],
    ),
]


def _composed(value: Any) -> Any:
    """Korean that came letter by letter (NFD, from a Mac) in syllables, as codes and banks count it."""
    return unicodedata.normalize("NFC", value) if isinstance(value, str) else value


def _printable(value: str) -> str:
    if not value.isprintable() or not value.strip():
        raise ValueError("printable characters only, and not blank")
    return value


# What a QR code or a bank's file could not carry is refused when it is given, not when money is to move.
COMPOSED = BeforeValidator(_composed)
PRINTABLE = AfterValidator(_printable)

_SHOWN = merchant_presented.MerchantQr(
    municipality="dongbaek", merchant=1, mcc="5812", name="DONGBAEK DINER", city="BUSAN"
)
MerchantQrText = Annotated[
    str,
    Field(
        min_length=1,
        max_length=512,
        description="EMVCo Merchant-Presented Mode, as scanned.",
        examples=[merchant_presented.build(_SHOWN)],
    ),
]
_PASS = customer_presented.CustomerQr(municipality="dongbaek", token=bytes(16))
CustomerQrText = Annotated[
    str,
    Field(
        min_length=1,
        max_length=512,
        description="EMVCo Consumer-Presented Mode, as scanned.",
        examples=[customer_presented.build(_PASS)],
    ),
]


class Body(BaseModel):
    """A request: nothing in it goes unread. Its example is made of its fields' examples."""

    model_config = ConfigDict(extra="forbid")

    @classmethod
    def example(cls) -> dict[str, Any]:
        """What a client would send. Raises ValueError for a needed field that has no example."""
        return {
            name: _example_of(name, field)
            for name, field in cls.model_fields.items()
            if field.is_required() or field.examples
        }

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = handler(core)
        handler.resolve_ref_schema(schema)["examples"] = [cls.example()]
        return schema


def _example_of(name: str, field: FieldInfo) -> Any:
    if field.examples:
        return field.examples[0]
    if get_origin(field.annotation) is Literal:
        return get_args(field.annotation)[0]
    if isinstance(field.annotation, type) and issubclass(field.annotation, Body):
        return field.annotation.example()
    raise ValueError(f"{name} has no example")


def rfc3339(seconds: int) -> datetime:
    """A moment as the API says it."""
    return datetime.fromtimestamp(seconds, KST)


@lru_cache(maxsize=4096)
def rfc3339_text(seconds: int) -> str:
    """The same as JSON has it; whoever pays in the same second shares the text."""
    return rfc3339(seconds).isoformat()


def rfc3339_or_none(seconds: int | None) -> datetime | None:
    """The same of a moment that may not have come."""
    return None if seconds is None else rfc3339(seconds)
