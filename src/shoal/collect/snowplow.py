"""Rows of Snowplow's event table as events, with the names that shops use for them.

Contexts and self-describing events are JSON in columns whose names carry vendor and version; both are cut off.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from shoal.collect.consents import VERSION_PATH, purpose_of
from shoal.collect.ids import Ids
from shoal.collect.mapping import Mapping
from shoal.collect.message import MessageRejected, Reading
from shoal.collect.rows import Mapped, Rows
from shoal.collect.segment import frame_of_rows
from shoal.collect.source import SourceFile
from shoal.errors import InputError
from shoal.model.consent import Purpose, consent_path
from shoal.model.event import EventKind
from shoal.model.frame import field_column, type_name_of
from shoal.model.time import SECOND, parse_moment
from shoal.model.value import Items, Value, ValueRejected, flatten

HEARTBEAT = 10 * SECOND
"""What a page ping stands for when the mapping says nothing: the tracker's usual interval."""

ACTIONS = {
    "product_view": "Product Viewed",
    "list_view": "Product List Viewed",
    "list_click": "Product Clicked",
    "add_to_cart": "Product Added",
    "remove_from_cart": "Product Removed",
    "checkout_step": "Checkout Step Viewed",
    "transaction": "Order Completed",
    "refund": "Order Refunded",
    "transaction_error": "Payment Failed",
    "promo_view": "Promotion Viewed",
    "promo_click": "Promotion Clicked",
}
"""Actions of a shop. The first step of a checkout is `Checkout Started`."""

NAMES = {
    "link_click": "Link Clicked",
    "submit_form": "Form Submitted",
    "focus_form": "Form Field Focused",
    "change_form": "Form Field Changed",
    "application_error": "Error Shown",
    "site_search": "Products Searched",
    "cmp_visible": "Consent Banner Viewed",
}
"""Other self-describing events; what is not here has its own name: `object_click` is `Object Click`."""

_CONTEXT_FIELDS = {
    "app_id": "context.app.id",
    "platform": "context.platform",
    "domain_sessionid": "context.session_id",
    "geo_country": "context.country",
    "geo_region_name": "context.region",
    "geo_city": "context.city",
    "page_url": "context.page.url",
    "page_urlpath": "context.page.path",
    "page_urlquery": "context.page.search",
    "page_title": "context.page.title",
    "page_referrer": "context.page.referrer",
    "refr_medium": "context.referrer.type",
    "refr_source": "context.referrer.name",
    "mkt_medium": "context.campaign.medium",
    "mkt_source": "context.campaign.source",
    "mkt_term": "context.campaign.term",
    "mkt_content": "context.campaign.content",
    "mkt_campaign": "context.campaign.name",
    "useragent": "context.userAgent",
    "br_lang": "context.locale",
    "dvce_type": "context.device.type",
}
_CONTEXT_NUMBERS = {
    "domain_sessionidx": "context.session_index",
    "dvce_screenwidth": "context.screen.width",
    "dvce_screenheight": "context.screen.height",
}
_OTHERS = (
    *("event_id", "event", "event_name", "user_id", "domain_userid", "network_userid"),
    *("derived_tstamp", "collector_tstamp", "os_timezone", "geo_timezone"),
    *("pp_yoffset_max", "pp_xoffset_max", "br_viewheight", "doc_height"),
    *("se_category", "se_action", "se_label", "se_property", "se_value"),
)
_KNOWN = frozenset((*_CONTEXT_FIELDS, *_CONTEXT_NUMBERS, *_OTHERS))
_NEEDED = ("event_id", "event", "collector_tstamp")

_VERSIONED = re.compile(r"(contexts|unstruct_event)_(?:com|org|io|nl|eu)_(.+?)_\d+(?:_\d+_\d+)?")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

