"""Behaviour: what people of each intent do in each of their visits.

`visit.number` counts the visits from 0 and `visit.left` those still to come, so the last one has 0 left.
"""

from __future__ import annotations

from collections.abc import Callable

from shoal.simulation.experiments import DISCOUNT, REMINDER, Experiment
from shoal.simulation.intents import Intent
from shoal.simulation.visit import CHECKOUT_STEPS, Visit

Behaviour = Callable[[Visit], None]


def _price_sensitive(visit: Visit) -> None:
    """Compares, fills a cart, tries a coupon, leaves; and comes back to see one arm of the discount experiment."""
    life, chance = visit.life, visit.chance
    if visit.left > 1:
        visit.browse(chance.whole(0, 3), sorts=[{"type": "price", "value": "asc"}])
        for product in life.favourites[:2]:
            visit.product(product)
    elif visit.left == 1 or visit.number == 0:
        filters = [{"type": "price", "value": "low"}]
        visit.browse(chance.whole(0, 3), "Product List Filtered", filters=filters)
        for product in life.favourites[: chance.whole(3, 4)]:
            visit.product(product)
        visit.add(life.favourites[0])
        visit.view_cart()
        if chance.happens(0.4):
            visit.track("Coupon Entered", {"coupon_id": "SAVE10"})
            visit.track("Coupon Denied", {"coupon_id": "SAVE10", "reason": "expired"})
    else:
        _return_to_cart(visit)


def _return_to_cart(visit: Visit) -> None:
    life = visit.life
    visit.look(visit.business.cart, 4, 20)
    orders = visit.expose(DISCOUNT)
    is_offered = life.truth.arm == DISCOUNT.treatment
    if is_offered:
        visit.track("Promotion Viewed", {"promotion_id": "discount-15", "name": "15 % off your cart"})
    if orders:
        if is_offered:
            visit.track("Coupon Applied", {"coupon_id": "CART15", "discount": 15})
        visit.sign_in()
        visit.start_checkout()
        visit.order(coupon="CART15" if is_offered else None, discount_percent=15 if is_offered else 0)
    else:
        visit.product(life.favourites[0])


def _repeat_visitor(visit: Visit) -> None:
    """Comes back to the prices, or to one product, again and again."""
    if visit.life.person.number % 2:
        visit.look(visit.business.pricing, 20, 90, tells=0.5, scroll=(30, 90))
        if visit.chance.happens(0.3):
            visit.interact()
    else:
        visit.product(visit.life.favourites[0], 20, 90, tells=0.3)


def _deep_engager(visit: Visit) -> None:
    """Reads to the end, watches to the end, and tries everything that can be tried."""
    business, chance = visit.business, visit.chance
    product = chance.pick(visit.life.favourites)
    if visit.life.person.number % 2:
        visit.look(product.page, 60, 200, tells=1.0, scroll=(75, 100))
    else:
        for article in chance.some(business.articles, 2):
            visit.look(article, 60, 240, tells=1.0, scroll=(75, 100))
    visit.video(chance.pick(business.videos), to_the_end=True)
    visit.product(product, 30, 90)
    for _ in range(chance.whole(1, 2)):
        visit.interact()
    if visit.left == 0 and chance.happens(0.3):
        visit.sign_in()
        visit.review(product)


def _prime_converter(visit: Visit) -> None:
    """Looks around at first; takes more than five minutes over a few pages in the end, and orders."""
    if visit.left:
        visit.browse(visit.chance.whole(0, 3))
        visit.product(visit.life.favourites[0], 20, 60)
        return
    for product in visit.life.favourites[:3]:
        visit.product(product, 105, 180, tells=0.4)
    visit.buy(visit.life.favourites[:1])
    if visit.chance.happens(0.2):
        visit.review(visit.life.favourites[0])


def _checkout_abandoner(visit: Visit) -> None:
    """Leaves the checkout at one of its steps; comes back to see one arm of the reminder experiment."""
    life, chance = visit.life, visit.chance
    if visit.left > 1:
        visit.browse(chance.whole(0, 3))
        visit.product(life.favourites[1])
    elif visit.left == 1 or visit.number == 0:
        visit.product(life.favourites[0], 20, 90)
        visit.add(life.favourites[0])
        visit.sign_in()
        visit.start_checkout()
        # Even one step of a booking takes more than four minutes; other checkouts do so only sometimes.
        is_slow = visit.business.booking or chance.happens(0.4)
        low_s, high_s = (265, 420) if is_slow else (8, 60)
        visit.take_steps(chance.whole(0, len(CHECKOUT_STEPS)), completes_last=False, low_s=low_s, high_s=high_s)
        if chance.happens(0.15):
            visit.track("Error Shown", {"message": "payment declined", "source": "checkout"})
    else:
        visit.look(visit.business.home, 4, 15)
        if visit.expose(REMINDER):
            visit.start_checkout()
            visit.order()


