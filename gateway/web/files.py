"""What `gateway/pages` holds, as browsers are given it: compressed once, cached for ever under its version.

The version is a hash of all files, and part of every address: what has another content has another address,
so a browser never has to ask again (H-5). No build step: the files are the sources.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Final

FOLDER: Final = Path(__file__).resolve().parents[1] / "pages"
PREFIX: Final = "/pages"

_TYPES: Final = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}
_IMPORT = re.compile(
    r"""^\s*(?:import|export)\b[^'"`;]*?(?:from\s*)?['"](\.{1,2}/[^'"]+)['"]""", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Asset:
    """A file: its bytes, plain and in gzip."""

    media_type: str
    plain: bytes
    packed: bytes


@dataclass(frozen=True)
class Pages:
    """All files of a folder, by their path in it."""

    folder: Path = FOLDER
    assets: dict[str, Asset] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        for path in sorted(self.folder.rglob("*")):
            if path.is_file() and path.suffix in _TYPES:
                plain = path.read_bytes()
                asset = Asset(_TYPES[path.suffix], plain, gzip.compress(plain, 9, mtime=0))
                self.assets[path.relative_to(self.folder).as_posix()] = asset

    @cached_property
    def version(self) -> str:
        """Changes with any of the files."""
        digest = hashlib.sha256()
        for name, asset in sorted(self.assets.items()):
            digest.update(f"{name}\0{len(asset.plain)}\0".encode() + asset.plain)
        return digest.hexdigest()[:16]

    def address(self, name: str) -> str:
        """Where a browser finds a file."""
        return f"{PREFIX}/{self.version}/{name}"

    def modules_of(self, name: str) -> list[str]:
        """A module and all that it imports at once (not what it loads later), so that a browser can fetch
        them side by side. Raises KeyError for an import of a file that is not there."""
        found: dict[str, None] = {}
        waiting = [name]
        while waiting:
            module = waiting.pop(0)
            if module in found:
                continue
            found[module] = None
            for target in _IMPORT.findall(self.assets[module].plain.decode()):
                waiting.append(_joined(PurePosixPath(module).parent, target))
        return list(found)


def _joined(folder: PurePosixPath, target: str) -> str:
    parts = list(folder.parts)
    for part in target.split("/"):
        if part == "..":
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)
