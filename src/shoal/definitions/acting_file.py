"""How a workspace acts, from its settings file: `acting` and `destinations` of shoal.yaml.

Secrets stand in no file: a destination names the environment variable that holds one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from email.utils import parseaddr
from ipaddress import ip_network
from urllib.parse import SplitResult, parse_qsl, urlsplit

from shoal.definitions.acting import Acting, Destination, QuietHours
from shoal.definitions.forms import Form
from shoal.definitions.names import NAME_HINT, is_name
from shoal.definitions.yaml_lines import Entry, Several, Text
from shoal.errors import Problem, Severity
from shoal.model.firing import Channel

KEYS = ("hold_out", "caps", "quiet_hours")
QUIET_KEYS = ("from", "to", "channels")
KINDS = {
    "webhook": (Channel.WEBHOOK, ("webhook", "secrets", "networks")),
    "smtp": (Channel.EMAIL, ("smtp", "user", "password", "from", "networks")),
    "slack": (Channel.SLACK, ("slack", "networks")),
    "audience": (Channel.AUDIENCE, ("audience", "secrets", "networks")),
}
"""What a destination can be, by the key that says so: its channel, and the keys that it takes."""

_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]{0,127}")
_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)|24:00")
_SHARE = re.compile(r"(\d+(?:\.\d+)?)\s*%")
_VARIABLE_HINT = "name the environment variable that holds it, such as CRM_SECRET"
_SECRET_PARAMETERS = re.compile(r"token|secret|password|api_?key|signature", re.IGNORECASE)


def read_acting(form: Form) -> Acting:
    """What the settings form states; whatever is wrong is noted and keeps its default."""
    destinations = form.form("destinations", "destinations")
    stated = {} if destinations is None else {each.name: each for each in _destinations(destinations)}
    below = form.form("acting", "acting")
    if below is None:
        return Acting(destinations=stated)
    below.refuse_unknown(KEYS)
    return Acting(
        hold_out=_hold_out(below), caps=_caps(below), quiet_hours=tuple(_quiet_hours(below)), destinations=stated
    )


def _hold_out(form: Form) -> float:
    stated = form.text("hold_out", "0%")
    share = _SHARE.fullmatch(stated)
    if share is None or float(share[1]) > 100:
        form.note("hold_out", "hold_out is a share of all people", "write it like 5%")
        return 0.0
    if float(share[1]) == 100:
        _warn(form, "hold_out", "everybody is held out, so no trigger ever does anything", "keep it below 100%")
    return float(share[1]) / 100


def _caps(form: Form) -> Mapping[Channel, int]:
    below = form.form("caps", "caps")
    if below is None:
        return {}
    below.refuse_unknown([channel.value for channel in Channel])
    found = {}
    for channel in Channel:
        if channel.value not in below:
            continue
        number = below.number(channel.value, 0)
        if number != int(number) or number < 0:
            below.note(channel.value, f"the cap of {channel.value} is how many a day: a whole number, 0 or more")
            continue
        if number == 0:
            _warn(below, channel.value, f"nothing is ever sent on the channel {channel.value}", "its cap is 0")
        found[channel] = int(number)
    return found


def _quiet_hours(form: Form) -> Iterator[QuietHours]:
    for below in form.each("quiet_hours", "quiet_hours"):
        below.refuse_unknown(QUIET_KEYS)
        begins, ends = _time(below, "from"), _time(below, "to")
        channels = frozenset(_channels(below))
        if not below.require("from", "to") or begins is None or ends is None:
            continue
        if begins == ends:
            below.note("to", "quiet hours that end when they begin", "leave them out, or say until when")
            continue
        yield QuietHours(begins=begins, ends=ends, channels=channels)


def _time(form: Form, key: str) -> int | None:
    """Minutes after midnight. YAML takes 21:00 for a number; what counts is how it is written."""
    found = form.get_text(key)
    time = None if found is None else _TIME.fullmatch(found.text.strip())
    if found is not None and time is None:
        form.note(key, f"{key} of {form.what} is a time of day", 'write it like "21:00"')
    if time is None:
        return None
    return 0 if time[1] is None else int(time[1]) * 60 + int(time[2])


def _channels(form: Form) -> Iterator[Channel]:
    """Those that are stated; without a word, e-mail: it is what wakes people."""
    words = [channel.value for channel in Channel]
    for text in _texts(form, "channels") if "channels" in form else [Channel.EMAIL.value]:
        if text in words:
            yield Channel(text)
        else:
            form.note("channels", f'there is no channel "{text[:40]}"', ", ".join(words))


# Destinations


def _destinations(form: Form) -> Iterator[Destination]:
    for name, below in form.forms("destination"):
        below.what = f"the destination {name[:80]}"
        kinds = [kind for kind in KINDS if kind in below]
        if not is_name(name) or name == Channel.PAGE.value:
            hint = NAME_HINT if name != Channel.PAGE.value else "pages need no destination"
            form.note(name, f'"{name[:80]}" is not a name for a destination', hint, code="SH020")
        if len(kinds) != 1:
            below.refuse_unknown([key for _, keys in KINDS.values() for key in keys])
            below.note("", f"{below.what} is one of {', '.join(KINDS)}")
            continue
        channel, keys = KINDS[kinds[0]]
        below.refuse_unknown(keys)
        yield _destination(name, kinds[0], channel, below)


def _destination(name: str, kind: str, channel: Channel, form: Form) -> Destination:
    address, variable = _address(form, kind)
    secrets = tuple(_variables(form, "password" if kind == "smtp" else "secrets"))
    if kind == "webhook":
        form.require("secrets")  # whoever receives a webhook has to know that it comes from here
    if kind == "smtp":
        form.require("from")
    return Destination(
        name=name,
        channel=channel,
        address=address,
        address_variable=variable,
        secret_variables=secrets,
        user=form.text("user"),
        sender=_sender(form),
        allowed_networks=tuple(_networks(form)),
    )


def _address(form: Form, kind: str) -> tuple[str, str]:
    """The URL, or the name of the variable that holds it because it is a secret itself."""
    found = form.get_text(kind)
    if found is None:
        return "", ""
    stated = found.text.strip()
    if _VARIABLE.fullmatch(stated):
        return "", stated
    if kind == "slack":
        _note_secret(form, kind, f"the address of {form.what} is a secret")
        return "", ""
    url = _url(stated)
    if url is None or url.scheme not in (("smtp", "smtps", "smtp+plain") if kind == "smtp" else ("https", "http")):
        usual = "smtp://mail.example:587" if kind == "smtp" else "https://crm.example/hook"
        form.note(kind, f"the address of {form.what} is no URL that can be used", f"write it like {usual}")
        return "", ""
    if "@" in url.netloc or any(_SECRET_PARAMETERS.search(key) for key, _ in parse_qsl(url.query)):
        _note_secret(form, kind, f"the address of {form.what} holds a secret")
        return "", ""
    return stated, ""


def _url(text: str) -> SplitResult | None:
    try:
        url = urlsplit(text)
        _ = url.port  # raises ValueError for what is no number
    except ValueError:
        return None
    return url if url.hostname and not re.search(r"[\x00-\x20\x7f\\]", text) else None


def _variables(form: Form, key: str) -> Iterator[str]:
    for text in _texts(form, key):
        if _VARIABLE.fullmatch(text):
            yield text
        else:
            _note_secret(form, key, f"{key} of {form.what} is a secret itself")


def _note_secret(form: Form, key: str, message: str) -> None:
    """What was written is not repeated: problems are shown, logged and sent around."""
    form.note(key, message, _VARIABLE_HINT, code="SH103")


def _sender(form: Form) -> str:
    stated = form.text("from")
    _, address = parseaddr(stated)
    local, _, domain = address.rpartition("@")
    if stated and (not local or not domain or re.search(r"[\r\n]", stated)):
        form.note(
            "from", f"from of {form.what} is no address of e-mail", "write it like Shop <hello@shop.example>"
        )
        return ""
    return stated


def _networks(form: Form) -> Iterator[str]:
    for text in _texts(form, "networks"):
        try:
            ip_network(text)
        except ValueError:
            form.note("networks", f'"{text[:80]}" is no network', "write it like 10.1.0.0/16")
        else:
            yield text


def _texts(form: Form, key: str) -> Iterator[str]:
    """One text or a list of them; anything else is noted."""
    entry: Entry | None = form.fields.entries.get(key)
    for each in entry.entries if isinstance(entry, Several) else [] if entry is None else [entry]:
        if isinstance(each, Text) and each.text.strip() and not each.is_nothing:
            yield each.text.strip()
        else:
            form.note(key, f"{key} of {form.what} is a text, or a list of texts")


def _warn(form: Form, key: str, message: str, hint: str) -> None:
    problem = Problem(
        code="SH104", message=message, hint=hint, path=form.path, line=form.line(key), severity=Severity.WARNING
    )
    form.problems.append(problem)
