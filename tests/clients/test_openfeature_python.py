"""OpenFeature's Python provider, unmodified, against a shop that is served."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from shoal.decide import Rates
from tests.functional.collecting import KEY
from tests.functional.deciding import ANN, BOB, PHONE, SERVER_KEY, STRANGER, DecidingShop, deciding_shop

api = pytest.importorskip("openfeature.api", reason="openfeature-sdk is not installed")
ofrep = pytest.importorskip("openfeature.contrib.provider.ofrep", reason="the OFREP provider is not installed")

from openfeature.evaluation_context import EvaluationContext  # noqa: E402
from openfeature.exception import ErrorCode  # noqa: E402
from openfeature.flag_evaluation import Reason  # noqa: E402


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DecidingShop]:
    """Ann looked at two products and signed in as ann; Bob looked at one."""
    with deciding_shop(tmp_path_factory.mktemp("shop"), rates=Rates(per_address=0, per_key=0)) as shop:
        shop.view(ANN)
        shop.view(BOB, times=1)
        shop.send({"type": "identify", "userId": "ann", "anonymousId": ANN, "messageId": "i1"})
        yield shop


@pytest.fixture
def client(shop: DecidingShop) -> Iterator[Any]:
    """A client with the secret of a server."""
    yield from clients(shop.url, SERVER_KEY)


def clients(url: str, key: str | None) -> Iterator[Any]:
    headers = {} if key is None else {"X-API-Key": key}
    provider = ofrep.OFREPProvider(url, headers_factory=lambda: headers)
    api.set_provider(provider)
    try:
        yield api.get_client()
    finally:
        api.clear_providers()
        provider.session.close()


def of(key: str, **attributes: Any) -> EvaluationContext:
    return EvaluationContext(targeting_key=key, attributes=attributes)


def test_content_by_type(client: Any) -> None:
    """A slot as an object, its fields as text, number and truth, with the choice as the variant."""
    whole = client.get_object_details("hero", {}, of("ann"))
    assert whole.value == {"title": "10 % off", "percent": 10.0, "urgent": True}
    assert (whole.variant, whole.reason, whole.error_code) == ("discount", Reason.TARGETING_MATCH, None)
    assert whole.flag_metadata["reason"] == '"discount" is for this person'
    assert client.get_string_value("hero.title", "code", of("ann")) == "10 % off"
    assert client.get_float_value("hero.percent", 0.5, of("ann")) == 10.0
    assert client.get_boolean_value("hero.urgent", False, of("ann")) is True


def test_segments_are_truths(client: Any) -> None:
    """For who is in them, who is not, and who is not known; by user id and by other identifiers."""
    assert client.get_boolean_value("segment.viewers", False, of("ann")) is True
    assert client.get_boolean_value("segment.viewers", False, of(f"anonymous_id:{ANN}")) is True
    assert client.get_boolean_value("segment.viewers", True, of(f"anonymous_id:{BOB}")) is False
    stranger = client.get_boolean_details("segment.viewers", True, of("nobody"))
    assert (stranger.value, stranger.variant, stranger.reason) == (False, "not_member", Reason.DEFAULT)


def test_the_context_decides(client: Any) -> None:
    """Attributes are the context of the request."""
    phone = client.get_object_details("hero", {}, of("nobody", userAgent=PHONE))
    assert (phone.value, phone.variant) == ({"title": "Get the app"}, "app")
    assert client.get_object_details("hero", {}, of("nobody", device="desktop")).variant == "default"


def test_a_field_that_is_not_shown_is_the_programs_own(client: Any) -> None:
    """The default in the call, with no error."""
    found = client.get_float_details("hero.percent", 0.5, of("nobody"))
    assert (found.value, found.reason, found.variant, found.error_code) == (0.5, Reason.DEFAULT, "default", None)


def test_mistakes_have_their_codes(client: Any) -> None:
    """The value is the program's own, and the code says why."""
    missing = client.get_string_details("footer", "code", of("ann"))
    assert (missing.value, missing.error_code) == ("code", ErrorCode.FLAG_NOT_FOUND)
    assert missing.error_message == "there is no such slot, field of a slot, or segment"
    assert client.get_string_details("hero.title", "code").error_code == ErrorCode.TARGETING_KEY_MISSING
    odd = client.get_string_details("hero.title", "code", of("ann", local_hour=99))
    assert odd.error_code == ErrorCode.INVALID_CONTEXT
    mismatch = client.get_integer_details("hero.percent", 1, of("ann"))
    assert (mismatch.value, mismatch.error_code) == (1, ErrorCode.TYPE_MISMATCH)


def test_with_a_write_key_only_ones_own(shop: DecidingShop) -> None:
    """Slots by an anonymous id; neither segments nor user ids."""
    for client in clients(shop.url, KEY):
        assert client.get_string_value("hero.title", "code", of(ANN)) == "10 % off"
        assert client.get_string_value("hero.title", "code", of(STRANGER)) == "Welcome"
        assert client.get_boolean_details("segment.viewers", False, of(ANN)).error_code == ErrorCode.FLAG_NOT_FOUND
        for key in ("user_id:ann", "ann"):
            refused = client.get_string_details("hero.title", "code", of(key))
            assert (refused.value, refused.error_message) == ("code", "forbidden")


@pytest.mark.parametrize("key", [None, "nobody"])
def test_without_a_key_nothing(shop: DecidingShop, key: str | None) -> None:
    """The program goes on with its own defaults."""
    for client in clients(shop.url, key):
        refused = client.get_string_details("hero.title", "code", of(ANN))
        assert (refused.value, refused.error_message) == ("code", "unauthorized")


def test_who_asks_too_often_waits(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The provider reads Retry-After and asks nothing until then."""
    with deciding_shop(tmp_path_factory.mktemp("slow"), rates=Rates(per_address=0, per_key=0.02)) as shop:
        for client in clients(shop.url, KEY):
            assert client.get_object_details("hero", {}, of(STRANGER)).error_code is None
            second = client.get_object_details("hero", {}, of(STRANGER))
            assert second.error_message == "Rate limited, retry after: 50"
            third = client.get_object_details("hero", {}, of(STRANGER))
            assert third.error_message.startswith("OFREP evaluation paused")
