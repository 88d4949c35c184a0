"""A running city, shared by the tests of the session."""

from __future__ import annotations

import pytest

from tests.gateway.world import Citizen, Shop, World, shared_world


@pytest.fixture(scope="session")
def city(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> World:
    """Everything that `camellia up` starts."""
    return shared_world(request, tmp_path_factory.mktemp("city"))


@pytest.fixture(scope="session")
def shop(city: World) -> Shop:
    """A restaurant, sales band 0."""
    return city.shop()


@pytest.fixture
def citizen(city: World) -> Citizen:
    """A citizen with ₩100,000 of own money."""
    made = city.join()
    made.charge(100_000)
    return made
