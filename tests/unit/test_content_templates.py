"""Templates of contents: what they may say, and that filling them in never fails and never lets markup in."""

from __future__ import annotations

import html

import pytest

from shoal.definitions.channel_contents import FIELDS, REQUIRED, fill_contents
from shoal.definitions.content_templates import has_script, problems_of_template, render, web_address
from shoal.model.firing import Channel, Fact

FACTS = {"name": "Ann", "total": 12.5, "count": 3.0, "big": True, "gone": None, "odd": "<b>&'\"", "empty": ""}


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("Hello {{ name }}!", "Hello Ann!"),
        ("{{ nobody }}{{ gone }}", ""),
        ('{{ nobody|default("you") }} {{ gone|default("you") }} {{ empty|default("you") }}', "you you you"),
        ("{{ count }} {{ total }} {{ big }}", "3 12.5 yes"),
        ("{{ total|fixed }} {{ total|fixed(1) }} {{ total|round }} {{ name|fixed }}", "12.50 12.5 12 Ann"),
        ("{{ name|upper }} {{ name|lower }} {{ odd|upper }}", "ANN ann <B>&'\""),
        ('{{ "ann lee"|capitalize }} {{ name|truncate(2) }} {{ name|truncate(3) }}', "Ann lee A… Ann"),
        ("{{ odd|urlencode }}", "%3Cb%3E%26%27%22"),
        ("{% if big %}yes{% else %}no{% endif %}{% if gone %}yes{% else %}no{% endif %}", "yesno"),
        ('{% if name == "Ann" and not gone %}a{% elif name != "Bob" %}b{% endif %}', "a"),
        ("{{ name if big else odd }}", "Ann"),
        ("{{ odd }}", "<b>&'\""),
        ("{# nothing #}{% raw %}{{ name }}{% endraw %}\n", "{{ name }}\n"),
    ],
)
def test_a_template_is_filled_in(template: str, expected: str) -> None:
    """As text; a fact that is missing is an empty one."""
    assert list(problems_of_template(template, FACTS.keys() | {"nobody"}, is_html=False)) == []
    assert render(template, FACTS, escaped=False) == expected


@pytest.mark.parametrize(
    ("template", "hint"),
    [
        ("{{ nmae }}", 'did you mean "name"?'),
        ("{{ name|uper }}", 'did you mean "upper"?'),
        ("{{ name|truncate }}", "truncate(length: a whole number from 0 to 1000)"),
        ("{{ name|truncate(1001) }}", "truncate(length: a whole number from 0 to 1000)"),
        ("{{ name|truncate(count) }}", "truncate(length: a whole number from 0 to 1000)"),
        ("{{ name|default(*odd) }}", "default(instead: a text or a number)"),
        ("{{ name|safe }}", ""),
        ("{{ name.upper }}", "compute it as one of the values of the action"),
        ('{{ name["upper"] }}', "compute it as one of the values of the action"),
        ("{{ name.__class__.__mro__ }}", "compute it as one of the values of the action"),
        ("{{ name() }}", "compute it as one of the values of the action"),
        ("{{ count + 1 }}", "compute it as one of the values of the action"),
        ('{{ "a" * 1000000000 }}', "compute it as one of the values of the action"),
        ("{{ [name] }}", "compute it as one of the values of the action"),
        ("{% if count > 2 %}x{% endif %}", "compare in a value of the action; here only == and != are read"),
        ("{% for x in name %}{% endfor %}", ""),
        ("{% set x = name %}", ""),
        ("{% include name %}", ""),
        ("{% macro m() %}{% endmacro %}", ""),
        ("{% filter upper %}x{% endfilter %}", ""),
        ("{% autoescape false %}{{ name }}{% endautoescape %}", ""),
        ("{{ range(3) }}", ""),
        ("{{ name", ""),
        ("{% if name %}", ""),
        ("{% if big %}" * 200 + "{% endif %}" * 200, ""),
        ("(" * 5000 + "{{ " + "(" * 5000 + "name", ""),
        ("x" * 100_001, ""),
    ],
)
def test_what_templates_do_not_say(template: str, hint: str) -> None:
    """Nothing is called, looped over, looked into or computed; each mistake says what to do instead."""
    found = list(problems_of_template(template, FACTS, is_html=True))
    assert found
    assert all(each.line == 1 for each in found)
    assert not hint or hint in {each.hint for each in found}


def test_a_problem_has_its_line() -> None:
    """Lines count from 1 within the template."""
    template = "Hello\n{{ name }}\n\n<a\nhref='{{ nobody }}'>{{ name|uper }}</a><a href={{ name }}>"
    found = list(problems_of_template(template, FACTS, is_html=True))
    assert [(each.line, each.message) for each in found] == [
        (5, "there is no value named nobody"),
        (5, "there is no filter named uper"),
        (5, "an attribute is filled in without quotes"),
    ]


