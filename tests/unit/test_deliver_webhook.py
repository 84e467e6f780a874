"""Webhooks, audiences and Slack: what arrives, how it is verified, and what answers mean."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from email.utils import format_datetime
from hashlib import sha256

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError
from tests.delivering import NOW, Received, Sink, delivery, guard

from shoal.deliver.audience import AudienceSender
from shoal.deliver.posting import THROTTLED, Poster, meaning_of, read_retry_after
from shoal.deliver.sender import Result, Sender, Sent
from shoal.deliver.slack import SlackSender
from shoal.deliver.webhook import Signatures, WebhookSender, read_secret, webhook_body
from shoal.errors import InputError
from shoal.model.firing import Channel, Delivery

SECRETS = [f"whsec_{base64.b64encode(bytes([number]) * 32).decode()}" for number in (1, 2)]
FACTS = st.dictionaries(
    st.text(max_size=8), st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)


def wall_clock() -> int:
    return time.time_ns() // 1_000_000


def signed(poster: Poster, *secrets: str) -> WebhookSender:
    return WebhookSender(poster, Signatures([read_secret(each) for each in secrets]), clock=wall_clock)


def sent_to_sink(
    make: Callable[[Poster], Sender],
    *deliveries: Delivery,
    answer: Callable[[Received], web.StreamResponse | Awaitable[web.StreamResponse]] = lambda _: web.Response(),
    timeout_s: float = 20,
) -> tuple[list[Sent], list[Received]]:
    """What a sender says of deliveries to a real server, and what came there."""

    async def story() -> tuple[list[Sent], list[Received]]:
        async with Sink(answer) as sink:
            url = f"http://sink.example:{sink.port}/hook"
            sender = make(Poster(url, guard(), clock=wall_clock, timeout_s=timeout_s))
            sent = [await sender.send(each) for each in deliveries]
            await sender.close()
            return sent, sink.got

    return asyncio.run(story())


def test_the_unmodified_library_verifies_what_arrives() -> None:
    """By its own `verify`, over the bytes as they came."""
    content = {"direction": "entered", "effective_at": "2026-02-25T06:13:19.500Z"}
    one = delivery("fir_abc_1", content=content, facts={"greeting": "Grüße, Ann", "spent": 12.5, "city": None})
    [sent], [got] = sent_to_sink(lambda poster: signed(poster, SECRETS[0]), one)
    told = Webhook(SECRETS[0]).verify(got.body, dict(got.headers))
    assert sent.result is Result.DELIVERED
    assert told == {
        "type": "trigger.fired",
        "timestamp": "2026-02-25T06:13:20.000Z",
        "data": {
            "trigger": "cart_abandoned",
            "person": "user_id:ann",
            "firing": "fir_1",
            "direction": "entered",
            "effective_at": "2026-02-25T06:13:19.500Z",
            "values": {"greeting": "Grüße, Ann", "spent": 12.5, "city": None},
        },
    }
    assert (got.path, got.headers["webhook-id"]) == ("/hook", "fir_abc_1")
    assert got.headers["Content-Type"] == "application/json"
    assert got.headers["Host"].startswith("sink.example:")


@given(FACTS)
def test_whatever_is_said_is_signed_as_it_is_sent(facts: dict[str, object]) -> None:
    """The signature is of the very bytes."""
    body = webhook_body(delivery(facts=facts))
    headers = Signatures([read_secret(SECRETS[0])]).headers("fir_1", body, wall_clock())
    assert Webhook(SECRETS[0]).verify(body, headers)["data"]["values"] == json.loads(json.dumps(facts))


def test_while_secrets_change_either_verifies() -> None:
    """Two secrets, two signatures; a third one fits neither."""
    _, [got] = sent_to_sink(lambda poster: signed(poster, *SECRETS), delivery())
    for secret in SECRETS:
        Webhook(secret).verify(got.body, dict(got.headers))
    with pytest.raises(WebhookVerificationError):
        Webhook(f"whsec_{base64.b64encode(b'3' * 32).decode()}").verify(got.body, dict(got.headers))


def test_what_was_changed_on_the_way_is_not_verified() -> None:
    """Body, id and moment are all part of the signature."""
    _, [got] = sent_to_sink(lambda poster: signed(poster, SECRETS[0]), delivery())
    headers = {name.lower(): value for name, value in got.headers.items()}
    for changed in (
        {"webhook-id": "fir_2"},
        {"webhook-timestamp": str(int(headers["webhook-timestamp"]) + 1)},
    ):
        with pytest.raises(WebhookVerificationError):
            Webhook(SECRETS[0]).verify(got.body, headers | changed)
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRETS[0]).verify(got.body + b" ", headers)


def test_every_attempt_has_the_same_id_and_body() -> None:
    """So that receivers can tell repetitions; only the moment and the signature are new."""
    one = delivery("fir_1-0")
    again = delivery("fir_1-0", attempts=3, reason="it answered 503", not_before=NOW + 9)
    _, got = sent_to_sink(lambda poster: signed(poster, SECRETS[0]), one, again)
    assert got[0].body == got[1].body
    assert [each.headers["webhook-id"] for each in got] == ["fir_1-0", "fir_1-0"]
    assert "." not in got[0].headers["webhook-id"]


@pytest.mark.parametrize(
    "wrong", ["", "hunter2", "whsec_", "whsec_" + "A" * 30, SECRETS[0][:-2], SECRETS[0] + "!", SECRETS[0][6:]]
)
def test_what_is_no_secret_does_not_sign(wrong: str) -> None:
    """A secret that lost letters would sign what nobody can verify. The error does not repeat it."""
    with pytest.raises(InputError) as caught:
        read_secret(wrong)
    assert not wrong or wrong == "whsec_" or wrong not in str(caught.value)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_only_2xx_is_success(status: int) -> None:
    """All of it."""
    assert meaning_of(status, None, NOW).result is Result.DELIVERED


@pytest.mark.parametrize("status", [300, 304, 400, 401, 403, 404, 408, 409, 422, 429, 500, 502, 503, 504])
def test_everything_else_is_tried_again(status: int) -> None:
    """Nothing is lost because a receiver was set up wrongly for an hour."""
    assert meaning_of(status, None, NOW).result is Result.AGAIN


def test_410_ends_a_destination() -> None:
    """As the specification says."""
    assert meaning_of(410, None, NOW).result is Result.GONE


@pytest.mark.parametrize("status", [400, 413, 422])
def test_some_answers_speak_against_one_delivery_only(status: int) -> None:
    """They do not open the breaker."""
    assert not meaning_of(status, None, NOW).is_destinations_fault
    assert meaning_of(500, None, NOW).is_destinations_fault


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_retry_after_is_honoured_where_it_is_meant(status: int) -> None:
    """For answers that throttle."""
    assert meaning_of(status, "120", NOW).retry_after_ms == (120_000 if status in THROTTLED else None)


def test_retry_after_is_seconds_or_a_date() -> None:
    """Anything else is nothing; a date that has passed is no wait."""
    later = format_datetime(datetime.fromtimestamp(NOW / 1000 + 90, UTC), usegmt=True)
    assert read_retry_after("90", NOW) == read_retry_after(later, NOW) == 90_000
    assert read_retry_after("Wed, 21 Oct 2015 07:28:00 GMT", NOW) == 0
    assert [read_retry_after(odd, NOW) for odd in (None, "", "soon", "-5", "1.5", "²")] == [None] * 6
    assert read_retry_after("9" * 400, NOW) is not None


def test_an_answer_that_does_not_come_is_a_failure() -> None:
    """After the time for an attempt, also when it drips."""

    async def drip(_: Received) -> web.StreamResponse:
        await asyncio.sleep(1)
        return web.Response()

    [sent], _ = sent_to_sink(lambda poster: signed(poster, SECRETS[0]), delivery(), answer=drip, timeout_s=0.2)
    assert (sent.result, sent.reason) == (Result.AGAIN, "no answer within 0.2 s")


def test_a_huge_answer_is_not_read_to_its_end() -> None:
    """What a receiver answers is of no interest, however much it is."""
    huge = web.Response(body=b"x" * 50_000_000)
    [sent], _ = sent_to_sink(lambda poster: signed(poster, SECRETS[0]), delivery(), answer=lambda _: huge)
    assert sent.result is Result.DELIVERED


def test_a_closed_port_is_a_failure_in_words() -> None:
    """The reason names neither the address nor the URL."""

    async def story() -> Sent:
        sink = await Sink().begin()
        await sink.end()
        poster = Poster(f"http://sink.example:{sink.port}/secret", guard(), clock=wall_clock)
        sent = await signed(poster, SECRETS[0]).send(delivery())
        await poster.close()
        return sent

    sent = asyncio.run(story())
    assert (sent.result, sent.reason) == (Result.AGAIN, "no connection: Connection refused")


def audience(**content: object) -> Delivery:
    return delivery("fir_9-0", channel=Channel.AUDIENCE, content=content, facts={"plan": "pro"})


def test_audiences_are_told_as_segment_tells_them() -> None:
    """A track call with the audience's key as a property."""
    _, got = sent_to_sink(
        lambda poster: AudienceSender(poster, clock=wall_clock, write_key="key"),
        audience(audience_key="vip", is_member=True),
        audience(audience_key="vip", is_member=False),
    )
    entered, exited = (json.loads(each.body) for each in got)
    assert entered == {
        "type": "track",
        "event": "Audience Entered",
        "messageId": "fir_9-0",
        "timestamp": "2026-02-25T06:13:20.000Z",
        "properties": {"plan": "pro", "audience_key": "vip", "vip": True},
        "userId": "ann",
    }
    assert (exited["event"], exited["properties"]["vip"]) == ("Audience Exited", False)
    assert got[0].headers["Authorization"] == f"Basic {base64.b64encode(b'key:').decode()}"


