"""Loops for Pareto/NBD: the likelihood of having left since the last order, added up over all moments of leaving.

With x repeat orders, the last at `recency`, a customer who left at the moment y has the density
s (alpha + y)^-(r + x) (beta + y)^-(s + 1); one who is still there at `age`, the likelihood
(alpha + age)^-(r + x) (beta + age)^-s. The integral of the first over y is often written as a difference of two
hypergeometric functions, which loses its digits for frequent buyers. As a function of log(y + min(alpha, beta))
the density is smooth and its logarithm concave, so Gauss-Legendre finds the integral to the last digits, with
every term positive.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from shoal.evaluate.kernels.compiled import compiled

Numbers = NDArray[np.float64]

_points, _weights = np.polynomial.legendre.leggauss(24)
POINTS: Numbers = (_points + 1) / 2
WEIGHTS: Numbers = _weights / 2
"""Places and weights of Gauss-Legendre on 0..1. Of 16 to 400 points, 24 are the fewest that change nothing."""

_points, _weights = np.polynomial.legendre.leggauss(12)
FEW_POINTS: Numbers = (_points + 1) / 2
FEW_WEIGHTS: Numbers = _weights / 2
"""As good on a short span in which the density falls little, which most customers have."""
SHORT, LITTLE = 2.0, 5.0

NEGLIGIBLE = 37.0
"""e to the minus this is less than the last digit of a sum that begins with 1."""

STEPS = 4


@compiled
def log_density(r: float, alpha: float, s: float, beta: float, x: float, moment: float) -> float:
    """The logarithm of (alpha + y)^-(r + x) (beta + y)^-(s + 1)."""
    return -(r + x) * math.log(alpha + moment) - (s + 1.0) * math.log(beta + moment)


@compiled
def log_span(r: float, alpha: float, s: float, beta: float, x: float, recency: float, age: float) -> float:
    """How far u = log(y + min(alpha, beta)) goes from `recency`: to `age`, or to where the rest is negligible.

    The logarithm of the density is concave, so Newton's steps from `age` come closer and never go too far.
    """
    shift = min(alpha, beta)
    first, u = math.log(recency + shift), math.log(age + shift)
    least = log_density(r, alpha, s, beta, x, recency) + first - NEGLIGIBLE
    for _ in range(STEPS):
        moment = math.exp(u) - shift
        excess = log_density(r, alpha, s, beta, x, moment) + u - least
        if excess >= 0.0:
            break
        slope = 1.0 - (moment + shift) * ((r + x) / (alpha + moment) + (s + 1.0) / (beta + moment))
        u -= excess / slope
    return u - first


@compiled
def log_left(
    r: float, alpha: float, s: float, beta: float, frequency: Numbers, recency: Numbers, age: Numbers
) -> Numbers:
    """For each customer log(s x integral), the likelihood of having left since the last order; -inf of no time."""
    found = np.empty(len(frequency))
    shift = min(alpha, beta)
    for row in range(len(frequency)):
        x, begin, end = frequency[row], recency[row], age[row]
        if not begin < end:
            found[row] = -math.inf if begin == end else math.nan
            continue
        first, span = math.log(begin + shift), log_span(r, alpha, s, beta, x, begin, end)
        base = log_density(r, alpha, s, beta, x, begin) + first
        is_easy = span < SHORT and base - log_density(r, alpha, s, beta, x, end) - first - span < LITTLE
        points, weights = (FEW_POINTS, FEW_WEIGHTS) if is_easy else (POINTS, WEIGHTS)
        total = 0.0
        for place in range(len(points)):
            u = first + span * points[place]
            density = log_density(r, alpha, s, beta, x, math.exp(u) - shift) + u
            total += weights[place] * math.exp(density - base)
        found[row] = math.log(s) + base + math.log(span * total)
    return found


@compiled
def add_up(
    r: float,
    alpha: float,
    s: float,
    beta: float,
    frequency: Numbers,
    recency: Numbers,
    age: Numbers,
    customers: Numbers,
) -> Numbers:
    """Sum over customers of log(stayed + left), and of its derivatives by r, alpha, s and beta."""
    total = np.zeros(5)
    shift = min(alpha, beta)
    for row in range(len(frequency)):
        x, begin, end, count = frequency[row], recency[row], age[row], customers[row]
        log_alpha, log_beta = math.log(alpha + end), math.log(beta + end)
        stayed = -(r + x) * log_alpha - s * log_beta
        value, share_left = stayed, 0.0
        by_r, by_alpha, by_s, by_beta = 0.0, 0.0, 0.0, 0.0
        if begin < end:
            first, span = math.log(begin + shift), log_span(r, alpha, s, beta, x, begin, end)
            base = log_density(r, alpha, s, beta, x, begin) + first
            is_easy = span < SHORT and base - stayed + log_beta - first - span < LITTLE
            points, weights = (FEW_POINTS, FEW_WEIGHTS) if is_easy else (POINTS, WEIGHTS)
            whole = 0.0
            for place in range(len(points)):
                u = first + span * points[place]
                moment = math.exp(u) - shift
                log_a = u if alpha <= beta else math.log(alpha + moment)
                log_b = u if beta <= alpha else math.log(beta + moment)
                part = weights[place] * math.exp(u - base - (r + x) * log_a - (s + 1.0) * log_b)
                whole += part
                by_r -= part * log_a
                by_alpha -= part / (alpha + moment)
                by_s -= part * log_b
                by_beta -= part / (beta + moment)
            left = math.log(s) + base + math.log(span * whole)
            by_r, by_alpha = by_r / whole, by_alpha / whole * (r + x)
            by_s, by_beta = by_s / whole + 1.0 / s, by_beta / whole * (s + 1.0)
            if left > stayed:
                share_left = 1.0 / (1.0 + math.exp(stayed - left))
                value = left + math.log1p(math.exp(stayed - left))
            else:
                odds = math.exp(left - stayed)
                share_left = odds / (1.0 + odds)
                value = stayed + math.log1p(odds)
        share_stayed = 1.0 - share_left
        total[0] += count * value
        total[1] += count * (share_left * by_r - share_stayed * log_alpha)
        total[2] += count * (share_left * by_alpha - share_stayed * (r + x) / (alpha + end))
        total[3] += count * (share_left * by_s - share_stayed * log_beta)
        total[4] += count * (share_left * by_beta - share_stayed * s / (beta + end))
    return total


@compiled
def orders_if_alive(orders: Numbers, a: float, beyond: Numbers, reach: Numbers) -> Numbers:
    """For customers who still buy: the mean of (1 - (1 + p reach)^-orders) / p over chances p ~ Beta(a, beyond).

    It is added up over the logit of p, from its difference to what it is for p = 0, `orders` x `reach`: there the
    density falls at least as fast as e to the minus distance. `reach` is the horizon over alpha + age.
    """
    found = np.empty(len(orders))
    for row in range(len(orders)):
        b, most = beyond[row], orders[row] * reach[row]
        peak, width = math.log((a + 1.0) / b), math.sqrt(1.0 / (a + 1.0) + 1.0 / b)
        begin = peak - 9.0 * width - 40.0 / (a + 1.0)
        end = min(peak + 9.0 * width + 40.0 / b, max(peak, 0.0) + 40.0)
        points = int((end - begin) / min(0.25, 0.5 * width)) + 1
        step = (end - begin) / points
        log_beta = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
        less = 0.0
        for place in range(points):
            w = begin + (place + 0.5) * step
            log_p, log_q = -math.log1p(math.exp(-w)), -math.log1p(math.exp(w))
            p = math.exp(log_p)
            fewer = most + math.expm1(-orders[row] * math.log1p(p * reach[row])) / p
            less += step * fewer * math.exp(a * log_p + b * log_q - log_beta)
        if end >= 40.0:  # from here on p is 1, and the rest of the density e to the minus b w
            fewer = most + math.expm1(-orders[row] * math.log1p(reach[row]))
            less += fewer * math.exp(-b * end - log_beta) / b
        found[row] = most - less
    return found
