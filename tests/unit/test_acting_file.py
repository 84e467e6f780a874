"""`acting` and `destinations` of shoal.yaml."""

from __future__ import annotations

import pytest

from shoal.definitions.acting import Acting, Destination, QuietHours
from shoal.definitions.settings_file import read_settings
from shoal.errors import Severity
from shoal.model.firing import Channel

FULL = """\
acting:
  hold_out: 5%
  caps: {email: 1, page: 3}
  quiet_hours: {from: 21:00, to: "08:00", channels: [email, page]}
destinations:
  crm: {webhook: "https://crm.example/hook", secrets: [NEW_SECRET, OLD_SECRET], networks: [10.1.0.0/16]}
  mail: {smtp: "smtp://mail.example:587", user: shop, password: MAIL_PASSWORD, from: "Shop <hello@shop.example>"}
  team: {slack: SLACK_HOOK_URL}
  ads: {audience: ADS_URL}
"""


def test_everything_that_can_be_stated() -> None:
    """Bounds, and destinations of every kind."""
    file, problems = read_settings(FULL)
    assert problems == []
    assert file.acting == Acting(
        hold_out=0.05,
        caps={Channel.EMAIL: 1, Channel.PAGE: 3},
        quiet_hours=(QuietHours(begins=21 * 60, ends=8 * 60, channels=frozenset({Channel.EMAIL, Channel.PAGE})),),
        destinations={
            "crm": Destination(
                name="crm",
                channel=Channel.WEBHOOK,
                address="https://crm.example/hook",
                secret_variables=("NEW_SECRET", "OLD_SECRET"),
                allowed_networks=("10.1.0.0/16",),
            ),
            "mail": Destination(
                name="mail",
                channel=Channel.EMAIL,
                address="smtp://mail.example:587",
                user="shop",
                secret_variables=("MAIL_PASSWORD",),
                sender="Shop <hello@shop.example>",
            ),
            "team": Destination(name="team", channel=Channel.SLACK, address_variable="SLACK_HOOK_URL"),
            "ads": Destination(name="ads", channel=Channel.AUDIENCE, address_variable="ADS_URL"),
        },
    )


def test_what_is_left_out_bounds_nothing() -> None:
    """No hold-out, no caps, no quiet hours, no destinations."""
    assert read_settings("name: Shop\n")[0].acting == Acting()
    file, problems = read_settings("acting:\n  quiet_hours: {from: '22:30', to: '24:00'}\n")
    assert problems == []
    assert file.acting.quiet_hours == (
        QuietHours(begins=22 * 60 + 30, ends=0, channels=frozenset({Channel.EMAIL})),
    )


WRONG = {
    "key": ("acting: {cap: {email: 1}}", "SH023"),
    "share": ("acting: {hold_out: 5}", "SH023"),
    "share_above": ("acting: {hold_out: 101%}", "SH023"),
    "channel": ("acting: {caps: {sms: 1}}", "SH023"),
    "half": ("acting: {caps: {email: 1.5}}", "SH023"),
    "below": ("acting: {caps: {email: -1}}", "SH023"),
    "time": ("acting: {quiet_hours: {from: '25:00', to: '08:00'}}", "SH023"),
    "clock": ("acting: {quiet_hours: {from: 9pm, to: '08:00'}}", "SH023"),
    "no_end": ("acting: {quiet_hours: {from: '21:00'}}", "SH023"),
    "no_length": ("acting: {quiet_hours: {from: '21:00', to: '21:00'}}", "SH023"),
    "quiet_channel": ("acting: {quiet_hours: {from: '21:00', to: '08:00', channels: sms}}", "SH023"),
    "several": ("acting: {quiet_hours: 3}", "SH023"),
    "name": ("destinations: {Crm: {slack: HOOK}}", "SH020"),
    "page": ("destinations: {page: {slack: HOOK}}", "SH020"),
    "none": ("destinations: {crm: {url: https://a.example}}", "SH023"),
    "two": ("destinations: {crm: {slack: A, audience: B}}", "SH023"),
    "foreign": ("destinations: {crm: {slack: A, user: b}}", "SH023"),
    "unsigned": ("destinations: {crm: {webhook: 'https://a.example'}}", "SH023"),
    "no_address": ("destinations: {crm: {audience: }}", "SH023"),
    "no_url": ("destinations: {crm: {audience: a.example/hook}}", "SH023"),
    "scheme": ("destinations: {crm: {audience: 'ftp://a.example'}}", "SH023"),
    "port": ("destinations: {crm: {audience: 'https://a.example:port/'}}", "SH023"),
    "mail": ("destinations: {crm: {smtp: 'https://a.example', from: a@b.example}}", "SH023"),
    "no_sender": ("destinations: {crm: {smtp: 'smtp://a.example'}}", "SH023"),
    "sender": ("destinations: {crm: {smtp: 'smtp://a.example', from: Shop}}", "SH023"),
    "sender_lines": ('destinations: {crm: {smtp: "smtp://a.example", from: "a@b.example\\nBcc: x@y"}}', "SH023"),
    "network": ("destinations: {crm: {slack: HOOK, networks: [10.1.2.3/16]}}", "SH023"),
    "secret": ("destinations: {crm: {webhook: 'https://a.example', secrets: [whsec_abc]}}", "SH103"),
    "password": ("destinations: {crm: {smtp: 'smtp://a.example', from: a@b.c, password: hunter2}}", "SH103"),
    "slack_url": ("destinations: {crm: {slack: 'https://hooks.slack.com/services/hunter2'}}", "SH103"),
    "userinfo": ("destinations: {crm: {audience: 'https://me:hunter2@a.example'}}", "SH103"),
    "mail_userinfo": ("destinations: {crm: {smtp: 'smtp://me:hunter2@a.example', from: a@b.c}}", "SH103"),
    "query": ("destinations: {crm: {audience: 'https://a.example?token=hunter2'}}", "SH103"),
}
"""Settings with one mistake, and its code."""


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_has_a_place_and_something_to_do(name: str) -> None:
    """Of one code, on its line; a secret is never repeated."""
    text, code = WRONG[name]
    _, problems = read_settings(f"name: Shop\n{text}\n")
    assert {(each.code, each.line) for each in problems} == {(code, 2)}, problems
    assert "hunter2" not in str(problems)
    assert "whsec_abc" not in str(problems)


@pytest.mark.parametrize("text", ["acting: {caps: {email: 0}}", "acting: {hold_out: 100%}"])
def test_bounds_that_let_nothing_through_are_warnings(text: str) -> None:
    """They can be meant."""
    _, (problem,) = read_settings(text)
    assert (problem.code, problem.severity) == ("SH104", Severity.WARNING)
