"""A workspace's files: whatever is in them, what can be read is read, and the rest is said with its place."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from shoal.definitions.check import check
from shoal.definitions.workspace import load_workspace
from shoal.errors import DefinitionError, Error, InputError, Problem, Severity
from shoal.model.consent import Purpose
from shoal.model.identifier import Identifier
from shoal.model.time import DAY, MINUTE

GOOD = "segment: good\nwhen: happened('A')\n"


def workspace(folder: Path, **files: str | bytes) -> Path:
    """A workspace with one good segment and these files, written `folder__name` for `folder/name.yaml`."""
    written = {"shoal.yaml": b"name: Test\n", "segments/good.yaml": GOOD.encode()}
    for name, content in files.items():
        path = name.replace("__", "/") + ("" if "." in name else ".yaml")
        written[path] = content.encode() if isinstance(content, str) else content
    for path, content in written.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder


def problems(folder: Path) -> list[Problem]:
    """Every problem, checked to be no reason to stop reading the good segment."""
    loaded = load_workspace(folder)
    found = check(loaded)
    assert any(segment.name == "good" for segment in loaded.definitions.segments)
    return found


def places(found: list[Problem]) -> list[str]:
    return [f"{each.place} {each.code}" for each in found]


UNREADABLE = {
    "nul": (b"segment: a\nwhen: 'x\0'\n", "2 SH012"),
    "latin": ("segment: café\nwhen: everyone()\n".encode("latin-1"), "1 SH012"),
    "utf16": ("segment: a\nwhen: everyone()\n".encode("utf-16"), "1 SH012"),
    "binary": (bytes(range(128, 256)) * 50, "1 SH012"),
    "tabs": (b"segment: a\nwhen:\n\teveryone()\n", "3 SH012"),
    "twice": (b"segment: a\nwhen: everyone()\nwhen: happened('A')\n", "3 SH012"),
    "alias": (b"segment: a\nname: &n x\nwhen: *n\n", "3 SH012"),
    "bomb": (b"a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\nsegment: c\nwhen: everyone()\n", "2 SH012"),
    "merge": (b"base: &b {when: everyone()}\nsegment: a\n<<: *b\n", "3 SH012"),
    "deep": (b"segment: a\nwhen: " + b"[" * 5000 + b"]" * 5000, "1 SH012"),
    "nested": (b"segment: a\nwhen: " + b"[" * 100 + b"]" * 100, "2 SH012"),
    "python": (b"segment: !!python/object/apply:os.system ['true']\nwhen: everyone()\n", "1 SH023"),
    "colon": (b"segment: a\nwhen: count('A', where=name == 'a: b') > 1\n", "2 SH012"),
    "open": (b"segment: a\nwhen: 'everyone()\n", "3 SH012"),
    "document": (b"just words\n", "1 SH023"),
    "list": (b"- 1\n- 2\n", "1 SH023"),
    "number": (b"42\n", "1 SH023"),
    "kinds": (b"segment: a\nfeature: b\nwhen: everyone()\nvalue: count()\n", "1 SH023"),
    "none": (b"name: a\nwhen: everyone()\n", "1 SH023"),
    "misspelled": (b"segmnt: a\nwhen: everyone()\n", "1 SH023"),
    "missing": (b"segment: a\n", "1 SH023"),
    "empty": (b"segment: a\nwhen:\n", "2 SH023"),
    "nested_when": (b"segment: a\nwhen: {x: 1}\n", "2 SH023"),
    "purpose": (b"segment: a\npurpose: fun\nwhen: everyone()\n", "2 SH023"),
    "key": (b"segment: a\nwhen: everyone()\npurpse: ads\n", "3 SH023"),
    "name": (b"segment: A b\nwhen: everyone()\n", "1 SH020"),
    "again": (b"segment: good\nwhen: everyone()\n", "1 SH010"),
    "score": (b"score: s\nparts: {}\n", "2 SH022"),
    "parts": (b"score: s\nparts: [1, 2]\n", "2 SH023"),
    "part": (b"score: s\nparts: {a: 5}\n", "2 SH023"),
    "weight": (b"score: s\nparts: {a: {weight: much, value: everyone()}}\n", "2 SH023"),
    "nan": (b"score: s\nparts: {a: {weight: .nan, value: everyone()}}\n", "2 SH023"),
    "inf": (b"score: s\nparts: {a: {weight: .inf, value: everyone()}}\n", "2 SH023"),
    "negative": (b"score: s\nparts: {a: {weight: -1, value: everyone()}}\n", "1 SH022"),
    "sexagesimal": (b"score: s\nparts: {a: {weight: 1:30, value: everyone()}}\n", "2 SH023"),
    "substitute": (b"score: s\nparts: {a: {weight: 1, value: everyone(), missing: 2}}\n", "2 SH023"),
    "cut": (b"score: s\nparts: {a: {weight: 1, value: scale(count(), 0, 1)}}\n", "2 SH023"),
    "expression": (b"segment: a\nwhen: |\n  everyone()\n    and cuont()\n", "4:9 SH003"),
    "folded": (b"segment: a\nwhen: >\n  everyone() and\n  cuont()\n", "4:3 SH003"),
    "folded_more": (b"segment: a\nwhen: >-\n  everyone()\n\n  and\n  cuont()\nname: x\n", "6:3 SH003"),
    "plain": (b"segment: a\nwhen: everyone()\n  and cuont()\nname: x\n", "3:7 SH003"),
    "plain_below": (b"segment: a\nwhen:\n  everyone()\n  and cuont()\n", "4:7 SH003"),
    "quoted_rows": (b"segment: a\nwhen: 'everyone()\n  and cuont()'\n", "3:7 SH003"),
    "escaped": (b'segment: a\nwhen: "\\x65veryone() and cuont()"\n', "2:23 SH003"),
    "block_indents": (b"segment: a\nwhen: |\n  everyone() and (\n      cuont()\n  )\n", "4:7 SH003"),
    "block_last": (b"segment: a\nwhen: |\n  everyone()\n\n  and cuont()", "5:7 SH003"),
    "block_accents": ("segment: a\nwhen: |\n  happened('é') and cuont()\n".encode(), "3:21 SH003"),
    "twice_the_same": (b"segment: a\nwhen: |\n  everyone()\n  and everyone()\n  and cuont()\n", "5:7 SH003"),
    "quoted": (b'segment: a\nwhen: "everyone() and cuont()"\n', "2:23 SH003"),
    "inline": (b"score: s\nparts: {a: {weight: 1, value: 'cuont()'}}\n", "2:32 SH003"),
}
"""Files that have a problem, with the place and the code of the first one."""


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_bad_file_is_a_problem_with_a_place(name: str, tmp_path: Path) -> None:
    """And the good segment beside it is read all the same."""
    content, expected = UNREADABLE[name]
    found = problems(workspace(tmp_path, **{"segments__zz_bad": content}))
    assert f"segments/zz_bad.yaml:{expected}" in places(found), places(found)
    assert all(len(each.message) < 400 for each in found)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n\n",
        b"# only a note\n",
        b"---\n---\n",
        b"\xef\xbb\xbfsegment: bom\nwhen: everyone()\n",
        b"segment: crlf\r\nwhen: |\r\n  everyone()\r\n  and happened('A')\r\n",
        b"---\nsegment: one\nwhen: happened('A')\n---\nsegment: two\nwhen: happened('B')\n",
        b"- segment: one\n  when: happened('A')\n- {segment: two, when: happened('B')}\n",
        "segment: unicode\nname: Größe 😀\nwhen: happened('Größe')\n".encode(),
    ],
)
def test_what_can_be_read_is_read(content: bytes, tmp_path: Path) -> None:
    """Empty files, marks at the beginning, line ends of Windows, several definitions."""
    assert problems(workspace(tmp_path, segments__more=content)) == []


def test_every_problem_of_every_file_is_found_at_once(tmp_path: Path) -> None:
    """In files, in expressions and between definitions; errors first, then by place."""
    folder = workspace(
        tmp_path,
        shoal="time_zone: Mars/Olympus\nsesion_gap: 1 hour\nretention: 7 dayz\nminimum_members: 1.5\n",
        features__a="feature: a\nvalue: b + 1\n",
        features__b="feature: b\nvalue: a + 1\n",
        segments__bad="segment: bad\nwhen: cuont('A') > 1 and in_list('vipp')\n",
        segments__broken="segment: [\n",
        segments__always="segment: always\nwhen: true\n",
        lists__vip_csv="nobody\n",
    )
    (folder / "lists" / "vip.csv").write_text("name\nann\n")
    found = places(problems(folder))
    assert found == [
        "features/a.yaml:1 SH011",
        "lists/vip.csv:1 SH012",
        "segments/bad.yaml:2:7 SH003",
        "segments/broken.yaml:2 SH012",
        "shoal.yaml:1 SH023",
        "shoal.yaml:2 SH023",
        "shoal.yaml:3 SH006",
        "shoal.yaml:4 SH023",
        "segments/always.yaml:2 SH015",
    ]


def test_resolving_tells_all_errors_and_no_warnings(tmp_path: Path) -> None:
    """What stops an evaluation is everything that is wrong in files and in meaning."""
    folder = workspace(tmp_path, segments__a="segment: a\nwhen: cuont()\n", segments__b="segment: b\nwhen: [1]\n")
    with pytest.raises(DefinitionError) as caught:
        load_workspace(folder).resolve()
    assert [each.code for each in caught.value.problems] == ["SH023", "SH003"]
    assert caught.value.exit_code == 3


def test_a_misspelled_folder_is_not_left_out_in_silence(tmp_path: Path) -> None:
    """`segment/` instead of `segments/` is a warning."""
    (found,) = problems(workspace(tmp_path, segment__a=GOOD))
    assert (found.path, found.severity, found.hint) == ("segment", Severity.WARNING, "did you mean segments?")


def test_files_that_are_too_large_are_not_read(tmp_path: Path) -> None:
    """A definition file of more than a megabyte is no definition."""
    (found,) = problems(workspace(tmp_path, segments__big="# " + "x" * 1_000_001))
    assert (found.code, found.path) == ("SH012", "segments/big.yaml")


def test_a_yaml_bomb_costs_nothing(tmp_path: Path) -> None:
    """Ten levels of ten copies each would be ten thousand million; no alias is followed."""
    rows = ["a0: &a0 [lol]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 11)]
    started = time.perf_counter()
    found = problems(workspace(tmp_path, segments__bomb="\n".join(rows)))
    assert time.perf_counter() - started < 5
    assert [each.code for each in found] == ["SH012"]


def test_a_folder_without_settings_is_no_workspace(tmp_path: Path) -> None:
    """The message says what is missing and how to make one."""
    with pytest.raises(InputError, match=r"there is no shoal\.yaml in it") as caught:
        load_workspace(tmp_path)
    assert caught.value.hint == f"shoal init {tmp_path}"
    with pytest.raises(InputError, match="it is not a folder"):
        load_workspace(tmp_path / "nowhere")
    for name in ("x\0y", "x" * 5000):
        with pytest.raises(InputError):
            load_workspace(tmp_path / name)


def test_a_file_that_cannot_be_opened_is_a_problem(tmp_path: Path) -> None:
    """A broken link, or a folder with the name of a file."""
    folder = workspace(tmp_path)
    (folder / "segments" / "gone.yaml").symlink_to(folder / "nowhere.yaml")
    (folder / "segments" / "folder.yaml").mkdir()
    found = problems(folder)
    assert [each.path for each in found] == ["segments/folder.yaml", "segments/gone.yaml"]
    assert {each.code for each in found} == {"SH012"}


# Settings


def test_settings_are_read(tmp_path: Path) -> None:
    """All of them, each in its own unit."""
    text = """
