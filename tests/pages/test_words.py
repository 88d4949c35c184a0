"""Every word of the pages in both languages, and words for every reason (E6, H-7). Needs no browser."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from gateway.api.problems import REASONS
from gateway.api.schemas import MerchantOut, PaymentOut, PayoutOut, RefundOut
from gateway.api.schemas.people import DepositOut
from gateway.domain.participants import SalesBand
from gateway.domain.programme import Obstacle
from gateway.web.files import FOLDER
from gateway.web.serving import APPS, PAGES
from tests.gateway.world import ROOT

LANGUAGES = ("ko", "en")
USED = re.compile(r"""\b(?:t|has)\(\s*["']([^"']+)["']""")
BUILT = re.compile(r"""\b(?:t|has)\(\s*`([^`$]+)\$\{""")


def messages(part: str, language: str) -> dict[str, str]:
    found: dict[str, str] = json.loads((FOLDER / part / "messages" / f"{language}.json").read_text())
    return found


def sources(part: str) -> str:
    return "\n".join(path.read_text() for path in sorted((FOLDER / part).glob("*.js")))


@pytest.mark.parametrize("part", ["shared", *APPS])
def test_the_same_keys_in_both_languages_and_every_value_in_its_own(part: str) -> None:
    ko, en = (messages(part, language) for language in LANGUAGES)
    assert ko.keys() == en.keys()
    for key in ko:
        assert set(re.findall(r"\{\w+\}", ko[key])) == set(re.findall(r"\{\w+\}", en[key])), key
        assert not re.search(r"[가-힣]", en[key]), key
        assert re.search(r"[가-힣]", ko[key]) or len(ko[key]) <= 6, f"{key} is not Korean"


@pytest.mark.parametrize("app", APPS)
def test_every_key_that_a_page_uses_has_words_and_no_words_are_left_over(app: str) -> None:
    known = messages("shared", "ko").keys() | messages(app, "ko").keys()
    text = sources("shared") + sources(app)
    used = set(USED.findall(text))
    assert used - known == set()
    prefixes = tuple(BUILT.findall(text))
    unused = {key for key in messages(app, "ko") if key not in used and not key.startswith(prefixes)}
    assert {key for key in unused if f'"{key}"' not in text} == set()


def test_every_reason_has_words_that_say_what_to_do(  # E6
) -> None:
    for language in LANGUAGES:
        known = messages("shared", language)
        assert {f"reason.{reason}" for reason in [*REASONS, "OFFLINE"]} <= known.keys()
    blame = re.compile(
        r"\b(you (must|failed|forgot|did not)|your (fault|mistake)|wrong|error|invalid|illegal)\b", re.I
    )
    for key, words in messages("shared", "en").items():
        assert key in ("reason.INTERNAL",) or not blame.search(words), key


def test_every_state_that_the_api_tells_has_words() -> None:
    """What a page says by `t(`state.${…}`)` is there for every value that the API has."""
    values = {
        "state": literals(PaymentOut, "state"),
        "kind": literals(PaymentOut, "kind"),
        "refund": literals(RefundOut, "state"),
        "deposit": literals(DepositOut, "state"),
        "payout": literals(PayoutOut, "state"),
        "shop": literals(MerchantOut, "state") - {"active"},
        "obstacle": set(get_args(Obstacle)),
        "band": {str(int(band)) for band in SalesBand},
    }
    known = {key for part in ("shared", *APPS) for key in messages(part, "ko")}
    missing = {f"{name}.{value}" for name, found in values.items() for value in found} - known
    assert missing == set()


def literals(schema: type[BaseModel], field: str) -> set[str]:
    return set(get_args(schema.model_fields[field].annotation))


def test_vendored_modules_are_the_packages_own() -> None:
    """What is served is byte for byte what the pinned npm package holds."""
    pinned = json.loads((ROOT / "package.json").read_text())["devDependencies"]
    for path in filter(Path.is_file, sorted((FOLDER / "vendor").rglob("*"))):
        name = path.parent.relative_to(FOLDER / "vendor").as_posix()
        assert name in pinned
        (own,) = [
            found
            for folder in ("", "dist")
            if (found := ROOT / "node_modules" / name / folder / path.name).is_file()
        ]
        assert path.read_bytes() == own.read_bytes(), path


@pytest.mark.parametrize("app", APPS)
def test_a_first_visit_is_small(app: str) -> None:
    """E4: ≤ 150 kB compressed in all, the wallet's far less."""
    names = [*PAGES.modules_of(f"{app}/app.js"), "shared/style.css", "shared/icon.svg"]
    names += [f"{part}/messages/ko.json" for part in ("shared", app)]
    assert sum(len(PAGES.assets[name].packed) for name in names) < 60_000


def test_markup_is_never_made_from_text() -> None:
    """H-6: no sink through which text becomes markup or code, in any page of ours."""
    for path in FOLDER.rglob("*.js"):
        if "vendor" in path.parts:
            continue
        sinks = re.findall(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|srcdoc",
            path.read_text(),
        )
        assert not sinks, path
