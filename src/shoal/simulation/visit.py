"""Visits: everything that a person can do, each as a method that leaves the messages it would leave.

In: a life and a moment to begin. Out: messages in the outbox and what becomes true of the person. Next: outbox.
"""

from __future__ import annotations

from typing import Any

import msgspec

from shoal.model.time import SECOND
from shoal.simulation.business import CURRENCY, Page, Product, Video
from shoal.simulation.chance import Chance, Weighted, stable_share
from shoal.simulation.devices import Device
from shoal.simulation.experiments import Experiment
from shoal.simulation.life import Life
from shoal.simulation.messages import Message, Properties, encode
from shoal.simulation.texts import text_of

CONSENT_EVENT = "Segment Consent Preference Updated"
CHECKOUT_STEPS = ("shipping", "payment", "review")

_CONSENT_GRANTED = {"Analytics": 0.95, "Personalisation": 0.92, "Email": 0.4, "Ads": 0.45, "Sharing": 0.25}
"""By category, which is a purpose: the share of those who choose at all that grants it."""

_CAMPAIGNS: Weighted[dict[str, str] | None] = Weighted(
    [
        (None, 70),
        ({"name": "spring", "source": "google", "medium": "cpc"}, 12),
        ({"name": "newsletter-12", "source": "newsletter", "medium": "email"}, 10),
        ({"name": "creators", "source": "instagram", "medium": "social"}, 8),
    ]
)
_SHIPPING_CENTS = 490


