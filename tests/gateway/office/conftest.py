"""A running city, shared by the tests of the session, and people of its office."""

from __future__ import annotations

import pytest

from tests.gateway.office.people import Office
from tests.gateway.world import World, shared_world


@pytest.fixture(scope="session")
def city(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> World:
    """Everything that `camellia up` starts."""
    return shared_world(request, tmp_path_factory.mktemp("city"))


@pytest.fixture(scope="module")  # not longer: other tests move the clock on, and sessions end
def office(city: World) -> Office:
    """A viewer, two officers, two treasurers, signed in."""
    return Office.staffed(city)
