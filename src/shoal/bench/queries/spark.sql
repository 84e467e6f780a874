-- The questions for Spark, over events(person, name, moment, position, price, product, device) up to $now.
WITH views AS (
    SELECT person,
           count(*) FILTER (WHERE moment > $now - 86400000) AS views_1d,
           count(*) FILTER (WHERE moment > $now - 604800000) AS views_7d,
           count(*) AS views_30d,
           avg(price) FILTER (WHERE moment > $now - 604800000) AS average_price_7d,
           max(price) AS highest_price_30d,
           count(DISTINCT product) FILTER (WHERE moment > $now - 604800000) AS products_7d,
           count(DISTINCT product) AS products_30d,
           count(*) FILTER (WHERE price > 100) AS costly_views_30d,
           count(*) FILTER (WHERE device = 'mobile') / count(*) AS mobile_share_30d,
           max_by(product, struct(moment, position)) AS last_product_30d
    FROM events
    WHERE name = 'Product Viewed' AND moment > $now - 2592000000
    GROUP BY person
), carts AS (
    SELECT person, count(*) FILTER (WHERE moment > $now - 604800000) AS carts_7d, $now - max(moment) AS since_cart,
           max(struct(moment, position)) AS last_cart
    FROM events
    WHERE name = 'Product Added'
    GROUP BY person
), orders AS (
    SELECT person,
           count(*) FILTER (WHERE moment > $now - 7776000000) AS orders_90d,
           sum(price) FILTER (WHERE moment > $now - 2592000000) AS revenue_30d,
           sum(price) FILTER (WHERE moment > $now - 7776000000) AS revenue_90d,
           $now - max(moment) FILTER (WHERE moment > $now - 7776000000) AS since_order_90d,
           max(struct(moment, position)) AS last_order
    FROM events
    WHERE name = 'Order Completed'
    GROUP BY person
), days AS (
    SELECT person, count(DISTINCT moment DIV 86400000) AS active_days_30d
    FROM events
    WHERE moment > $now - 2592000000
    GROUP BY person
), begun AS (
    SELECT person, moment, position, name,
           moment - lag(moment) OVER (PARTITION BY person ORDER BY moment, position) <= 1800000 AS continues
    FROM events
    WHERE moment > $now - 2592000000 - 1800000
), numbered AS (
    SELECT person, moment, name,
           sum(CASE WHEN continues THEN 0 ELSE 1 END) OVER (
               PARTITION BY person ORDER BY moment, position ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
           ) AS session
    FROM begun
), visits AS (
    SELECT person, max(moment) - min(moment) AS duration, count(*) FILTER (WHERE name = 'Page Viewed') AS pages
    FROM numbered
    GROUP BY person, session
    HAVING min(moment) > $now - 2592000000
), sessions AS (
    SELECT person, count(*) AS sessions_30d, avg(pages) AS pages_per_session_30d,
           max(duration) AS longest_session_30d, bool_or(pages >= 3 AND duration > 300000) AS deep_engagers
    FROM visits
    GROUP BY person
), followed AS (
    SELECT person, name, moment,
           min(CASE WHEN name = 'Order Completed' THEN moment END) OVER (
               PARTITION BY person ORDER BY moment, position ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
           ) AS next_order
    FROM events
    WHERE name IN ('Checkout Started', 'Order Completed') AND moment > $now - 604800000
), checkouts AS (
    SELECT person, bool_or(next_order IS NULL OR next_order - moment > 3600000) AS checkout_abandoners
    FROM followed
    WHERE name = 'Checkout Started' AND moment + 3600000 <= $now
    GROUP BY person
), everyone AS (
    SELECT person, max(moment) AS last_event FROM events GROUP BY person
), features AS (
    SELECT person, last_event, average_price_7d, highest_price_30d, mobile_share_30d, last_product_30d,
           since_order_90d, since_cart, pages_per_session_30d, longest_session_30d, deep_engagers,
           checkout_abandoners,
           coalesce(views_1d, 0) AS views_1d, coalesce(views_7d, 0) AS views_7d,
           coalesce(views_30d, 0) AS views_30d, coalesce(carts_7d, 0) AS carts_7d,
           coalesce(orders_90d, 0) AS orders_90d, coalesce(revenue_30d, 0) AS revenue_30d,
           coalesce(revenue_90d, 0) AS revenue_90d, coalesce(products_7d, 0) AS products_7d,
           coalesce(products_30d, 0) AS products_30d, coalesce(costly_views_30d, 0) AS costly_views_30d,
           coalesce(sessions_30d, 0) AS sessions_30d, coalesce(active_days_30d, 0) AS active_days_30d,
           since_cart >= 1800000 AND coalesce(last_order <= last_cart, true) AS left_cart
    FROM everyone
    LEFT JOIN views USING (person)
    LEFT JOIN carts USING (person)
    LEFT JOIN orders USING (person)
    LEFT JOIN days USING (person)
    LEFT JOIN sessions USING (person)
    LEFT JOIN checkouts USING (person)
)
SELECT person AS profile,
       views_1d, views_7d, views_30d, carts_7d, orders_90d, revenue_30d, revenue_90d, average_price_7d,
       highest_price_30d, products_7d, products_30d, costly_views_30d, mobile_share_30d,
       last_product_30d, since_order_90d, since_cart, active_days_30d, sessions_30d,
       pages_per_session_30d, longest_session_30d,
       coalesce(products_7d >= 3 AND carts_7d >= 1 AND left_cart, false) AS high_intent_price_sensitive,
       revenue_90d >= 500 AS big_spenders,
       views_30d >= 20 AND orders_90d = 0 AS window_shoppers,
       coalesce(since_cart < 604800000 AND left_cart, false) AS cart_abandoners,
       coalesce(views_30d >= 5 AND mobile_share_30d >= 0.8, false) AS mobile_browsers,
       active_days_30d >= 4 AND orders_90d >= 2 AS loyal,
       coalesce(deep_engagers, false) AS deep_engagers,
       last_event <= $now - 2592000000 AS dormant,
       coalesce(average_price_7d > 80 OR highest_price_30d > 500, false) AS premium,
       coalesce(checkout_abandoners, false) AS checkout_abandoners
FROM features
