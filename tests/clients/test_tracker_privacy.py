"""What never leaves a page: values, secrets, anything without consent; and what Global Privacy Control does."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from tests.clients.tracked import Site, Visitor, arrived, batches, bodies, names
from tests.functional.collecting import Served, wait_until

Visit = Callable[..., Visitor]

SECRETS = ("correct-horse", "4111111111111111", "ann@private.example", "hidden-note", "secret-answer")

FORM = """
<form name="account">
  <input name="mail"><input name="word" type="password"><input name="shown" autocomplete="new-password">
  <textarea name="words"></textarea>
  <div data-private><input name="answer"><button type="button" id="inside">In here</button>
    <p role="alert" id="inner" hidden></p></div>
  <button>Save</button>
</form>
<form name="whole" data-private><input name="card"><button>Pay</button></form>
<p role="alert" id="outer" hidden></p>
"""


def test_no_value_and_nothing_private_leaves_the_page(served: Served, site: Site, visit: Visit) -> None:
    """Not by fields, not by the messages of errors that repeat them, not by what happens inside data-private."""
    page = visit().goto(site.page("/", FORM))
    page.evaluate("() => addEventListener('submit', (event) => event.preventDefault())")
    page.fill("[name=mail]", SECRETS[2])
    page.fill("[name=word]", SECRETS[0])
    page.fill("[name=shown]", SECRETS[0])
    page.fill("[name=words]", SECRETS[3])
    page.fill("[name=answer]", SECRETS[4])
    page.fill("[name=card]", SECRETS[1])
    for _ in range(4):
        page.click("#inside")
    page.evaluate(
        f"""() => {{
          inner.textContent = 'Wrong: {SECRETS[4]}'; inner.hidden = false;
          outer.textContent = 'No account {SECRETS[2]}, {SECRETS[0]} or 4111 1111 1111 1111, see {SECRETS[3]}';
          outer.hidden = false;
          setTimeout(() => {{ throw new Error('cannot save {SECRETS[3]} for bob@elsewhere.example'); }});
        }}"""
    )
    page.click("text=Pay")
    page.click("text=Save")
    page.goto(site.page("/next"))
    arrived(served, 2, named="Page Viewed")
    sent = bodies(served)
    assert [secret for secret in SECRETS if secret in sent] == []
    assert "elsewhere" not in sent
    assert "4111" not in sent
    assert [name for name in ("word", "shown", "answer", "card", "whole", "inside") if f'"{name}"' in sent] == []
    told = names(arrived(served, 1))
    assert told["Form Started"] == told["Form Submitted"] == 1
    assert told["Form Field Focused"] == 2
    assert told["Error Shown"] == 2
    assert "Rage Click" not in told


def test_nothing_is_sent_or_kept_until_consent_is_given(served: Served, site: Site, visit: Visit) -> None:
    """Where consent is required; what happened on the page until then is told with it, in its order."""
    visitor = visit()
    page = visitor.goto(site.page("/", FORM, tag='data-consent="required"'))
    page.click("[name=mail]")
    page.evaluate("() => { shoal.track('Held', {n: 1}); shoal.consent({email: true}); }")
    page.wait_for_timeout(1000)
    assert visitor.sent(served.url) == []
    assert visitor.stored() == {}
    page.evaluate("() => shoal.consent({analytics: true, personalisation: false})")
    events = arrived(served, 5)
    assert names(events) == {"": 1, "Form Field Focused": 1, "Form Started": 1, "Held": 1, "Page Viewed": 1}
    said = events.filter(pl.col("kind") == "consent").row(0, named=True)
    assert {key: said[f"consent.{key}:truth"] for key in ("analytics", "email", "personalisation")} == {
        "analytics": True,
        "email": True,
        "personalisation": False,
    }
    page.goto(site.page("/next", tag='data-consent="required"', after="shoal.consent({analytics: true})"))
    arrived(served, 2, named="Page Viewed")
    assert names(arrived(served, 7))[""] == 1


def test_refused_at_once_nothing_is_ever_sent_or_kept(served: Served, site: Site, visit: Visit) -> None:
    """A page that says so while it loads, as a consent banner does that remembers the answer."""
    visitor = visit()
    page = visitor.goto(site.page("/", FORM, after="shoal.consent({analytics: false})"))
    page.click("[name=mail]")
    page.evaluate("() => { shoal.track('Never'); shoal.identify('ann'); shoal.page('Never'); shoal.reset(); }")
    page.wait_for_timeout(1000)
    page.goto(site.page("/next", tag='data-consent="required"'))
    page.evaluate("() => { shoal.track('Never'); shoal.consent({analytics: false}); shoal.track('Never'); }")
    page.wait_for_timeout(1000)
    page.goto("about:blank")
    assert visitor.sent(served.url) == []
    assert served.entries() == []
    page.goto(site.page("/last", tag='data-consent="required"'))
    assert visitor.stored() == {}


def test_withdrawal_is_told_once_and_clears_the_device(served: Served, site: Site, visit: Visit) -> None:
    """A collector that knows the device hears the refusal; after that nothing is sent, here and on other pages."""
    visitor = visit()
    address = site.page("/", FORM)
    page = visitor.goto(address)
    other = visitor.open()
    other.goto(address)
    arrived(served, 2, named="Page Viewed")
    page.evaluate("() => shoal.consent({analytics: false, ads: false})")
    wait_until(lambda: served.decoded().events["kind"].to_list().count("consent") == 1)
    said = served.events().filter(pl.col("kind") == "consent").row(0, named=True)
    assert said["consent.analytics:truth"] is False
    assert said["consent.ads:truth"] is False
    assert visitor.stored() == {}
    count = len(served.entries())
    for each in (page, other):
        each.evaluate("() => { shoal.track('Never'); }")
        each.click("[name=mail]")
    page.wait_for_timeout(1000)
    other.close()
    page.goto("about:blank")
    assert len(served.entries()) == count
    assert "Never" not in bodies(served)


def test_a_refusal_while_the_page_loads_is_told_too(served: Served, site: Site, visit: Visit) -> None:
    """Of a device that was known until then, before anything else of the page."""
    visitor = visit()
    page = visitor.goto(site.page("/"))
    arrived(served, 1)
    page.goto(site.page("/next", after="shoal.track('Never'); shoal.consent({analytics: false});"))
    wait_until(lambda: "consent" in served.decoded().events["kind"].to_list())
    page.goto(site.page("/last", after="shoal.consent({analytics: false})"))
    page.wait_for_timeout(1000)
    assert visitor.stored() == {}
    assert names(served.events()) == {"": 1, "Page Engaged": 1, "Page Viewed": 1}


def test_global_privacy_control_is_recorded(served: Served, site: Site, visit: Visit) -> None:
    """With every event, by what the page says; and by the browser's own header, which no page can forge."""
    visitor = visit(gpc=True)
    page = visitor.goto(site.page("/", after="shoal.consent({ads: true, sharing: true})"))
    page.goto(site.page("/next"))
    events = arrived(served, 2, named="Page Viewed")
    events = arrived(served, 4)
    assert events["context.gpc:truth"].to_list() == [True] * len(events)
    assert all(each["context"]["gpc"] for batch in batches(served) for each in batch["batch"])
    assert "1" in {entry.arrival.headers.get("sec-gpc") for entry in served.entries()}


def test_without_it_nothing_is_said_of_global_privacy_control(served: Served, site: Site, visit: Visit) -> None:
    """Absence is no statement."""
    visit().goto(site.page("/"))
    arrived(served, 1)
    assert "gpc" not in bodies(served)


def test_no_cookies_and_nobody_else_is_asked(served: Served, site: Site, visit: Visit) -> None:
    """The browser asks the site and the collector, and keeps one id."""
    visitor = visit()
    page = visitor.goto(site.page("/", FORM))
    page.click("[name=mail]")
    page.goto(site.page("/next"))
    arrived(served, 2, named="Page Viewed")
    assert [url for url in visitor.asked if not url.startswith((site.url, served.url))] == []
    assert visitor.context.cookies() == []
    assert set(visitor.stored()) == {"shoal.id"}
