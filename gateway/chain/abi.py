"""ABIs read once into prepared codecs: functions, events and errors by selector.

Addresses are 20 ``bytes`` here, structs are the frozen dataclasses of `shapes`, so nothing that comes
out of this module needs another look at an ABI.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from eth_abi.decoding import ContextFramesBytesIO, TupleDecoder
from eth_abi.encoding import TupleEncoder
from eth_abi.registry import registry

from gateway.chain.errors import DeploymentError
from gateway.chain.shapes import STRUCTS
from gateway.domain.keccak import keccak256

ABI_FOLDER: Final = Path(__file__).resolve().parents[2] / "deployments" / "abi"

Convert = Callable[[Any], Any]
Entry = Mapping[str, Any]


def canonical(component: Entry) -> str:
    """A component's type as signatures write it: ``(uint40,uint8[4])[]`` for a tuple."""
    kind: str = component["type"]
    if not kind.startswith("tuple"):
        return kind
    inner = ",".join(canonical(part) for part in component["components"])
    return f"({inner}){kind.removeprefix('tuple')}"


class Codec:
    """Values of some ABI components, to bytes and back."""

    def __init__(self, components: Sequence[Entry]) -> None:
        types = [canonical(component) for component in components]
        self.signature = f"({','.join(types)})"
        self.names = tuple(component["name"] for component in components)
        encoders = tuple(registry.get_encoder(kind) for kind in types)
        decoders = tuple(registry.get_decoder(kind) for kind in types)
        self._encode: Convert = TupleEncoder(encoders=encoders)  # type: ignore[no-untyped-call]
        self._decode: Convert = TupleDecoder(decoders=decoders)  # type: ignore[no-untyped-call]
        self._convert = [_converter(component) for component in components]

    def encode(self, values: Sequence[Any]) -> bytes:
        """ABI-encode values; dataclasses stand for structs."""
        encoded: bytes = self._encode([_plain(value) for value in values])
        return encoded

    def decode(self, data: bytes) -> tuple[Any, ...]:
        """Read values; raises eth_abi's DecodingError when `data` is something else."""
        found = self._decode(ContextFramesBytesIO(data))  # type: ignore[no-untyped-call]
        return tuple(
            convert(value) if convert else value for convert, value in zip(self._convert, found, strict=True)
        )


class Function:
    """A contract's function: calldata in, results out."""

    def __init__(self, entry: Entry) -> None:
        self.name: str = entry["name"]
        self._inputs = Codec(entry["inputs"])
        self._outputs = Codec(entry["outputs"])
        self.selector = keccak256((self.name + self._inputs.signature).encode())[:4]

    def calldata(self, *values: Any) -> bytes:
        """The bytes that call the function with `values`."""
        return self.selector + self._inputs.encode(values)

    def results(self, data: bytes) -> tuple[Any, ...]:
        """The values in what the call returned."""
        return self._outputs.decode(data)

    def arguments(self, calldata: bytes) -> tuple[Any, ...]:
        """The values that some calldata of this function carries."""
        return self._inputs.decode(calldata[4:])


class Event:
    """A contract's event: its arguments in the order declared."""

    def __init__(self, contract: str, entry: Entry) -> None:
        self.contract = contract
        self.name: str = entry["name"]
        inputs = entry["inputs"]
        self.topic = keccak256((self.name + Codec(inputs).signature).encode())
        self.names = tuple(component["name"] for component in inputs)
        self._indexed = [_topic_reader(part) if part["indexed"] else None for part in inputs]
        self._data = Codec([part for part in inputs if not part["indexed"]])

    def arguments(self, topics: Sequence[str], data: bytes) -> list[Any]:
        """The arguments of one log, whose topics are hex as JSON-RPC gives them."""
        from_topics = iter(topics[1:])
        from_data = iter(self._data.decode(data))
        return [
            read(bytes.fromhex(next(from_topics)[2:])) if read else next(from_data) for read in self._indexed
        ]


class SolidityError:
    """A custom error: name, and values by name."""

    def __init__(self, entry: Entry) -> None:
        self.name: str = entry["name"]
        self._codec = Codec(entry["inputs"])
        self.selector = keccak256((self.name + self._codec.signature).encode())[:4]

    def values(self, data: bytes) -> dict[str, Any]:
        """The values that a revert carries after the selector."""
        return dict(zip(self._codec.names, self._codec.decode(data), strict=True))


@dataclass(frozen=True)
class Abi:
    """One contract's functions by name, events by topic, errors by selector."""

    contract: str
    functions: Mapping[str, Function]
    events: Mapping[bytes, Event]
    errors: Mapping[bytes, SolidityError]

    def __getitem__(self, name: str) -> Function:
        """A function by name. Raises DeploymentError when the contract has none."""
        try:
            return self.functions[name]
        except KeyError:
            raise DeploymentError(f"the ABI of {self.contract} has no function {name}") from None


def load_abi(contract: str, folder: Path = ABI_FOLDER) -> Abi:
    """Read ``<folder>/<contract>.json`` and prepare its codecs. Raises DeploymentError."""
    path = folder / f"{contract}.json"
    try:
        entries = json.loads(path.read_text())["abi"]
    except (OSError, ValueError, KeyError) as error:
        raise DeploymentError(f"no ABI of {contract} in {folder}: {error}") from error
    functions = [Function(entry) for entry in entries if entry["type"] == "function"]
    events = [Event(contract, entry) for entry in entries if entry["type"] == "event"]
    errors = [SolidityError(entry) for entry in entries if entry["type"] == "error"]
    return Abi(
        contract,
        {function.name: function for function in functions},
        {event.topic: event for event in events},
        {error.selector: error for error in errors},
    )


# --- conversions ------------------------------------------------------------------------------


def _as_tuple(*values: Any) -> tuple[Any, ...]:
    return values


def _address(text: str) -> bytes:
    return bytes.fromhex(text[2:])


def _converter(component: Entry) -> Convert | None:
    """How a decoded value becomes ours; None when it already is."""
    kind: str = component["type"]
    if kind.endswith("]"):
        item = _converter({**component, "type": kind[: kind.rindex("[")]})
        return (lambda values: tuple(map(item, values))) if item else None
    if kind == "address":
        return _address
    if kind != "tuple":
        return None
    parts = [_converter(part) for part in component["components"]]
    make: Callable[..., Any] = STRUCTS.get(component.get("internalType", ""), _as_tuple)
    return lambda values: make(
        *(convert(value) if convert else value for convert, value in zip(parts, values, strict=True))
    )


def _topic_reader(component: Entry) -> Convert:
    """How an indexed argument is read from its 32 bytes; the hash itself for a dynamic type."""
    kind: str = component["type"]
    if kind == "address":
        return lambda word: word[12:]
    if kind.startswith("uint") and not kind.endswith("]"):
        return lambda word: int.from_bytes(word, "big")
    if kind == "bool":
        return lambda word: any(word)
    if kind.startswith("bytes") and kind != "bytes" and not kind.endswith("]"):
        size = int(kind.removeprefix("bytes"))
        return lambda word: word[:size]
    return lambda word: word


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [_plain(getattr(value, field.name)) for field in dataclasses.fields(value)]
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
