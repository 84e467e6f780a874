"""The demo shop: a few pages with the tracker on them, for whoever wants to see an offer come."""

from __future__ import annotations

from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import RedirectResponse
from starlette.routing import Route

from shoal.web.served_file import ServedFile

DEMO_PATH = "/demo/"

PAGES = {
    DEMO_PATH: "home.html",
    "/demo/product": "product.html",
    "/demo/cart": "cart.html",
    "/demo/checkout": "checkout.html",
    "/demo/pricing": "pricing.html",
}
FILES = {
    "/demo/shop.js": "text/javascript; charset=utf-8",
    "/demo/shop.css": "text/css; charset=utf-8",
    "/demo/art.svg": "image/svg+xml",
    "/demo/icon.svg": "image/svg+xml",
}
DEMO_PATHS = ("/demo", *PAGES, *FILES)

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)
_HEADERS = {
    "cache-control": "no-cache",  # asked for again each time, and answered 304
    "content-security-policy": _POLICY,
    "referrer-policy": "same-origin",
}


def shop_triggers() -> str:
    """The triggers of the shop, as a file of definitions."""
    return resources.files("shoal.web").joinpath("demo_shop", "triggers.yaml").read_text("utf-8")


def demo_routes(write_key: str, *, wait_s: int) -> list[Route]:
    """The pages of the shop, which send with this key. `wait_s` is what visitors are told to wait for an offer."""
    environment = Environment(
        loader=PackageLoader("shoal.web", "demo_shop"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    routes = [Route("/demo", lambda _: RedirectResponse(DEMO_PATH))]
    for path, name in PAGES.items():
        page = environment.get_template(name).render(write_key=write_key, wait_s=wait_s)
        routes.append(Route(path, ServedFile(page.encode(), "text/html; charset=utf-8", _HEADERS).answer))
    folder = resources.files("shoal.web").joinpath("demo_shop")
    for path, media_type in FILES.items():
        content = folder.joinpath(path.rpartition("/")[2]).read_bytes()
        routes.append(Route(path, ServedFile(content, media_type, _HEADERS).answer))
    return routes