class Visit:
    """One stretch of activity on one device. Every method is something that the person does; time passes.

    `number` counts the visits before this one, `left` those still to come.
    """

    __slots__ = ("_base", "_context", "business", "chance", "device", "left", "life", "now", "number")

    def __init__(self, life: Life, start: int, device: Device, *, number: int, left: int) -> None:
        life.begin_visit(device)
        self.life, self.device, self.now = life, device, start
        self.number, self.left = number, left
        self.chance: Chance = life.chance
        self.business = life.business
        self._base = self._base_context(device.make.channel)
        self._context = msgspec.Raw(self._base + b"}")

    def _base_context(self, channel: str) -> bytes:
        """The context that all messages of a visit share, without its closing brace."""
        place, make = self.life.person.place, self.device.make
        context: dict[str, Any] = {
            "channel": channel,
            "device": {"type": make.type},
            "locale": place.locale,
            "timezone": place.zone,
            "location": {"city": place.city, "country": place.country},
            "userAgent": make.user_agent,
        }
        campaign = _CAMPAIGNS.pick(self.chance)
        if campaign is not None:
            context["campaign"] = campaign
        return encode(context)[:-1]

    def _send(self, message: Message) -> None:
        device = self.device
        message.context = self._context
        message.anonymous_id = device.anonymous_id
        if device.signed_in:
            message.user_id = self.life.person.user_id
        self.life.outbox.send(self.now, device.skew_ms, message)

    def wait(self, low_s: float, high_s: float) -> int:
        """Lets time pass; how many milliseconds."""
        spent = int(self.chance.between(low_s, high_s) * SECOND)
        self.now += spent
        return spent

    def track(self, event: str, properties: Properties | None = None) -> None:
        """Does something, which takes a moment."""
        self._send(Message(type="track", event=event, properties=properties))
        self.now += 400 + int(self.chance.uniform() * 2600)

    # Looking

    def open(self, page: Page) -> None:
        """Opens a page, or the screen of that name in the app."""
        if self.device.make.is_app:
            self._send(Message(type="screen", name=page.name, properties=page.properties))
        else:
            self._context = msgspec.Raw(b"%b,%b}" % (self._base, page.context))
            self._send(Message(type="page", name=page.name, properties=page.properties))
        self.now += 300

    def stay(
        self, page: Page, low_s: float, high_s: float, *, scroll: tuple[int, int] = (5, 60), tells: float = 0.2
    ) -> None:
        """Stays on the open page; with probability `tells` the page says, when it is left, how attentively."""
        spent = self.wait(low_s, high_s)
        if self.chance.happens(tells):
            engaged = spent - spent // 20
            properties = {
                "name": page.name,
                "path": page.path,
                "engaged_ms": engaged,
                "total_engaged_ms": engaged,
                "scroll_percent": self.chance.whole(*scroll),
                "pings": 1,
                "leaving": True,
            }
            self._send(Message(type="track", event="Page Engaged", properties=properties))
            self.now += 500

    def look(
        self, page: Page, low_s: float, high_s: float, *, scroll: tuple[int, int] = (5, 60), tells: float = 0.2
    ) -> None:
        """Opens a page and stays on it."""
        self.open(page)
        self.stay(page, low_s, high_s, scroll=scroll, tells=tells)

    def product(self, product: Product, low_s: float = 8, high_s: float = 60, *, tells: float = 0.15) -> None:
        """Looks at a product."""
        self.open(product.page)
        self.track("Product Viewed", product.properties)
        self.stay(product.page, low_s, high_s, tells=tells)

    def browse(self, place: int, event: str = "Product List Viewed", **more: Any) -> None:
        """Looks through a category."""
        self.open(self.business.lists[place])
        category = self.business.categories[place]
        self.track(event, {"list_id": f"list-{place + 1}", "category": category, **more})
        self.wait(5, 30)

    def video(self, video: Video, *, to_the_end: bool) -> None:
        """Watches a video, which takes its time."""
        self.open(video.page)
        session = f"{self.life.tag}-{self.now:x}"
        seen = {"session_id": session, "content_asset_id": video.asset_id, "total_length": video.seconds}
        self.track("Video Playback Started", {**seen, "position": 0})
        share = 1.0 if to_the_end else self.chance.between(0.1, 0.6)
        position = int(video.seconds * share)
        self.now += position * SECOND
        event = "Video Playback Completed" if to_the_end else "Video Playback Paused"
        self.track(event, {**seen, "position": position})

    def interact(self) -> None:
        """Uses one of the interactive elements of the open page."""
        self.track("Element Interacted", {"element": self.chance.pick(self.business.elements)})
        self.wait(5, 20)

    # Telling who one is, and what one thinks

    def choose_consent(self, *, withdraw: bool = False) -> None:
        """Answers the consent banner, or takes everything back."""
        choice = {
            category: not withdraw and self.chance.happens(share) for category, share in _CONSENT_GRANTED.items()
        }
        self.life.truth.consent = choice
        context = self._context
        self._context = msgspec.Raw(
            b'%b,"consent":{"categoryPreferences":%b}}' % (bytes(context)[:-1], encode(choice))
        )
        self.track(CONSENT_EVENT)
        self._context = context

    def sign_in(self) -> None:
        """Says who one is, for who has an account and has not said so on this device; signs up the first time."""
        person = self.life.person
        if person.user_id is None or self.device.signed_in:
            return
        is_new = not self.life.is_known
        by_form = is_new and self.chance.happens(0.4)
        if by_form:
            self.track("Form Started", {"form": "sign_up"})
            self.wait(5, 30)
            self.track("Form Submitted", {"form": "sign_up"})
        self.device.signed_in = True
        self._send(Message(type="identify", traits=self._traits()))
        self.now += 300
        if is_new:
            self.track("Signed Up", {"method": "form" if by_form else "google"})
        if is_new and self.business.features:
            self._join_company()

    def _traits(self) -> dict[str, Any]:
        person = self.life.person
        traits = {"email": person.email, "firstName": person.first_name, "lastName": person.last_name}
        if self.business.features:
            traits["plan"] = "trial" if not self.life.truth.orders else "paid"
        return traits

    def _join_company(self) -> None:
        company = self.life.person.number // 5
        traits = {"name": f"Company {company}", "employees": 5 + company % 200}
        self._send(Message(type="group", group_id=f"g_{company:06d}", traits=traits))
        self.track("Trial Started", {"plan": "team"})

    def chat(self) -> None:
        """Writes to support in the live chat, in one's own tone."""
        page_context = self._context
        self._context = msgspec.Raw(bytes(page_context).replace(b'"channel":"web"', b'"channel":"chat"', 1))
        conversation = {"conversation_id": f"c_{self.life.tag}_{self.now:x}"}
        self.track("Live Chat Conversation Started", conversation)
        text, tone = self._words()
        said = {**conversation, "message_body": text, "tone": tone, "motive": self.life.person.motive}
        self.track("Live Chat Message Sent", said)
        spent = self.wait(60, 400)
        self.track("Live Chat Conversation Ended", {**conversation, "conversation_duration": spent // SECOND})
        self._context = page_context

    def review(self, product: Product) -> None:
        """Reviews a product, in one's own tone."""
        text, tone = self._words()
        self.track(
            "Product Reviewed",
            {
                "product_id": product.described["product_id"],
                "review_id": f"r_{self.life.tag}_{self.now:x}",
                "review_body": text,
                "rating": max(1, min(5, int(3.5 + 2 * tone))),
                "tone": tone,
                "motive": self.life.person.motive,
            },
        )

    def _words(self) -> tuple[str, float]:
        """A text and its tone, which varies a little around the person's."""
        person = self.life.person
        tone = max(-1.0, min(1.0, person.tone + self.chance.between(-0.2, 0.2)))
        return text_of(self.chance, person.motive, tone), round(tone, 2)

    # Buying

    def add(self, product: Product) -> None:
        """Puts a product into the cart."""
        self.life.cart.append(product)
        cart = f"cart_{self.life.tag}_{self.life.truth.orders}"
        self.track("Product Added", {"cart_id": cart, **product.described, "quantity": 1, "currency": CURRENCY})

    def view_cart(self) -> None:
        """Looks into the cart."""
        self.open(self.business.cart)
        self.track("Cart Viewed", {"cart_id": f"cart_{self.life.tag}_{self.life.truth.orders}", **self._value()})

    def start_checkout(self) -> None:
        """Begins to pay for what is in the cart."""
        self.open(self.business.checkout)
        self.track("Checkout Started", {**self._order(), **self._value(), "products": self._lines()})

    def take_steps(self, last: int, *, completes_last: bool, low_s: float = 8, high_s: float = 40) -> None:
        """Goes through the steps of the checkout, as far as step `last`, which may be where it ends."""
        checkout = {"checkout_id": self._order()["checkout_id"]}
        for step in range(1, last + 1):
            properties = {**checkout, "step": step, "step_name": CHECKOUT_STEPS[step - 1]}
            self.track("Checkout Step Viewed", properties)
            self.stay(self.business.checkout, low_s, high_s, tells=0.0 if completes_last else 1.0)
            if step == last and not completes_last:
                return
            if step == 2:
                self.track("Payment Info Entered", {**checkout, "payment_method": "card"})
            self.track("Checkout Step Completed", properties)

    def order(self, *, coupon: str | None = None, discount_percent: int = 0) -> None:
        """Orders what is in the cart."""
        life = self.life
        subtotal = sum(product.price_cents for product in life.cart)
        discount = subtotal * discount_percent // 100
        shipping = 0 if self.business.features or self.business.booking else _SHIPPING_CENTS
        revenue = subtotal - discount
        tax = revenue // 10
        properties = {
            **self._order(),
            "subtotal": subtotal / 100,
            "revenue": revenue / 100,
            "shipping": shipping / 100,
            "tax": tax / 100,
            "total": (revenue + shipping + tax) / 100,
            "currency": CURRENCY,
            "products": self._lines(),
        }
        if coupon is not None:
            properties |= {"coupon": coupon, "discount": discount / 100}
        self.track("Order Completed", properties)
        life.cart = []
        life.revenue_cents += revenue
        life.truth.orders += 1
        life.truth.bought = True
        life.truth.revenue = life.revenue_cents / 100

    def buy(self, products: list[Product], *, express: bool = False) -> None:
        """Adds products and orders them: step by step, or at one go where the business knows the card."""
        for product in products:
            self.add(product)
        self.sign_in()
        self.start_checkout()
        if not express:
            self.take_steps(3, completes_last=True)
        self.order()

    def refund(self, product: Product) -> None:
        """Gets the money for a product of the last order back."""
        order = f"o_{self.life.tag}_{self.life.truth.orders}"
        refunded = product.price_cents / 100
        self.track("Order Refunded", {"order_id": order, "total": refunded, "currency": CURRENCY})

    def _order(self) -> dict[str, Any]:
        number = self.life.truth.orders + 1
        return {"checkout_id": f"k_{self.life.tag}_{number}", "order_id": f"o_{self.life.tag}_{number}"}

    def _value(self) -> dict[str, Any]:
        return {"value": sum(product.price_cents for product in self.life.cart) / 100, "currency": CURRENCY}

    def _lines(self) -> list[dict[str, Any]]:
        return [{**product.described, "quantity": 1} for product in self.life.cart]

    # Being part of an experiment

    def expose(self, experiment: Experiment) -> bool:
        """Sees one arm of an experiment; whether the person will order, which the set effect has a part in."""
        truth = self.life.truth
        simulation = self.life.simulation
        share = stable_share(simulation.business, simulation.seed, experiment.key, truth.person)
        arm = experiment.treatment if share < 0.5 else "control"
        effect = experiment.effect_of(simulation)
        base = self.chance.between(*experiment.base)
        truth.experiment, truth.arm, truth.set_effect = experiment.key, arm, effect
        truth.base_probability = round(base, 4)
        truth.converted = self.chance.happens(truth.base_probability + (effect if arm != "control" else 0.0))
        self.track("Experiment Viewed", experiment.exposure(arm))
        return truth.converted
