"""Writes `deployments/storage/<contract>.json`: where each upgradeable contract keeps what it knows.

An implementation may be replaced only by one that finds everything where the last one left it. The files
are what the next implementation is held against: variables may be added where nothing is yet, nothing
that is there may move, change its type or vanish. ``--check`` writes nothing and fails if a layout broke
that rule, or if it grew and the file does not say so yet. Without it the files are written, unless a
layout broke the rule: ``--replace`` writes those too, and is right only while no city runs the contract.

Namespaced storage (ERC-7201) is not in the compiler's layout; its structs are read from the syntax tree,
their members in order.
"""

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import solcx
import yaml  # type: ignore[import-untyped]
from export_abi import wanted
from run_brownie import HOME, sources_digest
from tree import ROOT, report

STORAGE = ROOT / "deployments" / "storage"
CACHE = HOME / "storage-layout.json"
NAMESPACE = "@custom:storage-location "

Layout = dict[str, Any]


def upgradeable() -> dict[str, str]:
    """Returns the source paths of the contracts that cities deploy behind proxies, by name."""
    found = {}
    for text in wanted().values():
        build = json.loads(text)
        if any(entry.get("name") == "upgradeToAndCall" for entry in build["abi"]):
            found[build["contract"]] = build["source"]
    return found


def compiled(paths: list[str]) -> dict[str, Any]:
    """Returns solc's layouts and syntax trees of these sources, by brownie's own settings."""
    os.environ.setdefault("SOLCX_BINARY_PATH", str(ROOT / ".solcx"))
    settings = yaml.safe_load((ROOT / "brownie-config.yaml").read_text())["compiler"]
    asked = {
        "language": "Solidity",
        "sources": {path: {"content": (ROOT / path).read_text()} for path in paths},
        "settings": {
            "evmVersion": settings["evm_version"],
            "remappings": settings["solc"]["remappings"],
            "outputSelection": {"*": {"*": ["storageLayout"], "": ["ast"]}},
        },
    }
    os.chdir(ROOT)  # the compiler reads imports from here
    made: dict[str, Any] = solcx.compile_standard(
        asked, allow_paths=str(ROOT), solc_version=settings["solc"]["version"]
    )
    return made


def layouts() -> dict[str, Layout]:
    """Returns the layout of each upgradeable contract; compiles only when the sources have changed."""
    digest = sources_digest() + hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
    if CACHE.exists():
        cached = json.loads(CACHE.read_text())
        if cached["digest"] == digest:
            return dict(cached["layouts"])
    sources = upgradeable()
    made = compiled(sorted(sources.values()))
    nodes = {node["id"]: node for tree in made["sources"].values() for node in tree["ast"]["nodes"]}
    found = {
        name: {
            "contract": name,
            **variables(made["contracts"][path][name]["storageLayout"]),
            "namespaces": namespaces(name, nodes),
        }
        for name, path in sources.items()
    }
    written = CACHE.with_suffix(f".{os.getpid()}")
    written.write_text(json.dumps({"digest": digest, "layouts": found}))
    written.replace(CACHE)  # never half a file for a parallel run
    return found


def variables(layout: dict[str, Any]) -> Layout:
    """Returns a compiler's layout without the numbers that change with every compilation."""
    types = layout["types"] or {}

    def entry(variable: dict[str, Any]) -> Layout:
        type_ = types[variable["type"]]
        return {
            "label": variable["label"],
            "slot": int(variable["slot"]),
            "offset": variable["offset"],
            "bytes": int(type_["numberOfBytes"]),
            "type": type_["label"],
        }

    structs = {
        type_["label"]: [entry(member) for member in type_["members"]]
        for type_ in types.values()
        if "members" in type_
    }
    return {
        "storage": [entry(variable) for variable in layout["storage"]],
        "structs": dict(sorted(structs.items())),
    }


def namespaces(contract: str, nodes: dict[int, dict[str, Any]]) -> dict[str, list[Layout]]:
    """Returns the members of each ERC-7201 struct that a contract or one of its ancestors declares."""
    (own,) = [node for node in nodes.values() if node.get("name") == contract]
    found = {}
    for ancestor in own["linearizedBaseContracts"]:
        for node in nodes[ancestor]["nodes"]:
            text = (node.get("documentation") or {}).get("text", "")
            if node["nodeType"] == "StructDefinition" and NAMESPACE in text:
                found[text.split(NAMESPACE)[1].split()[0]] = [
                    {"label": member["name"], "type": member["typeDescriptions"]["typeString"]}
                    for member in node["members"]
                ]
    return dict(sorted(found.items()))


def broken(old: Layout, new: Layout) -> Iterator[str]:
    """Yields what stood in a layout and does not stand there any more."""
    for entry in old["storage"]:
        yield from _missing(entry, new["storage"], "")
    for struct, members in old["structs"].items():
        now = new["structs"].get(struct)
        if now is not None and len(now) != len(members):
            yield f"{struct} has {len(now)} members, not {len(members)}: what lies behind it may move"
        elif now is not None:  # a struct that is gone shows in the variables that held it
            for entry in members:
                yield from _missing(entry, now, f"{struct}: ")
    for namespace, members in old["namespaces"].items():
        if new["namespaces"].get(namespace, [])[: len(members)] != members:
            yield f"{namespace}: its members are not what they were, in their order"


def _missing(entry: Layout, among: list[Layout], where: str) -> Iterator[str]:
    if entry in among:
        return
    label = entry["label"]
    now = next((_place(other) for other in among if other["label"] == label), "not there any more")
    yield f"{where}{label}: was {_place(entry)}, is {now}"


def _place(entry: Layout) -> str:
    return f"{entry['type']} at slot {entry['slot']}, byte {entry['offset']}"


def text_of(layout: Layout) -> str:
    """Returns the text of one file."""
    return json.dumps(layout, indent=2) + "\n"


def main() -> int:
    """Writes or checks the files and returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing, fail if a file is stale")
    parser.add_argument("--replace", action="store_true", help="give up the old layouts: no city has them")
    options = parser.parse_args()
    found = layouts()
    files = {STORAGE / f"{name}.json": layout for name, layout in found.items()}
    stored = {path: json.loads(path.read_text()) for path in STORAGE.glob("*.json")}
    problems = [
        f"{path.relative_to(ROOT)}: {problem}"
        for path, old in sorted(stored.items())
        for problem in (broken(old, files[path]) if path in files else ["the contract is gone"])
    ]
    if problems and not options.replace:
        problems.append("An upgrade to this would read other storage than the city wrote. Put it back.")
        return report(problems, "")
    stale = [path for path, layout in files.items() if path not in stored or stored[path] != layout]
    if options.check:
        grown = [f"{path.relative_to(ROOT)} is stale: run `make abi`" for path in stale]
        return report(grown, f"storage: {len(files)} layouts are where they were")
    STORAGE.mkdir(parents=True, exist_ok=True)
    for path in stale:
        path.write_text(text_of(files[path]))
    for path in stored.keys() - files.keys():
        path.unlink()
    print(f"storage: {len(files)} layouts, {len(stale)} written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
