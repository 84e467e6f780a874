"""The commands on a very small shop: what they print, what they write, how they end."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from shoal.cli import MODULES, SUMMARIES, load_command
from tests.functional.shop import Shop, event, shop_events

TABLES = ("features.parquet", "scores.parquet", "memberships.parquet")


def members(shop: Shop, folder: str = "out") -> set[tuple[str, str]]:
    return set(pl.read_parquet(shop.folder / folder / "memberships.parquet").iter_rows())


# run


def test_run_writes_who_is_in_which_segment(shop: Shop) -> None:
    """Memberships follow the definitions, and consent: only ann allowed e-mail."""
    ran = shop.shoal("run", "--as-of", "newest")
    assert ran.code == 0
    assert members(shop) == {
        ("user_id:ann", "left_cart"),
        ("user_id:ann", "viewers"),
        ("user_id:ann", "mailable"),
        ("user_id:bob", "viewers"),
    }
    assert "as of 2026-03-02 10:00:00 UTC" in ran.out


def test_run_writes_features_in_their_units(shop: Shop) -> None:
    """Moments are moments, durations are durations, and what a profile does not have is null."""
    shop.shoal("run", "--as-of", "newest")
    features = pl.read_parquet(shop.folder / "out/features.parquet")
    assert features.schema == {
        "profile": pl.String,
        "views": pl.Float64,
        "last_order": pl.Datetime("ms", "UTC"),
        "last_seen": pl.Duration("ms"),
        "plan": pl.String,
    }
    assert features["profile"].to_list() == ["anonymous_id:d3", "user_id:ann", "user_id:bob"]
    assert features["views"].to_list() == [0, 2, 1]
    assert features["plan"].to_list() == [None, "pro", None]


def test_run_writes_scores_with_their_parts(shop: Shop) -> None:
    """A part that nobody has is left out, and the other one counts for all."""
    shop.shoal("run", "--as-of", "newest")
    scores = pl.read_parquet(shop.folder / "out/scores.parquet")
    assert scores.columns == ["profile", "interest", "interest.views", "interest.rating"]
    assert scores.row(1) == ("user_id:ann", 50.0, 0.5, None)


def test_run_twice_writes_the_same_bytes(shop: Shop) -> None:
    """The same events, definitions and moment make the same files."""
    for folder in ("one", "other"):
        shop.shoal("run", "--as-of", "newest", "--out", str(shop.folder / folder))
    for name in (*TABLES, "run.json"):
        assert (shop.folder / "one" / name).read_bytes() == (shop.folder / "other" / name).read_bytes()


def test_a_past_moment_knows_only_what_came_before_it(
    shop: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--as-of` in the past answers as a workspace does that has only the events up to then."""
    earlier = Shop(tmp_path / "earlier", capsys)
    earlier.append(
        each for each in shop_events() if each.occurred_at <= event("2026-03-01T12:00:00", "").occurred_at
    )
    for workspace in (shop, earlier):
        workspace.shoal("run", "--as-of", "2026-03-01T12:00:00Z")
    for name in TABLES:
        assert (shop.folder / "out" / name).read_bytes() == (earlier.folder / "out" / name).read_bytes()


def test_run_tells_when_events_are_old(shop: Shop) -> None:
    """Without --as-of it looks at the present, and says that nothing has happened for long."""
    ran = shop.shoal("run")
    assert ran.code == 0
    assert "shoal run --as-of newest" in ran.out


def test_run_as_json_says_what_run_json_says(shop: Shop) -> None:
    """One document, the same as the file, and where the files are."""
    answer = json.loads(shop.shoal("run", "--as-of", "newest", "--json").out)
    assert answer.pop("out") == str(shop.folder / "out")
    assert answer == json.loads((shop.folder / "out/run.json").read_text())
    assert answer["profiles"] == 3
    assert answer["events_of_nobody"] == 1
    assert answer["segments"] == {"left_cart": 1, "viewers": 2, "mailable": 1}


def test_run_without_events_ends_well(empty_shop: Shop) -> None:
    """No events, no profiles, and a hint."""
    ran = empty_shop.shoal("run")
    assert ran.code == 0
    assert "There are no events yet" in ran.out
    assert members(empty_shop) == set()


