"""Texts: what people write to support and in reviews, by their motive and their tone."""

from __future__ import annotations

from shoal.simulation.chance import Chance

MOTIVES = ("price", "quality", "trust", "convenience", "service")

_TEXTS: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "price": (
        ("This is far too expensive, I am disappointed.", "Terrible value. The fees were hidden until the end."),
        ("Is there a discount if I take two?", "What does it cost with delivery?"),
        ("Great price, thank you!", "Excellent value, I saved a lot and I am happy."),
    ),
    "quality": (
        ("It broke after two days. Awful quality.", "Poor quality, nothing like the pictures. I am angry."),
        ("What is it made of?", "Which of the two lasts longer?"),
        ("Wonderful quality, I love it.", "Beautifully made, better than I hoped. Perfect!"),
    ),
    "trust": (
        (
            "I was charged twice and nobody answers. This feels like a scam.",
            "I do not trust this, it is a horrible mess.",
        ),
        ("How do you keep my card details?", "Who do I talk to about a guarantee?"),
        ("Honest and reliable as always, thank you.", "I trust you completely, great company."),
    ),
    "convenience": (
        (
            "The page fails again and again. So annoying and slow.",
            "Worst checkout ever, I gave up in frustration.",
        ),
        ("Can I change the date later?", "Does it work on my phone as well?"),
        ("So easy and fast, I love it.", "Brilliant, it took me one happy minute."),
    ),
    "service": (
        (
            "I have waited a week for an answer. Terrible service.",
            "Your support was rude and useless. I am leaving.",
        ),
        ("When are you open?", "Can somebody call me back tomorrow?"),
        ("Your team was kind and very helpful, thanks!", "Amazing service, a friendly answer in minutes."),
    ),
}
"""For each motive: negative, neutral and positive texts."""


def text_of(chance: Chance, motive: str, tone: float) -> str:
    """Something a person with this motive and tone (-1 to 1) would write."""
    column = 0 if tone < -0.25 else 2 if tone > 0.25 else 1
    return chance.pick(_TEXTS[motive][column])
