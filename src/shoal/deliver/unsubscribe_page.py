"""The page behind the links of e-mails: looking at it changes nothing; its button, or a mail program's, refuses.

Programs follow links to look at them, before a person does or instead; so only POST refuses (RFC 8058, section 3).
"""

from __future__ import annotations

import base64
import hashlib
import html
import logging
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from shoal.deliver.unsubscribe import PATH, Refusal, read_token
from shoal.errors import NotFound, StoreError

RETRY_AFTER_SECONDS = 30

Keep = Callable[[Refusal], Awaitable[None]]
"""Makes a refusal last. Raises StoreError when it does not."""

_STYLE = """
body { margin: 0; min-height: 100vh; display: grid; place-items: center; color: #1d2530; background: #f4f6f8;
  font: 1.05rem/1.5 system-ui, sans-serif; }
main { max-width: 26rem; margin: 1rem; padding: 2rem; border-radius: .75rem; background: #fff;
  box-shadow: 0 1px 3px #0002; }
h1 { margin: 0 0 .5rem; font-size: 1.35rem; }
p { margin: 0 0 1.25rem; }
p:last-child { margin: 0; }
form { margin: 1rem 0 0; }
button { padding: .6rem 1.2rem; border: 0; border-radius: .5rem; color: #fff; background: #1d5bd6; font: inherit;
  cursor: pointer; }
button:focus-visible { outline: 3px solid #8fb4ff; outline-offset: 2px; }
@media (prefers-color-scheme: dark) {
  body { color: #e6eaf0; background: #11161d; }
  main { background: #1a212b; }
}
"""

_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

HEADERS = {
    "content-security-policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; frame-ancestors 'none'; "
        "base-uri 'none'"
    ),
    "referrer-policy": "no-referrer",  # the address is as good as a key
    "cache-control": "no-store",
    "x-robots-tag": "noindex",
    "x-content-type-options": "nosniff",
}

_LOG = logging.getLogger(__name__)


class UnsubscribePage:
    """Answers the links of one workspace, whose name it shows."""

    def __init__(self, key: bytes, name: str, keep: Keep) -> None:
        self._key, self._name, self._keep = key, name, keep

    @property
    def route(self) -> Route:
        return Route(f"{PATH}/{{token}}", self.answer, methods=["GET", "POST"])

    async def answer(self, request: Request) -> Response:
        """The page; for POST, once the refusal lasts."""
        try:
            refusal = read_token(self._key, request.path_params["token"])
        except NotFound:
            return self._page(404, "This link does not work", "Please open the whole link from the e-mail.")
        if request.method != "POST":
            return self._page(200, f"No more e-mails from {self._name}?", "", button="Unsubscribe")
        try:
            await self._keep(refusal)
        except StoreError as error:
            _LOG.warning("a refusal of e-mail could not be kept: %s", error.message)
            headers = {"retry-after": str(RETRY_AFTER_SECONDS)}
            return self._page(503, "That did not work", "Please try again in a minute.", headers=headers)
        return self._page(200, "Done", f"You will get no more e-mails like this one from {self._name}.")

    def _page(
        self, status: int, heading: str, text: str, *, button: str = "", headers: dict[str, str] | None = None
    ) -> Response:
        said = f"<p>{html.escape(text)}</p>" if text else ""
        asked = f'<form method="post"><button>{html.escape(button)}</button></form>' if button else ""
        title = html.escape(heading)
        page = (
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<style>{_STYLE}</style></head><body><main><h1>{title}</h1>{said}{asked}</main></body></html>"
        )
        return HTMLResponse(page, status, headers=HEADERS | (headers or {}))
