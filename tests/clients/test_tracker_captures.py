"""What the tracker captures in a real Chromium, counted against what was done by hand."""

from __future__ import annotations

import io
import wave
from collections.abc import Callable
from typing import Any

import pytest

from tests.clients.tracked import Site, Visitor, arrived, names, values
from tests.functional.collecting import Served

Visit = Callable[..., Visitor]

ENGAGED = ("engaged_ms", "total_engaged_ms", "pings", "leaving")
LONG_PAGE = "<p>begin</p>" + "<br>" * 400 + "<p>end</p>"

FORMS = """
<form name="sign_up">
  <input name="first"><input name="email" type="email" required><input name="secret" type="password">
  <select name="plan"><option>team</option></select><button>Send</button>
</form>
<form id="letter"><input name="address"><button>Send</button></form>
<form name="other"><input name="never"></form>
"""


def test_page_views_are_counted(served: Served, site: Site, visit: Visit) -> None:
    """Each page that is opened, each address of a single-page application, and a page that comes back."""
    visitor = visit()
    page = visitor.goto(site.page("/"))
    page.goto(site.url + "/?utm_source=mail&utm_campaign=spring")
    page.goto(site.page("/pricing", title="The prices", tag='data-page="Pricing"'))
    page.evaluate("() => { history.pushState({}, '', '/pricing/team?seats=3'); document.title = 'Team'; }")
    arrived(served, 4, named="Page Viewed")
    page.evaluate("() => history.replaceState({}, '', '/pricing/team?seats=3')")
    page.evaluate("() => { history.pushState({}, '', '#top'); }")
    page.go_back()
    page.evaluate("() => shoal.page('Cart', {value: 30})")
    events = arrived(served, 5, named="Page Viewed")
    assert [title for title, _ in values(events, "Page Viewed", "name", "path")][-1] == "Cart"
    assert values(events, "Page Viewed", "name", "path")[:4] == [
        ("Home", "/"),
        ("Home", "/"),
        ("Pricing", "/pricing"),
        ("Team", "/pricing/team"),
    ]
    assert events["context.campaign.name:text"].to_list()[1] == "spring"
    assert events["context.campaign.source:text"].to_list()[1] == "mail"
    assert events["properties.referrer:text"].to_list()[3] == site.url + "/pricing"
    assert events["kind"].unique().to_list() == ["page"]
    assert events["anonymous_id"].n_unique() == 1
    assert visitor.complaints_of_ours() == []


def test_a_page_that_comes_back_from_the_cache_is_viewed_again(served: Served, site: Site, visit: Visit) -> None:
    """Browsers keep pages that were left, whole, and show them again without loading them."""
    page = visit().goto(site.page("/"))
    arrived(served, 1)
    for event in ("pagehide", "pageshow"):
        page.evaluate(f"() => dispatchEvent(new PageTransitionEvent('{event}', {{persisted: true}}))")
    page.goto(site.page("/next"))
    arrived(served, 3, named="Page Viewed")
    assert names(arrived(served, 5)) == {"Page Engaged": 2, "Page Viewed": 3}


def test_attention_is_told_in_parts_that_add_up(served: Served, site: Site, visit: Visit) -> None:
    """At 10 and 30 seconds of attention, then each time it has doubled, and when the page is left."""
    page = visit().goto(site.page("/", LONG_PAGE), clock=True)
    for _ in range(7):
        page.mouse.move(20, 20)
        page.mouse.move(30, 30)
        page.clock.run_for(20_000)
    page.goto(site.page("/next"))
    events = arrived(served, 5, named="Page Engaged")
    assert values(events, "Page Engaged", *ENGAGED)[:5] == [
        (about(10), about(10), 1, None),
        (about(20), about(30), 2, None),
        (about(30), about(60), 3, None),
        (about(60), about(120), 4, None),
        (about(20), about(140), 5, True),
    ]


def test_attention_needs_somebody_there(served: Served, site: Site, visit: Visit) -> None:
    """Half a minute after the last move it ends; it ends at once when the page is hidden or loses its focus."""
    page = visit().goto(site.page("/"), clock=True)
    page.mouse.move(20, 20)
    page.clock.run_for(300_000)
    page.mouse.move(30, 30)
    page.clock.run_for(5_000)
    _become(page, "visibilityState", "hidden", "visibilitychange")
    page.clock.run_for(60_000)
    _become(page, "visibilityState", "visible", "visibilitychange")
    page.clock.run_for(5_000)
    page.evaluate("() => { document.hasFocus = () => false; dispatchEvent(new Event('blur')); }")
    page.clock.run_for(60_000)
    page.goto(site.page("/next"))
    events = arrived(served, 4, named="Page Engaged")
    assert values(events, "Page Engaged", "engaged_ms", "leaving")[:4] == [
        (about(10), None),
        (about(20), None),
        (about(5), True),
        (about(5), True),
    ]


