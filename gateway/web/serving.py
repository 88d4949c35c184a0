"""Routes of the pages: each application's first page, its files, and what makes the wallet installable."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from jinja2 import Environment, PackageLoader, select_autoescape
from starlette.responses import RedirectResponse

from gateway.api import access
from gateway.domain.reasons import Language
from gateway.flow.errors import NotFound
from gateway.flow.municipality import Municipality
from gateway.web.files import PREFIX, Pages

router = APIRouter(include_in_schema=False)

_YEAR: Final = "public, max-age=31536000, immutable"
_LANGUAGE_COOKIE: Final = "camellia-language"
# H-6. No inline script or style, nothing of another origin; text can become markup through one policy only,
# which makes nothing but the service worker's address.
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; font-src 'self'; manifest-src 'self'; worker-src 'self'; "
    "media-src 'self' blob:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
    "trusted-types camellia"
)
_templates = Environment(loader=PackageLoader("gateway.web", "templates"), autoescape=select_autoescape())


@dataclass(frozen=True, slots=True)
class App:
    """One application. `role`: whose session its requests use. `permissions`: of the browser."""

    name: str
    role: str
    title_ko: str
    title_en: str
    camera: bool = False
    installable: bool = False


APPS: Final = {
    app.name: app
    for app in (
        App("wallet", "citizen", "지갑", "Wallet", camera=True, installable=True),
        App("merchant", "merchant", "가맹점", "Merchant", camera=True, installable=True),
        App("city", "city", "시 업무", "City office"),
        App("public", "public", "공개", "Public", camera=True),
    )
}
"""By the part of the address that names them; docs/pages.md tells how to add one."""

PAGES: Final = Pages()


@router.get("/{currency}/{app}")
async def without_slash(currency: str, app: str) -> RedirectResponse:
    """Typed by hand, or from a poster."""
    if app not in APPS:
        raise NotFound("No such page.")
    return RedirectResponse(f"/{currency}/{app}/", 308)


@router.get("/{currency}/{app}/")
async def first_page(request: Request, city: access.City, app: str) -> Response:
    """The one document of an application."""
    found = _app(app)
    language = language_of(request, city)
    text = _templates.get_template("app.html").render(
        app=found,
        title=found.title_ko if language == "ko" else found.title_en,
        brand=city.city.brand,
        name=getattr(city.city.brand.name, language),
        currency=city.code,
        language=language,
        root=PAGES.address("")[:-1],
        modules=[PAGES.address(name) for name in PAGES.modules_of(f"{app}/app.js")],
        messages=[PAGES.address(f"{part}/messages/{language}.json") for part in ("shared", app)],
        styles=[
            PAGES.address(name) for name in ("shared/style.css", f"{app}/style.css") if name in PAGES.assets
        ],
    )
    return Response(
        text,
        media_type="text/html; charset=utf-8",
        headers={
            "content-security-policy": _POLICY,
            "cache-control": "no-cache",
            "vary": "Cookie, Accept-Language",
            "permissions-policy": f"camera=({'self' if found.camera else ''}), geolocation=(), microphone=()",
            "cross-origin-opener-policy": "same-origin",
        },
    )


@router.get("/{currency}/{app}/manifest.webmanifest")
async def manifest(request: Request, city: access.City, app: str) -> Response:
    """What a phone needs to put the application among its own."""
    found = _app(app)
    language = language_of(request, city)
    name = getattr(city.city.brand.name, language)
    title = found.title_ko if language == "ko" else found.title_en
    told: dict[str, Any] = {
        "id": f"/{city.code}/{app}/",
        "start_url": f"/{city.code}/{app}/",
        "scope": f"/{city.code}/{app}/",
        "name": f"{name} {title}",
        "short_name": name,
        "lang": language,
        "display": "standalone",
        "background_color": "#ffffff",
        "theme_color": city.city.brand.colour,
        "icons": [
            {"src": PAGES.address("shared/icon-512.png"), "sizes": "512x512", "type": "image/png"},
            {"src": PAGES.address("shared/icon-192.png"), "sizes": "192x192", "type": "image/png"},
        ],
    }
    return Response(
        json.dumps(told, ensure_ascii=False),
        media_type="application/manifest+json",
        headers={"cache-control": "no-cache", "vary": "Cookie, Accept-Language"},
    )


@router.get("/{currency}/{app}/worker.js")
async def worker(city: access.City, app: str) -> Response:
    """The service worker: at the application's own address, because that is what it may serve."""
    if not _app(app).installable:
        raise NotFound("No such page.")
    asset = PAGES.assets["shared/worker.js"]
    # The first line changes with the files, so that a browser sees that there is a new one.
    text = f'self.VERSION = "{PAGES.version}";\n'.encode() + asset.plain
    policy = "default-src 'none'; connect-src 'self'; script-src 'self'"
    headers = {"cache-control": "no-cache", "content-security-policy": policy}
    return Response(text, media_type=asset.media_type, headers=headers)


@router.get(PREFIX + "/{version}/{name:path}")
async def file(request: Request, version: str, name: str) -> Response:
    """A file of the pages. One of another version is given as it is now, and not kept."""
    asset = PAGES.assets.get(name)
    if asset is None:
        raise NotFound("No such file.")
    headers = {
        "cache-control": _YEAR if version == PAGES.version else "no-store",
        "vary": "Accept-Encoding",
        "cross-origin-resource-policy": "same-origin",
    }
    packed = "gzip" in request.headers.get("accept-encoding", "") and len(asset.packed) < len(asset.plain)
    if packed:
        headers["content-encoding"] = "gzip"
    return Response(asset.packed if packed else asset.plain, media_type=asset.media_type, headers=headers)


def language_of(request: Request, city: Municipality) -> Language:
    """The one that was chosen; else the first of the browser's that the city has; else the city's own."""
    offered = city.city.brand.languages
    asked = [request.cookies.get(_LANGUAGE_COOKIE, "")]
    asked += [part.strip()[:2].lower() for part in request.headers.get("accept-language", "").split(",")]
    return next((language for word in asked for language in offered if language == word), offered[0])


def _app(name: str) -> App:
    if name not in APPS:
        raise NotFound("No such page.")
    return APPS[name]
