"""What FastAPI's own description of the routes leaves out or says loosely."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from fastapi import APIRouter, FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from gateway.api import access
from gateway.api.problems import MEDIA_TYPE, Problem, example

_KEY: Final = "Idempotency-Key"
_NOT_JSON: Final = "unsupported-media-type"

Requirement = dict[str, list[str]]


def install(app: FastAPI, routers: Iterable[APIRouter]) -> None:
    """Let `/openapi.json` say who may call each route, what it needs, and what else it may answer."""
    made = app.openapi
    routes = [route for router in routers for route in router.routes if isinstance(route, APIRoute)]

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            described = made()
            for route in routes:
                for method in route.methods or () if route.include_in_schema else ():
                    _complete(route, described["paths"][route.path_format][method.lower()])
        return made()

    app.openapi = openapi  # type: ignore[method-assign]


def _complete(route: APIRoute, operation: dict[str, Any]) -> None:
    if needed := _security(route.dependant):
        operation["security"] = needed
    for parameter in operation.get("parameters", ()):
        if parameter["name"] == _KEY:
            # Read by hand, so that what is missing is told like every other field; it is needed all the same.
            parameter["required"] = True
            parameter["schema"] = {"type": "string", "format": "uuid"}
    if "requestBody" in operation:
        operation["responses"]["415"] = {
            "description": "The body is not application/json",
            "content": {
                MEDIA_TYPE: {
                    "schema": {"$ref": f"#/components/schemas/{Problem.__name__}"},
                    "examples": {_NOT_JSON: {"value": example(_NOT_JSON)}},
                }
            },
        }


def _security(dependant: Dependant) -> list[Requirement]:
    """One object names all that is needed together; several are alternatives."""
    calls = set(_calls(dependant))
    citizen: Requirement = {access.BEARER.scheme_name: [], access.DEVICE.scheme_name: []}
    merchant: Requirement = {access.BEARER.scheme_name: []}
    if access.citizens_only in calls:
        return [citizen]
    if access.merchants_only in calls:
        return [merchant]
    return [citizen, merchant] if access.signed_in in calls else []


def _calls(dependant: Dependant) -> Iterator[Any]:
    for needed in dependant.dependencies:
        yield needed.call
        yield from _calls(needed)