def test_scroll_depth_is_the_deepest(served: Served, site: Site, visit: Visit) -> None:
    """In percent of the page, with what is seen without scrolling; going back up changes nothing."""
    page = visit().goto(site.page("/", LONG_PAGE))
    height, seen = page.evaluate("() => [document.documentElement.scrollHeight, innerHeight]")
    page.evaluate(f"() => scrollTo(0, {(height - seen) // 2})")
    page.evaluate("() => new Promise(requestAnimationFrame)")
    page.evaluate("() => scrollTo(0, 0)")
    page.evaluate("() => new Promise(requestAnimationFrame)")
    page.goto(site.page("/short"))
    page.goto(site.page("/next"))
    events = arrived(served, 2, named="Page Engaged")
    half = 100 * (height + seen) / 2 / height
    told = values(events, "Page Engaged", "path", "scroll_percent")
    assert told[0] == ("/", pytest.approx(half, abs=1))
    assert told[1] == ("/short", 100)


def test_forms_are_told_by_their_names(served: Served, site: Site, visit: Visit) -> None:
    """Begun once, each field once as it gets the focus, submitted, and those that were left."""
    page = visit().goto(site.page("/", FORMS, title="Forms"))
    page.evaluate("() => addEventListener('submit', (event) => event.preventDefault())")
    page.fill("[name=first]", "Ann")
    page.fill("[name=email]", "ann@shop.example")
    page.fill("[name=secret]", "correct horse")
    page.focus("[name=plan]")
    page.click("[name=sign_up] button")
    page.fill("[name=address]", "ann@shop.example")
    page.goto(site.page("/next"))
    events = arrived(served, 1, named="Form Abandoned")
    assert values(events, "Form Abandoned", "form", "fields", "last_field") == [("letter", 1, "address")]
    events = arrived(served, 8)
    assert values(events, "Form Started", "form") == [("sign_up",), ("letter",)]
    assert values(events, "Form Field Focused", "form", "field") == [
        ("sign_up", "first"),
        ("sign_up", "email"),
        ("sign_up", "plan"),
        ("letter", "address"),
    ]
    assert values(events, "Form Submitted", "form", "fields") == [("sign_up", 3)]


def test_errors_that_are_met(served: Served, site: Site, visit: Visit) -> None:
    """Alerts that appear, fields that are not valid, scripts that fail; each once, and ten a page."""
    body = FORMS + '<p id="alert" role="alert" hidden>Your card was declined</p><p id="other"></p>'
    page = visit().goto(site.page("/", body, title="Pay"))
    page.evaluate("() => { alert_ = document.querySelector('#alert'); alert_.hidden = false; }")
    page.evaluate("() => { alert_.className = 'again'; other.textContent = 'not an alert'; }")
    page.click("[name=sign_up] button")
    page.evaluate("() => setTimeout(() => { throw new Error('no such thing'); })")
    page.evaluate("() => { Promise.reject(new Error('not fetched')); }")
    events = arrived(served, 4, named="Error Shown")
    assert values(events, "Error Shown", "message", "source", "name", "field") == [
        ("Your card was declined", "alert", "Pay", None),
        ("valueMissing", "form", "Pay", "email"),
        ("Uncaught Error: no such thing", "script", "Pay", None),
        ("not fetched", "script", "Pay", None),
    ]
    page.evaluate(
        "() => { for (let i = 0; i < 30; i++) setTimeout(() => { throw new Error(`again ${i}`); }); "
        "return new Promise((done) => setTimeout(done, 100)); }"
    )
    page.goto(site.page("/next"))
    arrived(served, 2, named="Page Viewed")
    assert len(arrived(served, 10, named="Error Shown")) == 10


def test_rage_clicks(served: Served, site: Site, visit: Visit) -> None:
    """Three within a second on one spot are one; more on the same spot are the same one, two are none."""
    page = visit().goto(site.page("/", '<button id="pay">Pay</button><br><br><br><br><br><button>No</button>'))
    for _ in range(5):
        page.click("#pay")
    page.click("text=No", click_count=2)
    page.goto(site.page("/next"))
    arrived(served, 2, named="Page Viewed")
    events = arrived(served, 1, named="Rage Click")
    assert values(events, "Rage Click", "element", "clicks", "name") == [("button#pay", 3, "Home")]