_PRODUCT = {
    "id": "product_id",
    "list_price": "list_price",
    "inventory_status": "inventory_status",
    **{name: name for name in ("name", "category", "price", "brand", "variant", "size", "quantity", "position")},
    "currency": "currency",
}
_TRANSACTION = {
    "transaction_id": "order_id",
    "total_quantity": "quantity",
    "discount_amount": "discount",
    "discount_code": "coupon",
    **{name: name for name in ("revenue", "currency", "shipping", "tax", "payment_method", "credit_order")},
}
_REFUND = {**_TRANSACTION, "refund_amount": "revenue", "refund_reason": "reason"}
_CART = {"cart_id": "cart_id", "total_value": "cart_total", "currency": "currency"}
_NUMBERS = frozenset(
    ("price", "list_price", "quantity", "position", "revenue", "shipping", "tax", "discount", "cart_total", "step")
)
_TRUTHS = {"true": True, "false": False}


def chosen_snowplow_columns(source: SourceFile, header: Sequence[str]) -> list[str]:
    """The columns of an event table that become something. Raises InputError when it is none."""
    missing = [name for name in _NEEDED if name not in header]
    if missing:
        raise InputError(
            f"{source.path} is not a Snowplow event table: it has no {', '.join(missing)}",
            hint="export atomic.events with its header",
        )
    return [name for name in dict.fromkeys(header) if name in _KNOWN or _VERSIONED.fullmatch(name)]


@dataclass(frozen=True, slots=True)
class SnowplowRows:
    """How rows of one file are mapped."""

    mapping: Mapping

    def mapped(self, rows: Rows, _ids: Ids) -> Mapped:
        """The events of rows; an event has the id that the tracker gave it."""
        reading = Reading(self.mapping.consent_categories, self.mapping.consent)
        heartbeat = self.mapping.heartbeat_ms or HEARTBEAT
        failed, events = dict(rows.reasons), []
        for row, cells in enumerate(rows.cells.iter_rows(named=True)):
            if row not in failed:
                try:
                    events.append({"row": row, **row_of_event(cells, reading, heartbeat)})
                except (MessageRejected, ValueRejected) as error:
                    failed[row] = str(error)
        return Mapped(frame_of_rows(events).drop("row"), failed)


def row_of_event(cells: dict[str, str | None], reading: Reading, heartbeat_ms: int) -> dict[str, Any]:
    """The row of a frame of events that a row of the table gives."""
    event = _Event({name: cell for name, cell in cells.items() if cell not in (None, "")})
    kind, name, fields = _activity_of(event, reading, heartbeat_ms)
    collected = event.moment("collector_tstamp")
    occurred = event.moment("derived_tstamp")
    whom = event.cells.get("user_id"), event.anonymous_id
    if whom == (None, None):
        raise MessageRejected("it does not say whom (no user_id, domain_userid or network_userid)")
    if "event_id" not in event.cells:
        raise MessageRejected("it has no event_id")
    if collected is None:
        raise MessageRejected("it does not say when (collector_tstamp)")
    row: dict[str, Any] = {
        "message_id": event.cells["event_id"],
        "kind": kind.value,
        "name": name,
        "occurred_at": collected if occurred is None else occurred,
        "received_at": collected,
        "user_id": whom[0],
        "anonymous_id": whom[1],
        "previous_id": None,
    }
    stated = {consent_path(purpose): granted for purpose, granted in reading.consent.items()}
    for path, value in {**stated, **dict(_context_of(event)), **dict(fields)}.items():
        row[field_column(path, type_name_of(value))] = value.json if isinstance(value, Items) else value
    return row