def test_changes_have_the_exact_moment(shop: Shop) -> None:
    """Bob enters the cart segment with his cart and leaves it with his order; ann leaves when her week is over."""
    ran = shop.shoal("run", "--as-of", "2026-03-20", "--from", "2026-03-01", "--json")
    changes = pl.read_parquet(shop.folder / "out/membership_changes.parquet")
    carts = changes.filter(pl.col("segment") == "left_cart", pl.col("profile").str.starts_with("user_id"))
    found = [(str(at.replace(tzinfo=None)), who, direction) for at, who, _, direction in carts.iter_rows()]
    assert json.loads(ran.out)["changes"] == len(changes)
    assert found == [
        ("2026-03-01 10:06:00", "user_id:ann", "entered"),
        ("2026-03-01 12:01:00", "user_id:bob", "entered"),
        ("2026-03-01 12:30:00", "user_id:bob", "left"),
        ("2026-03-08 10:05:00", "user_id:ann", "left"),
    ]


# segments


def test_segments_show_sizes_changes_and_trend(shop: Shop) -> None:
    """The change is that since the moment looked at before, whatever the order of the runs."""
    for moment in ("2026-03-01T10:02:00Z", "2026-03-01T10:00:00Z", "newest"):
        shop.shoal("run", "--as-of", moment)
    answer = json.loads(shop.shoal("segments", "--json").out)
    viewers = next(each for each in answer["segments"] if each["segment"] == "viewers")
    assert [each["members"] for each in viewers["trend"]] == [1, 1, 2]
    assert viewers["change"] == 1
    assert viewers["health"] == "ok"
    assert next(each for each in answer["segments"] if each["segment"] == "mailable")["health"] == "small"
    assert "viewers" in shop.shoal("segments").out


def test_a_changed_definition_begins_a_new_trend(shop: Shop) -> None:
    """A size that was found under another meaning is not shown, and not compared with."""
    shop.shoal("run", "--as-of", "2026-03-01T12:00:00Z")
    shop.write("features/shop.yaml", 'feature: views\nvalue: count("Product Viewed", within="1 day")\n')
    shop.write("scores/shop.yaml", "")
    before = json.loads(shop.shoal("segments", "--json").out)
    assert {each["segment"]: each["health"] for each in before["segments"]}["viewers"] == "not evaluated"
    shop.shoal("run", "--as-of", "newest")
    after = json.loads(shop.shoal("segments", "--json").out)
    by_name = {each["segment"]: each for each in after["segments"]}
    assert by_name["viewers"]["change"] is None
    assert by_name["mailable"]["change"] == 0


def test_segments_ask_for_a_run_first(shop: Shop) -> None:
    """Nothing is shown that was not evaluated."""
    ran = shop.shoal("segments")
    assert ran.code == 2
    assert "shoal run" in ran.err


# profile, explain, export, identity, check


@pytest.mark.parametrize("identifier", ["ann", "user_id:ann", "email:Ann@example.org", "ann@example.org", "d1"])
def test_a_profile_is_found_by_any_identifier(shop: Shop, identifier: str) -> None:
    """With its kind or without, written as it was sent."""
    answer = json.loads(shop.shoal("profile", identifier, "--as-of", "newest", "--json").out)
    assert answer["profile"] == "user_id:ann"
    assert set(answer["identifiers"]) == {"user_id:ann", "email:ann@example.org", "anonymous_id:d1"}
    assert set(answer["segments"]) == {"left_cart", "mailable", "viewers"}
    assert answer["scores"]["interest"] == {"value": 50.0, "parts": {"views": 0.5, "rating": None}}
    assert answer["features"]["views"] == {"kind": "number", "value": 2.0}
    assert answer["consent"]["email"] == {"granted": True, "stated": True}
    assert [each["events"] for each in answer["sessions"]] == [3]


def test_a_profile_is_shown_for_people(shop: Shop) -> None:
    """Identifiers, consent, segments, scores, features and sessions, each under its name."""
    out = shop.shoal("profile", "ann", "--as-of", "newest").out
    for word in ("user_id:ann", "Consent", "Segments", "Scores", "Features", "Last sessions", "left out"):
        assert word in out


def test_an_identifier_of_two_people_needs_its_kind(shop: Shop) -> None:
    """The same text as user and as device of somebody else is not guessed."""
    shop.append([event("2026-03-02T11:00:00", "Product Viewed", device="bob")])
    ran = shop.shoal("profile", "bob", "--as-of", "newest")
    assert ran.code == 2
    assert "say of which kind: anonymous_id, user_id" in ran.err
    assert shop.shoal("profile", "user_id:bob", "--as-of", "newest").code == 0