def test_what_of_a_video_was_watched(served: Served, site: Site, visit: Visit) -> None:
    """Which share of it was played, each second once, however the position was moved."""
    site.files["/clip.wav"] = ("audio/wav", _sound(seconds=4))
    page = visit().goto(site.page("/", '<video name="tour" src="/clip.wav" muted></video>'))
    video = "document.querySelector('video')"
    page.evaluate(f"() => {video}.play()")
    arrived(served, 1, named="Video Playback Started")
    page.evaluate(f"() => {{ {video}.pause(); }}")
    arrived(served, 1, named="Video Playback Paused")
    page.evaluate(f"() => {{ {video}.currentTime = 3; return {video}.play(); }}")
    events = arrived(served, 1, named="Video Playback Completed")
    (completed,) = values(events, "Video Playback Completed", "content_asset_id", "total_length", "position")
    assert completed == ("tour", 4, 4)
    ((watched,),) = values(events, "Video Playback Completed", "watched_percent")
    assert 25 <= watched <= 75
    page.goto(site.page("/next"))
    arrived(served, 2, named="Page Viewed")
    told = names(arrived(served, 1))
    assert {name: count for name, count in told.items() if "Video" in name} == {
        "Video Playback Completed": 1,
        "Video Playback Paused": 1,
        "Video Playback Resumed": 1,
        "Video Playback Started": 1,
    }
    sessions = arrived(served, 1).filter(arrived(served, 1)["name"].str.starts_with("Video"))
    assert sessions["properties.session_id:text"].n_unique() == 1


def test_a_video_that_is_left_is_told(served: Served, site: Site, visit: Visit) -> None:
    """Leaving the page while it plays; videos that only decorate a page are not told."""
    site.files["/clip.wav"] = ("audio/wav", _sound(seconds=60))
    decoration = '<video name="sea" src="/clip.wav" muted autoplay loop></video>'
    page = visit().goto(site.page("/", f'{decoration}<video name="tour" src="/clip.wav" muted></video>'))
    page.evaluate("() => document.querySelector('[name=tour]').play()")
    arrived(served, 1, named="Video Playback Started")
    page.goto(site.page("/next"))
    arrived(served, 2, named="Page Viewed")
    events = arrived(served, 1, named="Video Playback Exited")
    assert values(events, "Video Playback Exited", "content_asset_id") == [("tour",)]
    assert values(arrived(served, 1), "Video Playback Started", "content_asset_id") == [("tour",)]


def test_what_the_site_says_itself(served: Served, site: Site, visit: Visit) -> None:
    """Calls of its own, from before the tracker was there too; who somebody is stays until they sign out."""
    calls = "shoal.track('Product Viewed', {price: 12.5}); shoal.identify('ann', {plan: 'team'});"
    page = visit().goto(site.page("/", after=calls))
    assert arrived(served, 3)["name"].to_list() == ["Page Viewed", "Product Viewed", ""]
    page.goto(site.page("/next", after="shoal.track('Product Added'); shoal.reset(); shoal.track('Signed Out');"))
    events = arrived(served, 1, named="Signed Out")
    events = arrived(served, 6)
    assert values(events, "Product Viewed", "price") == [(12.5,)]
    identify = events.filter(events["kind"] == "identify")
    assert identify["traits.plan:text"].to_list() == ["team"]
    by_name = dict(zip(events["name"], zip(events["user_id"], events["anonymous_id"], strict=True), strict=True))
    assert by_name["Product Added"][0] == "ann"
    assert by_name["Signed Out"][0] is None
    assert by_name["Signed Out"][1] != by_name["Product Added"][1]


def test_calls_made_before_the_tracker_came_are_kept(served: Served, site: Site, visit: Visit) -> None:
    """A script that loads later finds what the page wanted to say."""
    site.files["/before.js"] = (
        "text/javascript",
        b"window.shoal = [['track', 'Early', {n: 1}], ['page', 'Named']];",
    )
    visit().goto(site.page("/", '<script src="/before.js"></script>'))
    events = arrived(served, 2)
    assert sorted(names(events)) == ["Early", "Page Viewed"]
    assert values(events, "Page Viewed", "name") == [("Named",)]


def about(seconds: int) -> Any:
    """In milliseconds. What the test does while the clock is not moved on takes a little time, too."""
    return pytest.approx(1000 * seconds, abs=3000)


def _become(page: Any, name: str, value: str, event: str) -> None:
    page.evaluate(
        f"() => {{ Object.defineProperty(document, '{name}', {{value: '{value}', configurable: true}}); "
        f"document.dispatchEvent(new Event('{event}')); }}"
    )


def _sound(*, seconds: int) -> bytes:
    """Silence, which a video element plays as well as pictures."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(1)
        out.setframerate(8000)
        out.writeframes(bytes([128]) * 8000 * seconds)
    return file.getvalue()