SCRIPTS = [
    "javascript:alert(1)",
    " JavaScript:alert(1)",
    "java\nscript:alert(1)",
    "java\tscript:alert(1)",
    "\x01javascript:alert(1)",
    "java&#x0A;script:alert(1)",
    "&#106;avascript:alert(1)",
    "vbscript:x",
    "data:text/html,<script>alert(1)</script>",
]


@pytest.mark.parametrize("address", SCRIPTS)
def test_the_address_of_a_script_is_no_address(address: str) -> None:
    """However it is disguised: in a template, in a fact, in a url."""
    template = f'<a href="{address}">x</a>'
    assert [each.message for each in problems_of_template(template, [], is_html=True)]
    assert has_script(address)
    link = html.unescape(address)  # what a fact holds is no HTML: an entity in it is text
    assert render('<a href="{{ link }}">x</a>', {"link": link}, escaped=True) == '<a href="">x</a>'
    assert web_address(html.unescape(address)) == ""


@pytest.mark.parametrize("markup", ["<script>x</script>", "<img src=x onerror=alert(1)>", "<IFRAME src=/>"])
def test_html_holds_no_scripts(markup: str) -> None:
    """Neither as elements nor as what happens on a click."""
    (problem,) = problems_of_template(f"<p>{markup}</p>", [], is_html=True)
    assert problem.message == "holds a script, which contents never do"


def test_texts_that_only_look_like_scripts_stay() -> None:
    """A book about JavaScript is no script."""
    title = "JavaScript: The Good Parts"
    assert render("<b>{{ title }}</b>", {"title": title}, escaped=True) == f"<b>{title}</b>"
    assert web_address("https://shop.example/a?b=c:d") == "https://shop.example/a?b=c:d"
    assert web_address("/cart") == "/cart"


def test_in_html_a_fact_is_text() -> None:
    """Its markup is escaped once, also after filters."""
    template = "<p>{{ odd }} {{ odd|upper }} {{ odd|default('x') }}</p>"
    expected = "<p>&lt;b&gt;&amp;&#39;&#34; &lt;B&gt;&amp;&#39;&#34; &lt;b&gt;&amp;&#39;&#34;</p>"
    assert render(template, FACTS, escaped=True) == expected


@pytest.mark.parametrize(
    ("fact", "text"),
    [
        (None, ""),
        (12.0, "12"),
        (0.1 + 0.2, "0.3"),
        (-1.5, "-1.5"),
        (True, "yes"),
        (False, "no"),
        ("a", "a"),
        ("", ""),
    ],
)
def test_values_are_written_as_people_write_them(fact: Fact, text: str) -> None:
    """Whole numbers without a point, nothing for what is missing."""
    assert render("[{{ x }}]", {"x": fact}, escaped=False) == f"[{text}]"


def test_values_are_no_templates() -> None:
    """Filled in once, and in HTML as text: whoever is called so does not get to write a page."""
    facts: dict[str, Fact] = {"name": "{{ secret }}<script>", "secret": "42"}
    mail = {"subject": "{{name}} {{ secret }}", "html": "<b>{{ name }}</b>"}
    assert fill_contents(Channel.EMAIL, mail, facts) == {
        "subject": "{{ secret }}<script> 42",
        "html": "<b>{{ secret }}&lt;script&gt;</b>",
    }


def test_contents_are_made_fit_for_their_channel() -> None:
    """The subject is one line, a url is the address of a page, only the HTML of an e-mail is HTML."""
    facts = {"who": "<Ann>\r\nBcc: all@shop.example", "link": "javascript:alert(1)"}
    mail = {"subject": "Hello {{ who }}", "text": "Hello {{ who }}", "html": "<p>{{ who }}</p>"}
    assert fill_contents(Channel.EMAIL, mail, facts) == {
        "subject": "Hello <Ann> Bcc: all@shop.example",
        "text": "Hello <Ann>\r\nBcc: all@shop.example",
        "html": "<p>&lt;Ann&gt;\r\nBcc: all@shop.example</p>",
    }
    page = {"offer": "demo", "title": "{{ who }}", "url": "{{ link }}", "code": "{{ nothing }}"}
    assert fill_contents(Channel.PAGE, page, facts) == {"offer": "demo", "title": "<Ann> Bcc: all@shop.example"}
    assert fill_contents(Channel.SLACK, {"text": "{{ trigger }}"}, {"trigger": "t"}) == {"text": "t"}


def test_every_channel_says_what_it_takes() -> None:
    """What is required is known, for every channel there is."""
    assert set(FIELDS) == set(REQUIRED) == set(Channel)
    assert all(set(REQUIRED[channel]) <= set(FIELDS[channel]) for channel in Channel)