def test_an_anonymous_person_is_told_as_one() -> None:
    """And who has neither id by a hash, as advertisers compare addresses: the address itself is not passed on."""
    members = {"audience_key": "vip", "is_member": True}
    sent, got = sent_to_sink(
        lambda poster: AudienceSender(poster, clock=wall_clock),
        delivery(person="anonymous_id:7f3", content=members),
        delivery(person="email:Ann@x.example", content=members),
        delivery(person="user_id:ann", content={**members, "profile": "anonymous_id:7f3"}),
        delivery(content={}),
    )
    device, hashed, former = (json.loads(each.body) for each in got)
    assert [each.result for each in sent] == [*[Result.DELIVERED] * 3, Result.REFUSED]
    assert (device["anonymousId"], former["anonymousId"], "userId" in former) == ("7f3", "7f3", False)
    told = sha256(b"ann@x.example").hexdigest()
    assert hashed["anonymousId"] == hashed["context"]["externalIds"][0]["id"] == told
    assert b"ann@" not in got[1].body.lower()


def test_audiences_can_be_signed() -> None:
    """Like webhooks."""
    signatures = Signatures([read_secret(SECRETS[0])])
    _, [got] = sent_to_sink(
        lambda poster: AudienceSender(poster, clock=wall_clock, signatures=signatures),
        audience(audience_key="vip", is_member=True),
    )
    Webhook(SECRETS[0]).verify(got.body, dict(got.headers))