def test_explain_shows_conditions_values_and_events(shop: Shop) -> None:
    """Why, with what decided, and until when."""
    out = shop.shoal("explain", "ann", "left_cart", "--as-of", "newest").out
    assert "user_id:ann is in left_cart" in out
    assert '✓ happened("Product Added", within="7 days")' in out
    assert "2026-03-01 10:05:00  Product Added" in out
    assert "Leaves at 2026-03-08 10:05:00 UTC if nothing else happens" in out


def test_explain_says_why_not(shop: Shop) -> None:
    """Bob ordered after his cart: that condition is marked, with the order."""
    answer = json.loads(shop.shoal("explain", "bob", "left_cart", "--as-of", "newest", "--json").out)
    assert answer["is_member"] is False
    assert answer["changes_at"] is None
    failed = [each for each in answer["reason"]["below"][-1]["below"] if each["answer"] is False]
    assert [each["below"][0]["evidence"]["latest"][0]["name"] for each in failed] == ["Order Completed"]


def test_explain_speaks_of_the_last_run(shop: Shop) -> None:
    """Without --as-of, what is explained is what was shown."""
    shop.shoal("run", "--as-of", "2026-03-01T10:06:00Z")
    assert json.loads(shop.shoal("explain", "ann", "viewers", "--json").out)["as_of"] == "2026-03-01T10:06:00.000Z"


def test_export_writes_no_formulas(shop: Shop) -> None:
    """Cells that a spreadsheet would run begin with an apostrophe; numbers stay numbers."""
    out = shop.shoal("export", "viewers", "--with", "views", "--with", "interest", "--as-of", "newest").out
    rows = out.splitlines()
    assert rows[0] == '"profile","user_id","email","phone","anonymous_id","views","interest"'
    assert rows[1] == '"user_id:ann","ann","ann@example.org",,"d1",2.0,50.0'
    assert rows[2] == '"user_id:bob","bob","\'=cmd|x@example.org",,"d2",1.0,25.0'


def test_export_as_parquet_keeps_values_as_they_are(shop: Shop) -> None:
    """A table is no spreadsheet: nothing is written before what looks like a formula."""
    path = shop.folder / "members.parquet"
    ran = shop.shoal("export", "viewers", "--out", str(path), "--as-of", "newest", "--json")
    assert json.loads(ran.out) == {"members": 2, "out": str(path)}
    assert pl.read_parquet(path)["email"].to_list() == ["ann@example.org", "=cmd|x@example.org"]


def test_identity_tells_merges_and_blocked_values(shop: Shop) -> None:
    """Who became one with whom, and what names nobody."""
    answer = json.loads(shop.shoal("identity", "--as-of", "newest", "--json").out)
    assert answer["profiles"] == 3
    assert answer["blocked"] == [{"kind": "anonymous_id", "value": "null", "events": 1}]
    assert {each["profile"] for each in answer["merges"]} == {
        "anonymous_id:d1",
        "anonymous_id:d2",
        "email:ann@example.org",
        "email:=cmd|x@example.org",
    }
    assert "Shared devices" in shop.shoal("identity", "--as-of", "newest").out


def test_check_finds_names_that_never_came(shop: Shop) -> None:
    """A warning with the place and the name that was probably meant; warnings end well unless strict."""
    shop.write("segments/typo.yaml", 'segment: typo\nwhen: happened("Product View", where=price > 1)\n')
    ran = shop.plain("check", str(shop.folder), "--json")
    found = [each for each in json.loads(ran.out) if each["code"] == "SH013"]
    assert [(each["path"], each["line"]) for each in found] == [("segments/typo.yaml", 2)]
    assert ran.code == 0
    assert shop.plain("check", str(shop.folder), "--strict").code == 3


def test_check_knows_properties_that_came(shop: Shop) -> None:
    """A property that was seen is no problem."""
    shop.write("segments/price.yaml", 'segment: price\nwhen: happened("Product Added", where=price > 1)\n')
    problems = json.loads(shop.plain("check", str(shop.folder), "--json").out)
    assert [each["path"] for each in problems if each["code"] == "SH014"] == ["scores/shop.yaml"]


