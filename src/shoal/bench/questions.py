"""What every contender of the batch benchmark is asked: 20 windowed features and 10 segments, in our language."""

from __future__ import annotations

from shoal.definitions.definition import Definitions, FeatureDefinition, SegmentDefinition
from shoal.definitions.resolve import Resolved, resolve

FEATURES = {
    "views_1d": 'count("Product Viewed", within="1 day")',
    "views_7d": 'count("Product Viewed", within="7 days")',
    "views_30d": 'count("Product Viewed", within="30 days")',
    "carts_7d": 'count("Product Added", within="7 days")',
    "orders_90d": 'count("Order Completed", within="90 days")',
    "revenue_30d": 'sum("price", of="Order Completed", within="30 days")',
    "revenue_90d": 'sum("price", of="Order Completed", within="90 days")',
    "average_price_7d": 'average("price", of="Product Viewed", within="7 days")',
    "highest_price_30d": 'maximum("price", of="Product Viewed", within="30 days")',
    "products_7d": 'distinct("product_id", of="Product Viewed", within="7 days")',
    "products_30d": 'distinct("product_id", of="Product Viewed", within="30 days")',
    "costly_views_30d": 'count("Product Viewed", where=price > 100, within="30 days")',
    "mobile_share_30d": 'share("Product Viewed", where=context.device.type == "mobile", within="30 days")',
    "last_product_30d": 'last("product_id", of="Product Viewed", within="30 days")',
    "since_order_90d": 'time_since("Order Completed", within="90 days")',
    "since_cart": 'time_since("Product Added")',
    "active_days_30d": 'active_days(within="30 days")',
    "sessions_30d": 'sessions(within="30 days")',
    "pages_per_session_30d": 'pages_per_session(within="30 days")',
    "longest_session_30d": 'session_maximum("duration", within="30 days")',
}

_LEFT_CART = 'since_cart >= "30 minutes" and not happened("Order Completed", after=time_of_last("Product Added"))'

SEGMENTS = {
    "high_intent_price_sensitive": f"products_7d >= 3 and carts_7d >= 1 and {_LEFT_CART}",
    "big_spenders": "revenue_90d >= 500",
    "window_shoppers": "views_30d >= 20 and orders_90d == 0",
    "cart_abandoners": f'since_cart < "7 days" and {_LEFT_CART}',
    "mobile_browsers": "views_30d >= 5 and mobile_share_30d >= 0.8",
    "loyal": "active_days_30d >= 4 and orders_90d >= 2",
    "deep_engagers": 'sessions(where=pages >= 3 and duration > "5 minutes", within="30 days") >= 1',
    "dormant": 'time_since_any() >= "30 days"',
    "premium": "average_price_7d > 80 or highest_price_30d > 500",
    "checkout_abandoners": (
        'sequence("Checkout Started", absent("Order Completed"), gap="1 hour", within="7 days")'
    ),
}


def questions() -> Resolved:
    """All of them with one meaning."""
    features = [FeatureDefinition(name=name, value=value) for name, value in FEATURES.items()]
    segments = [SegmentDefinition(name=name, when=when) for name, when in SEGMENTS.items()]
    return resolve(Definitions.of(*features, *segments))
