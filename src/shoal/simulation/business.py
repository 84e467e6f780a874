"""Businesses: what each of the four sells and shows, with the parts of messages about it encoded once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from shoal.simulation.messages import encode, encoded

CURRENCY = "USD"


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the site, or the screen of the app by the same name. `context` is `"page":{...}` in JSON."""

    name: str
    path: str
    context: bytes
    properties: msgspec.Raw


@dataclass(frozen=True, slots=True)
class Product:
    """Something to buy: a thing, a plan or a trip. `described` is what events say about it."""

    price_cents: int
    described: dict[str, Any]
    properties: msgspec.Raw
    page: Page


@dataclass(frozen=True, slots=True)
class Video:
    """A video and the page it is on."""

    asset_id: str
    seconds: int
    page: Page


@dataclass(frozen=True, slots=True, kw_only=True)
class Business:
    """One site with its app. `booking` is true where a checkout is a booking page that takes minutes."""

    name: str
    home: Page
    pricing: Page
    cart: Page
    checkout: Page
    support: Page
    lists: tuple[Page, ...]
    categories: tuple[str, ...]
    products: tuple[Product, ...]
    dearest: tuple[Product, ...]
    articles: tuple[Page, ...]
    videos: tuple[Video, ...]
    elements: tuple[str, ...]
    booking: bool = False
    features: tuple[str, ...] = ()


def _slug(text: str) -> str:
    return text.lower().replace(" ", "-").replace("'", "")


def _page(host: str, name: str, path: str, title: str, **more: str) -> Page:
    seen = {"path": path, "title": title, "url": f"https://{host}{path}"}
    context = b'"page":' + encode(seen)
    return Page(name, path, context, encoded({"name": name, "path": path, **more}))


def _product(host: str, number: int, name: str, category: str, price_cents: int) -> Product:
    product_id = f"p{number:03d}"
    described = {
        "product_id": product_id,
        "sku": f"{category[:2].upper()}-{number:03d}",
        "name": name,
        "category": category,
        "brand": name.split(maxsplit=1)[0],
        "price": price_cents / 100,
    }
    page = _page(host, "Product", f"/products/{_slug(name)}", name, product_id=product_id)
    return Product(price_cents, described, encoded({**described, "currency": CURRENCY}), page)


def _business(
    name: str,
    *,
    host: str,
    pricing: str,
    checkout: tuple[str, str],
    makers: Sequence[str],
    ranges: dict[str, tuple[int, int, Sequence[str]]],
    topics: Sequence[str],
    elements: Sequence[str],
    booking: bool = False,
    features: Sequence[str] = (),
) -> Business:
    """A business from words. `ranges` gives each category its lowest and highest price and its products."""
    products: list[Product] = []
    for category, (low, high, nouns) in ranges.items():
        offers = [(maker, noun) for noun in nouns for maker in makers]
        for place, (maker, noun) in enumerate(offers):
            price = 100 * (low + (high - low) * place // max(1, len(offers) - 1)) - 1
            products.append(_product(host, len(products) + 1, f"{maker} {noun}", category, price))
    by_price = sorted(products, key=lambda product: -product.price_cents)
    return Business(
        name=name,
        home=_page(host, "Home", "/", "Home"),
        pricing=_page(host, "Pricing", "/pricing", pricing),
        cart=_page(host, "Cart", "/cart", "Your cart"),
        checkout=_page(host, checkout[0], checkout[1], checkout[0]),
        support=_page(host, "Support", "/support", "Help"),
        lists=tuple(
            _page(host, "Category", f"/categories/{_slug(each)}", each.capitalize(), category=each)
            for each in ranges
        ),
        categories=tuple(ranges),
        products=tuple(products),
        dearest=tuple(by_price[: max(4, len(products) // 4)]),
        articles=tuple(
            _page(host, "Article", f"/journal/{_slug(topic)}", topic, content_type="article", topic=topic)
            for topic in topics
        ),
        videos=tuple(
            Video(
                f"v{place:02d}",
                60 + 30 * place,
                _page(host, "Video", f"/videos/{_slug(topic)}", topic, content_type="video", topic=topic),
            )
            for place, topic in enumerate(topics, 1)
        ),
        elements=tuple(elements),
        booking=booking,
        features=tuple(features),
    )


_ALL = (
    _business(
        "ecommerce",
        host="shop.example",
        pricing="Prices and delivery",
        checkout=("Checkout", "/checkout"),
        makers=("Alder", "Birch", "Cedar", "Fjord"),
        ranges={
            "shoes": (60, 180, ("Trail Runner", "City Sneaker", "Winter Boot")),
            "jackets": (90, 320, ("Rain Shell", "Down Jacket", "Fleece")),
            "bags": (35, 190, ("Day Pack", "Duffel", "Tote")),
            "kitchen": (15, 140, ("Kettle", "Pan", "Knife")),
            "lamps": (25, 160, ("Desk Lamp", "Floor Lamp", "Lantern")),
        },
        topics=(
            "How to layer",
            "A pan for life",
            "Light for small rooms",
            "Packing for a week",
            "Care for leather",
        ),
        elements=("size_guide", "colour_picker", "room_preview", "product_compare"),
    ),
    _business(
        "saas",
        host="app.example",
        pricing="Plans and prices",
        checkout=("Checkout", "/checkout"),
        makers=("Monthly", "Yearly"),
        ranges={
            "starter": (12, 120, ("Starter",)),
            "team": (49, 490, ("Team", "Team Plus")),
            "business": (190, 1900, ("Business", "Enterprise")),
            "add-ons": (9, 90, ("Audit Log", "Extra Storage", "Priority Support")),
        },
        topics=("Getting started", "Automate a report", "Invite your team", "Single sign-on", "From sheets to us"),
        elements=("price_calculator", "product_tour", "template_preview", "plan_compare"),
        features=("dashboard", "report", "automation", "import", "share"),
    ),
    _business(
        "travel",
        host="travel.example",
        pricing="Fares and fees",
        checkout=("Booking", "/booking"),
        makers=("Azure", "Nordic", "Sierra", "Delta"),
        ranges={
            "city breaks": (180, 620, ("Lisbon Weekend", "Berlin Weekend", "Rome Weekend")),
            "beach": (420, 1900, ("Crete Week", "Algarve Week", "Madeira Week")),
            "mountains": (380, 1600, ("Dolomites Hike", "Pyrenees Trek", "Alps Lodge")),
            "flights": (60, 900, ("Flight to Oslo", "Flight to Tokyo", "Flight to Boston")),
        },
        topics=(
            "Lisbon in two days",
            "When to see the lights",
            "Packing light",
            "Trains at night",
            "Eating in Crete",
        ),
        elements=("date_picker", "map", "seat_map", "fare_calendar"),
        booking=True,
    ),
    _business(
        "dtc",
        host="glow.example",
        pricing="Subscribe and save",
        checkout=("Checkout", "/checkout"),
        makers=("Calm", "Bright", "Repair"),
        ranges={
            "face": (18, 68, ("Serum", "Cream", "Cleanser", "Mask")),
            "body": (14, 42, ("Lotion", "Scrub", "Oil")),
            "hair": (12, 38, ("Shampoo", "Conditioner")),
            "sets": (48, 140, ("Starter Set", "Travel Set", "Gift Set")),
        },
        topics=("Know your skin", "Morning routine", "What is in it", "Sun every day", "Refill and save"),
        elements=("skin_quiz", "routine_builder", "shade_finder", "before_after"),
    ),
)

BUSINESSES: dict[str, Business] = {business.name: business for business in _ALL}
"""The kinds of business that can be simulated."""