def test_check_ends_with_3_for_errors(shop: Shop) -> None:
    """Every error at once, each with its place."""
    shop.write("segments/bad.yaml", "segment: bad\nwhen: cuont() > 1\n---\nsegment: worse\nwhen: 1 +\n")
    ran = shop.plain("check", str(shop.folder))
    assert ran.code == 3
    assert "segments/bad.yaml:2:7: error SH003" in ran.out
    assert "2 errors" in ran.out


# The command line itself


def test_help_is_there_at_once() -> None:
    """Asking for help loads neither tables nor kernels."""
    code = (
        "import sys; from shoal.cli import run; run(['--help']); "
        "sys.exit(any(name in sys.modules for name in ('polars', 'numba', 'numpy', 'scipy')))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("name", SUMMARIES)
def test_every_command_has_help(shop: Shop, name: str) -> None:
    """Each command that is listed can be loaded and explains its options."""
    module = importlib.import_module(f"shoal.commands.{MODULES.get(name, name)}")
    assert module.command.__doc__
    assert load_command(name) is not None
    assert "--help" in shop.plain(name, "--help").out


def test_every_command_is_documented() -> None:
    """The reference has a chapter for each, with each of its options."""
    page = (Path(__file__).parents[2] / "docs/reference/commands.md").read_text()
    for name in SUMMARIES:
        assert f"## shoal {name}" in page
        chapter = page.partition(f"## shoal {name}\n")[2].partition("\n## ")[0]
        for option in load_command(name).params:
            if option.param_type_name == "option" and option.name != "help":
                assert option.opts[0] in chapter, f"shoal {name} {option.opts[0]}"


def test_a_misspelled_command_is_corrected(shop: Shop) -> None:
    """The name that was probably meant is told."""
    ran = shop.plain("segmnts")
    assert ran.code == 2
    assert "segments" in ran.err


# Ranks and purchase models


RANKED = """
    segment: top_viewers
    when: rank(count("Product Viewed")) > 0.5
"""


def version_count(shop: Shop) -> int:
    return len(list((shop.folder / ".shoal/frozen").glob("frozen-*")))


def test_the_first_run_makes_the_reference_distributions(shop: Shop) -> None:
    """Later runs read the same ones, until somebody asks for a refresh."""
    shop.write("segments/ranked.yaml", RANKED)
    shop.shoal("run", "--as-of", "newest")
    assert ("user_id:ann", "top_viewers") in members(shop)
    shop.shoal("run", "--as-of", "2026-03-03")
    assert version_count(shop) == 1
    shop.shoal("run", "--as-of", "2026-03-03", "--refresh")
    assert version_count(shop) == 2
    summary = json.loads((shop.folder / "out/run.json").read_text())
    assert summary["frozen"] == {"as_of": "2026-03-03T00:00:00.000Z", "without": {}}


def test_a_rank_of_something_else_is_made_anew(shop: Shop) -> None:
    """A definition that changed does not read the distribution of what it was before."""
    shop.write("segments/ranked.yaml", RANKED)
    shop.shoal("run", "--as-of", "newest")
    shop.write("segments/ranked.yaml", RANKED.replace("Product Viewed", "Product Added"))
    assert "not asked for at the last refresh" in shop.shoal("explain", "ann", "top_viewers").out
    shop.shoal("run", "--as-of", "newest")
    assert version_count(shop) == 2


def test_what_cannot_be_made_says_why(shop: Shop) -> None:
    """A purchase model of one purchase is none; the run tells it and goes on."""
    shop.write(
        "segments/loyal.yaml",
        'segment: loyal\nwhen: probability_alive(of="Order Completed", model="bg_nbd") > 0.5\n',
    )
    ran = shop.shoal("run", "--as-of", "newest")
    assert ran.code == 0
    assert "No value of bg_nbd of count" in ran.out
    assert len(json.loads((shop.folder / "out/run.json").read_text())["frozen"]["without"]) == 1
    shop.shoal("run", "--as-of", "newest")
    assert version_count(shop) == 1


def test_a_damaged_refresh_is_named(shop: Shop) -> None:
    """The exit code is that of the store."""
    shop.write("segments/ranked.yaml", RANKED)
    shop.shoal("run", "--as-of", "newest")
    path = next((shop.folder / ".shoal/frozen").glob("frozen-*"))
    path.write_bytes(path.read_bytes()[:100])
    ran = shop.shoal("run", "--as-of", "newest")
    assert ran.code == 4
    assert path.name in ran.err
