"""Contents are filled in whatever the facts are, and no fact brings markup into HTML."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shoal.definitions.content_templates import FILTERS, problems_of_template, render

NAMES = ("name", "count", "none", "other")
TEXTS = st.sampled_from(("javascript:x", "<b>", '"', "'", "", "Ann")) | st.text(max_size=8)
FACT = st.none() | st.booleans() | st.floats() | TEXTS
VALUE = st.sampled_from((*NAMES, '"text"', "3", "2.5"))
ARGUMENTS = {"default": ['"x"', "3"], "truncate": ["0", "3"], "round": ["", "2"], "fixed": ["", "0"]}


@st.composite
def templates(draw) -> str:
    """Templates of everything that may stand in them."""
    parts = []
    for _ in range(draw(st.integers(0, 4))):
        value, other, name = draw(VALUE), draw(VALUE), draw(st.sampled_from(sorted(FILTERS)))
        argument = draw(st.sampled_from(ARGUMENTS.get(name, [""])))
        filtered = f"{value}|{name}({argument})" if argument else f"{value}|{name}"
        parts.append(
            draw(
                st.sampled_from(
                    (
                        f"{{{{ {filtered} }}}}",
                        f'<a title="{{{{ {filtered} }}}}">',
                        f"{{% if {value} == {other} or not {other} %}}{{{{ {filtered} }}}}{{% endif %}}",
                        "text ",
                    )
                )
            )
        )
    return "".join(parts)


@given(templates(), st.dictionaries(st.sampled_from(NAMES), FACT))
def test_what_was_checked_never_fails(template: str, facts: dict[str, object]) -> None:
    """Whatever the facts are; and in HTML none of them brings an element."""
    assert list(problems_of_template(template, NAMES, is_html=True)) == []
    render(template, facts, escaped=False)
    filled = render(template, facts, escaped=True)
    assert filled.count("<") == filled.count("<a title=")