def _bouncing_mobile(visit: Visit) -> None:
    """Looks at the prices on the phone and is gone within half a minute."""
    visit.look(visit.business.pricing, 3, 24, tells=1.0, scroll=(2, 35))


def _new_explorer(visit: Visit) -> None:
    """Has only just come, and wants to see everything."""
    visit.look(visit.business.home, 5, 20)
    for place in visit.chance.some(range(len(visit.business.lists)), 3):
        visit.browse(place)
    for product in visit.life.favourites[visit.number : visit.number + 2]:
        visit.product(product)


def _dormant(visit: Visit) -> None:
    """Came, sometimes bought, and has not been seen since."""
    visit.browse(visit.chance.whole(0, 3))
    for product in visit.life.favourites[:2]:
        visit.product(product)
    if visit.left == 0 and visit.chance.happens(0.6):
        visit.buy(visit.life.favourites[:1], express=True)


def _high_value(visit: Visit) -> None:
    """Knows what is good, and buys it each time."""
    wanted = visit.chance.some(visit.business.dearest, visit.chance.whole(1, 2))
    visit.product(wanted[0], 15, 60)
    visit.buy(wanted, express=True)
    if visit.chance.happens(0.15):
        visit.review(wanted[0])


def _high_risk(visit: Visit) -> None:
    """A customer who is less and less happy, comes less and less often, and says so."""
    if visit.number == 0:
        visit.product(visit.life.favourites[0])
        visit.buy(visit.life.favourites[:1], express=True)
        return
    visit.look(visit.business.support if visit.left < 2 else visit.business.home, 10, 60)
    if visit.chance.happens(0.4):
        visit.track("Error Shown", {"message": "something went wrong", "source": "account"})
    if visit.left < 2:
        visit.sign_in()
        visit.chat()
    if visit.left == 0:
        visit.review(visit.life.favourites[0])
        if visit.life.truth.orders and visit.chance.happens(0.4):
            visit.refund(visit.life.favourites[0])


def _morning_inspired(visit: Visit) -> None:
    """Collects ideas before work and buys one of them after it."""
    if visit.left or visit.number == 0:
        for product in visit.life.favourites[visit.number % 2 : visit.number % 2 + 2]:
            visit.product(product)
        visit.track("Product Added to Wishlist", visit.life.favourites[0].described)
    else:
        visit.product(visit.life.favourites[0], 10, 40)
        visit.buy(visit.life.favourites[:1], express=True)


def _content_affine(visit: Visit) -> None:
    """Comes for the content: half of them watch, the others read."""
    business, chance = visit.business, visit.chance
    if visit.life.person.number % 2:
        for video in chance.some(business.videos, 2):
            visit.video(video, to_the_end=chance.happens(0.5))
    else:
        for article in chance.some(business.articles, chance.whole(2, 3)):
            visit.look(article, 60, 300, tells=0.7, scroll=(40, 100))


BEHAVIOURS: dict[Intent, Behaviour] = {
    Intent.PRICE_SENSITIVE: _price_sensitive,
    Intent.REPEAT_VISITOR: _repeat_visitor,
    Intent.DEEP_ENGAGER: _deep_engager,
    Intent.PRIME_CONVERTER: _prime_converter,
    Intent.CHECKOUT_ABANDONER: _checkout_abandoner,
    Intent.BOUNCING_MOBILE: _bouncing_mobile,
    Intent.NEW_EXPLORER: _new_explorer,
    Intent.DORMANT: _dormant,
    Intent.HIGH_VALUE: _high_value,
    Intent.HIGH_RISK: _high_risk,
    Intent.MORNING_INSPIRED: _morning_inspired,
    Intent.CONTENT_AFFINE: _content_affine,
}

EXPERIMENT_OF: dict[Intent, Experiment] = {
    Intent.PRICE_SENSITIVE: DISCOUNT,
    Intent.CHECKOUT_ABANDONER: REMINDER,
}
"""Which experiment people of an intent are in, once they have come back."""