def test_slack_gets_text() -> None:
    """In which nothing mentions a channel or hides a link."""
    message = delivery(channel=Channel.SLACK, content={"text": "<!channel> Ann & Bob <https://x|here>"})
    [sent], [got] = sent_to_sink(SlackSender, message, answer=lambda _: web.Response(text="ok"))
    assert sent.result is Result.DELIVERED
    assert json.loads(got.body)["text"] == "&lt;!channel&gt; Ann &amp; Bob &lt;https://x|here&gt;"


@pytest.mark.parametrize(
    ("status", "answer", "result"),
    [
        (200, "ok", Result.DELIVERED),
        (200, "<html>welcome to the hotel</html>", Result.AGAIN),
        (400, "invalid_payload", Result.REFUSED),
        (404, "no_service", Result.GONE),
        (410, "channel_is_archived", Result.GONE),
        (403, "action_prohibited", Result.AGAIN),
        (429, "rate_limited", Result.AGAIN),
        (500, "rollup_error", Result.AGAIN),
    ],
)
def test_slack_answers_with_a_word(status: int, answer: str, result: Result) -> None:
    """`ok`, or what is wrong. What is no word of Slack's is not repeated."""
    headers = {"retry-after": "30"}
    [sent], _ = sent_to_sink(
        SlackSender,
        delivery(channel=Channel.SLACK, content={"text": "Hello"}),
        answer=lambda _: web.Response(status=status, text=answer, headers=headers),
    )
    assert sent.result is result
    assert "html" not in sent.reason
    assert sent.retry_after_ms == (30_000 if status == 429 else None)
