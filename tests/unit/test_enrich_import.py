"""Imported events are enriched as live ones are, and those of bots are counted as left out."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl

from shoal.collect import import_files, load_mapping
from shoal.definitions.workspace import load_workspace
from shoal.enrich import enricher_of
from shoal.journal import Archive

AGENTS = {
    "ann": "Mozilla/5.0 (iPhone; CPU iPhone OS 17_1 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 Safari/604",
    "bot": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
}


def messages(path: Path) -> Path:
    """One message of a person, with an address and a text, and one of a bot."""
    lines = [
        {
            "type": "track",
            "event": "Message Sent",
            "userId": who,
            "messageId": who,
            "timestamp": "2026-01-01T00:00:00Z",
            "properties": {"body": "Such a great price!"},
            "context": {"userAgent": agent, "ip": "81.2.69.1", "page": {"url": "https://a.example/?utm_source=x"}},
        }
        for who, agent in AGENTS.items()
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_an_import_is_enriched(tmp_path: Path) -> None:
    """Importing again still changes nothing."""
    (tmp_path / "shoal.yaml").write_text("enrich:\n  texts: {Message Sent: body}\n")
    file, archive = messages(tmp_path / "messages.ndjson"), Archive(tmp_path / "archive")
    enrich = enricher_of(load_workspace(tmp_path)).enrich
    segment, failed = load_mapping("segment"), tmp_path / "failed.ndjson"
    imported = import_files([file], segment, archive, failed=failed, enrich=enrich)
    again = import_files([file], segment, archive, failed=failed, enrich=enrich)

    assert (imported.rows, imported.added, dict(imported.skipped)) == (2, 1, {"an event of a bot": 1})
    assert (again.rows, again.added) == (0, 0)
    (event,) = pl.concat(archive.read()).to_dicts()
    assert event["user_id"] == "ann"
    assert event["context.device.type:text"] == "mobile"
    assert event["context.campaign.source:text"] == "x"
    assert event["properties.motive:text"] == "price"
    assert event["properties.tone:number"] > 0
    assert event.get("properties.body:text") is None
    assert "context.ip:text" not in event
