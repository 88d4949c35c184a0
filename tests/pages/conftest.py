"""Browsers at a running city: one Chromium a module, a person a context."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.gateway.world import World, shared_world
from tests.pages.people import Desk, Person

MISSING = (
    "Chromium is missing: install Debian's chromium and fonts-nanum (make browser), "
    "or name one in CAMELLIA_CHROMIUM"
)


def chromium() -> str:
    """The browser's program. Playwright's own is not used: the system's is kept up to date with it."""
    names = (os.environ.get("CAMELLIA_CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome")
    found = next(filter(None, map(shutil.which, filter(None, names))), None)
    if found is None:
        pytest.fail(MISSING)
    return found


@pytest.fixture(scope="session")
def city(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> World:
    """Everything that `camellia up` starts; the same city as the API's tests have."""
    return shared_world(request, tmp_path_factory.mktemp("city"))


@pytest.fixture(scope="module")  # its event loop is in this thread: other tests need theirs
def launch() -> Iterator[Callable[..., Browser]]:
    """Starts a Chromium with further switches; all end with the module."""
    with sync_playwright() as playwright:

        def start(*switches: str) -> Browser:
            # As root Chromium has no sandbox; what it loads here is our own.
            own = (
                "--no-sandbox",
                "--disable-dev-shm-usage",
                "--force-color-profile=srgb",
            )
            return playwright.chromium.launch(executable_path=chromium(), args=[*own, *switches])

        yield start


@pytest.fixture(scope="module")
def browser(launch: Callable[..., Browser]) -> Browser:
    return launch()


@pytest.fixture
def desk(city: World, browser: Browser, tmp_path: Path) -> Iterator[Desk]:
    """Gives people their browsers, and sees at the end that no page had an error."""
    made = Desk(city, browser, tmp_path)
    yield made
    made.close()


@pytest.fixture
def citizen(desk: Desk) -> Person:
    """Somebody with a phone in Korean, who has not joined."""
    return desk.person("wallet")