@dataclass(slots=True)
class _Event:
    """One row: its cells that are not empty, and its JSON columns by their short names."""

    cells: dict[str, str]
    entities: dict[str, list[dict[str, Any]]] = field(init=False)

    def __post_init__(self) -> None:
        self.entities = {}
        for column in self.cells:
            named = _VERSIONED.fullmatch(column)
            if named is not None:
                name = named[2].removeprefix("snowplowanalytics_")
                self.entities.setdefault(f"{named[1]}:{name}", []).extend(_objects(self.cells[column]))

    def entity(self, kind: str, ending: str) -> list[dict[str, Any]]:
        """The objects of contexts, or of self-describing events, whose name ends so."""
        return [
            each
            for name, objects in self.entities.items()
            if name.startswith(kind) and name.endswith(ending)
            for each in objects
        ]

    @property
    def anonymous_id(self) -> str | None:
        mobile = self.mobile_session.get("user_id")
        return self.cells.get("domain_userid") or mobile or self.cells.get("network_userid")

    @property
    def mobile_session(self) -> dict[str, Any]:
        """What apps say of the session, in place of the columns that websites fill."""
        sessions = self.entity("contexts", "client_session")
        return sessions[0] if sessions else {}

    def moment(self, column: str) -> int | None:
        if column not in self.cells:
            return None
        try:
            return parse_moment(self.cells[column].replace(" UTC", "+00:00"))
        except (ValueError, OverflowError):
            raise MessageRejected(f'{column} is not a moment: "{self.cells[column][:80]}"') from None

    def number(self, column: str) -> float | None:
        return _number(self.cells.get(column))


def _objects(cell: str) -> Iterator[dict[str, Any]]:
    """The objects of a cell, however deep in lists, with keys_like_this."""
    try:
        found = msgspec.json.decode(cell)
    except (msgspec.DecodeError, RecursionError):
        raise MessageRejected(f'it has a context that is not JSON: "{cell[:80]}"') from None
    waiting = [found]
    while waiting:
        one = waiting.pop(0)
        if isinstance(one, list):
            waiting[:0] = one
        elif isinstance(one, dict):
            yield {_HUMP.sub("_", key).lower(): value for key, value in one.items()}


# What it is

_Fields = Iterator[tuple[str, Value]]


def _activity_of(event: _Event, reading: Reading, heartbeat_ms: int) -> tuple[EventKind, str, _Fields]:
    name = event.cells.get("event_name") or event.cells.get("event") or ""
    match event.cells.get("event"), name:
        case "page_view", _:
            return EventKind.PAGE, "Page Viewed", _page(event)
        case "page_ping", _:
            return EventKind.TRACK, "Page Engaged", _ping(event, heartbeat_ms)
        case "struct", _:
            return EventKind.TRACK, event.cells.get("se_action", "Structured Event"), _structured(event)
        case _, "screen_view":
            return EventKind.SCREEN, "Screen Viewed", _described(event)
        case _, "consent_preferences":
            return EventKind.CONSENT, "", _consent(event, reading)
        case _, "snowplow_ecommerce_action":
            return EventKind.TRACK, _shop_name(event), _shop(event)
        case _, "":
            raise MessageRejected("it has no name for its event (event_name)")
    return EventKind.TRACK, NAMES.get(name, name.replace("_", " ").title()), _described(event)


def _page(event: _Event) -> _Fields:
    for column, key in (("page_url", "url"), ("page_urlpath", "path"), ("page_title", "title")):
        if column in event.cells:
            yield f"properties.{key}", event.cells[column]
    if "page_referrer" in event.cells:
        yield "properties.referrer", event.cells["page_referrer"]
    yield from _page_view_id(event)


def _page_view_id(event: _Event) -> _Fields:
    pages = event.entity("contexts", "web_page")
    if pages and isinstance(pages[0].get("id"), str):
        yield "properties.page_view_id", pages[0]["id"]


def _ping(event: _Event, heartbeat_ms: int) -> _Fields:
    yield from _page(event)
    yield "properties.engaged_ms", float(heartbeat_ms)
    seen, height = event.number("br_viewheight"), event.number("doc_height")
    if seen is not None and height:
        lowest = max(event.number("pp_yoffset_max") or 0.0, 0.0) + seen
        yield "properties.scroll_percent", min(100.0, float(round(100 * lowest / height)))


def _structured(event: _Event) -> _Fields:
    for key in ("category", "action", "label", "property"):
        if f"se_{key}" in event.cells:
            yield f"properties.{key}", event.cells[f"se_{key}"]
    value = event.number("se_value")
    if value is not None:
        yield "properties.value", value


def _described(event: _Event) -> _Fields:
    """Everything that a self-describing event says of itself."""
    yield from _page_view_id(event)
    for each in event.entity("unstruct_event", ""):
        yield from flatten(each, "properties")