name: Shop
time_zone: Europe/Paris
calendar: profile
session_gap: 20 minutes
retention: 2 years
minimum_members: 200
consent: {email: granted, ads: yes, analytics: refused}
identity: {shared_device_owners: 3}
"""
    loaded = load_workspace(workspace(tmp_path, shoal=text))
    settings = loaded.settings
    assert (loaded.name, loaded.problems, loaded.identity) == ("Shop", (), {"shared_device_owners": 3})
    assert (settings.time_zone, settings.calendar, settings.session_gap) == (
        "Europe/Paris",
        "profile",
        20 * MINUTE,
    )
    assert (settings.retention, settings.minimum_members) == (730 * DAY, 200)
    assert [purpose for purpose in Purpose if settings.consent[purpose]] == ["personalisation", "email", "ads"]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("- 1\n", "shoal.yaml:1 SH023"),
        ("name: a\n---\nname: b\n", "shoal.yaml:3 SH023"),
        ("time_zone: ../../etc/passwd\n", "shoal.yaml:1 SH023"),
        ("time_zone: [1]\n", "shoal.yaml:1 SH023"),
        ("calendar: lunar\n", "shoal.yaml:1 SH023"),
        ("session_gap: 0 minutes\n", "shoal.yaml:1 SH006"),
        ("session_gap: 30\n", "shoal.yaml:1 SH006"),
        ("session_gap: 99999999999 years\n", "shoal.yaml:1 SH006"),
        ("consent: all\n", "shoal.yaml:1 SH023"),
        ("consent: {email: maybe}\n", "shoal.yaml:1 SH023"),
        ("consent: {e-mail: granted}\n", "shoal.yaml:1 SH023"),
        ("minimum_members: -1\n", "shoal.yaml:1 SH023"),
        ("minimum_members: 1e400\n", "shoal.yaml:1 SH023"),
        ("identity: yes\n", "shoal.yaml:1 SH023"),
        ("name: a\0\n", "shoal.yaml:1 SH012"),
    ],
)
def test_wrong_settings_keep_their_default(text: str, place: str, tmp_path: Path) -> None:
    """And are a problem with its place."""
    folder = workspace(tmp_path, shoal=text)
    assert places(problems(folder)) == [place]
    loaded = load_workspace(folder)
    assert loaded.settings == type(loaded.settings)()


# Lists


def test_lists_are_read(tmp_path: Path) -> None:
    """One identifier a line, with or without its kind above; or a table, of which other columns are not read."""
    folder = workspace(tmp_path, segments__vip="segment: vip\nwhen: in_list('one') and happened('A')\n")
    (folder / "lists").mkdir()
    (folder / "lists" / "one.txt").write_text("ann\n\n bob \nann\n")
    (folder / "lists" / "two.txt").write_text("email\nAnn@Example.org\n")
    (folder / "lists" / "three.csv").write_text(
        'name,email,user_id\n"Ann, A.",Ann@Example.org,ann\nBob,,bob\nshort\n'
    )
    found = load_workspace(folder)
    assert check(found) == []
    assert {each.name: each.identifiers for each in found.definitions.lists} == {
        "one": {Identifier("user_id", "ann"), Identifier("user_id", "bob")},
        "two": {Identifier("email", "ann@example.org")},
        "three": {
            Identifier("email", "ann@example.org"),
            Identifier("user_id", "ann"),
            Identifier("user_id", "bob"),
        },
    }


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("a.csv", b"name\nann\n", 1),
        ("a.csv", b'user_id\n"ann\n', 2),
        ("a.csv", b"user_id\n" + b"x" * 2000, 2),
        ("a.csv", b"user_id\n" + b"x" * 200_000, 2),
        ("a.txt", b"ann\n" + b"x" * 10_000_000, 2),
        ("a.txt", b"ann\n\xff\xfe", 2),
        ("a.txt", b"ann\nb\0b\n", 2),
    ],
)
def test_a_bad_list_is_a_problem(name: str, content: bytes, line: int, tmp_path: Path) -> None:
    """With the line that is the reason."""
    folder = workspace(tmp_path)
    (folder / "lists").mkdir()
    (folder / "lists" / name).write_bytes(content)
    assert places(problems(folder)) == [f"lists/{name}:{line} SH012"]


def test_two_lists_of_one_name_are_a_problem(tmp_path: Path) -> None:
    """As a table and as lines."""
    folder = workspace(tmp_path)
    (folder / "lists").mkdir()
    (folder / "lists" / "vip.csv").write_text("user_id\nann\n")
    (folder / "lists" / "vip.txt").write_text("bob\n")
    assert places(problems(folder)) == ["lists/vip.txt:1 SH010"]


def test_nothing_but_our_own_errors_is_raised(tmp_path: Path) -> None:
    """All the bad files at once."""
    folder = workspace(tmp_path, **{f"segments__{name}": content for name, (content, _) in UNREADABLE.items()})
    assert len(problems(folder)) >= len(UNREADABLE)
    with pytest.raises(Error):
        load_workspace(folder).resolve()