def _consent(event: _Event, reading: Reading) -> _Fields:
    """Scopes that are listed are granted, the others of which a purpose is known are refused."""
    for each in event.entity("unstruct_event", "consent_preferences"):
        scopes = each.get("consent_scopes")
        if each.get("event_type") == "pending" or not isinstance(scopes, list):
            continue
        granted = {purpose_of(str(scope), reading.categories) for scope in scopes}
        for purpose in (Purpose.ANALYTICS, Purpose.PERSONALISATION, Purpose.ADS):
            yield consent_path(purpose), purpose in granted
        if isinstance(each.get("consent_version"), str):
            yield VERSION_PATH, each["consent_version"]


# The shop


def _action(event: _Event) -> dict[str, Any]:
    actions = event.entity("unstruct_event", "snowplow_ecommerce_action")
    return actions[0] if actions else {}


def _shop_name(event: _Event) -> str:
    kind = str(_action(event).get("type") or "")
    steps = event.entity("contexts", "checkout_step")
    if kind == "checkout_step" and steps and _number(steps[0].get("step")) == 1:
        return "Checkout Started"
    return ACTIONS.get(kind, "Shop Action")


def _shop(event: _Event) -> _Fields:
    action, products = _action(event), event.entity("contexts", "ecommerce_product")
    yield from _page_view_id(event)
    if isinstance(action.get("name"), str):
        yield "properties.list_id", action["name"]
    if len(products) == 1:
        yield from _renamed(products[0], _PRODUCT)
    if len(products) > 1 or (products and action.get("type") in ("transaction", "refund")):
        things = [dict(_plain(each, _PRODUCT)) for each in products]
        yield "properties.products", Items(msgspec.json.encode(things, order="deterministic").decode())
    for each in event.entity("contexts", "ecommerce_cart"):
        yield from _renamed(each, _CART)
    for each in event.entity("contexts", "checkout_step"):
        yield from _renamed(each, {name: name for name in each})
    for each in event.entity("contexts", "ecommerce_transaction"):
        yield from _renamed(each, _TRANSACTION)
    for each in event.entity("contexts", "ecommerce_refund"):
        yield from _renamed(each, _REFUND)


def _renamed(thing: dict[str, Any], names: dict[str, str]) -> _Fields:
    yield from ((f"properties.{name}", value) for name, value in _plain(thing, names))


def _plain(thing: dict[str, Any], names: dict[str, str]) -> Iterator[tuple[str, str | float | bool]]:
    """The values of an object under our names. The table's loaders write numbers and truths as texts."""
    for key, name in names.items():
        value = thing.get(key)
        if isinstance(value, bool):
            yield name, value
        elif name in _NUMBERS and _number(value) is not None:
            yield name, float(_number(value) or 0.0)
        elif isinstance(value, str) and value:
            yield name, _TRUTHS.get(value.lower(), value)
        elif isinstance(value, (int, float)):
            yield name, float(value)


def _number(cell: Any) -> float | None:
    try:
        number = float(cell)
    except (TypeError, ValueError):
        return None
    return number if abs(number) < float("inf") else None


# Where


def _context_of(event: _Event) -> _Fields:
    for column, path in _CONTEXT_FIELDS.items():
        if column in event.cells:
            yield path, event.cells[column]
    for column, path in _CONTEXT_NUMBERS.items():
        number = event.number(column)
        if number is not None:
            yield path, number
    mobile = event.mobile_session.get("session_id")
    if "domain_sessionid" not in event.cells and isinstance(mobile, str):
        yield "context.session_id", mobile
    zone = event.cells.get("os_timezone") or event.cells.get("geo_timezone")
    if zone is not None:
        yield "context.timezone", zone
    for each in event.entity("contexts", "spiders_and_robots"):
        if isinstance(each.get("spider_or_robot"), bool):
            yield "context.is_bot", each["spider_or_robot"]
    for each in event.entity("contexts", "ecommerce_user"):
        yield from ((f"context.shop_user.{name}", value) for name, value in _plain(each, _SHOP_USER))


_SHOP_USER = {"id": "id", "email": "email", "is_guest": "is_guest"}
