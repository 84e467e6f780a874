"""No secret and no person stands in logs, in answers, or in files where they have no business."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx

from shoal.runtime.places import SHOAL_FOLDER, SUPPRESSION_FOLDER
from tests.functional.test_operations import served
from tests.functional.test_serve_live import PATIENCE_S, members, wait_until

SETTINGS = """
name: Shop
sources:
  web: {write_key: wr1te-key-of-web, origins: [https://shop.example]}
  old: {write_key: wr1te-key-of-old, enabled: false}
destinations:
  crm: {webhook: "https://crm.example.invalid/hook", secrets: [CRM_SECRET]}
  mail:
    smtp: "smtp://mail.example.invalid:587"
    user: shop
    password: MAIL_PASSWORD
    from: "Shop <hello@shop.example>"
  team: {slack: SLACK_HOOK_URL}
"""

DEFINITIONS = """
segment: buyers
when: happened("Order Completed")
"""

TRIGGERS = """
trigger: bought
on: {enter: buyers}
purpose: analytics
do:
  - webhook: crm
  - slack: team
    content: {text: "Somebody bought"}
  - email: mail
    content: {subject: Thanks, text: Thank you}
"""

SECRETS = {
    "SHOAL_SERVER_KEYS": "s3rver-key-0123456789abcdefghijklmnop",
    "CRM_SECRET": "whsec_c3JtLXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldCE=",
    "MAIL_PASSWORD": "ma1l-passw0rd-of-the-shop",
    "SLACK_HOOK_URL": "https://hooks.slack.example.invalid/services/T0/B0/s1ack-secret",
}
WRITE_KEYS = ("wr1te-key-of-web", "wr1te-key-of-old", "wr1te-key-guessed")
PEOPLE = (
    "ann-marie-77",
    "ann.marie@example.org",
    "bob-marley-78",
    "device-7781",
    "+49 170 555 7781",
    "203.0.113.77",
)


def workspace_in(folder: Path) -> Path:
    for name, text in {
        "shoal.yaml": SETTINGS,
        "segments/all.yaml": DEFINITIONS,
        "triggers/all.yaml": TRIGGERS,
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def requests_of(url: str) -> list[httpx.Response]:
    """What people and programs send: right, wrong, broken, too large, and to places that are none."""
    now = int(time.time() * 1000)
    browser = {"origin": "https://shop.example", "user-agent": "Mozilla/5.0", "x-forwarded-for": "203.0.113.77"}
    bought = {"type": "track", "event": "Order Completed", "userId": "ann-marie-77", "timestamp": now}
    known = {"type": "identify", "userId": "ann-marie-77", "anonymousId": "device-7781"}
    traits = {"email": "ann.marie@example.org", "phone": "+49 170 555 7781"}
    broken = b'{"batch":[{"userId":"bob-marley-78","email":"ann.marie@example.org"'
    elsewhere = {"origin": "https://elsewhere.example"}
    key = {"authorization": f"Bearer {SECRETS['SHOAL_SERVER_KEYS']}"}
    with httpx.Client(base_url=url, timeout=20) as client:
        send = {"auth": ("wr1te-key-of-web", ""), "headers": browser}
        return [
            client.post("/v1/batch", json={"batch": [bought, {**known, "traits": traits}]}, **send),
            client.post("/v1/batch", json={"batch": [{"userId": "bob-marley-78"}, {"type": "odd"}]}, **send),
            client.post("/v1/track", content=broken, **send),
            client.post("/v1/track", content=b'"ann.marie@example.org"', **send),
            client.post("/v1/batch", content=b'{"batch":["' + b"ann-marie-77" * 60_000 + b'"]}', **send),
            client.post("/v1/track", json=bought, auth=("wr1te-key-of-old", "")),
            client.post("/v1/track?writeKey=wr1te-key-guessed", json=bought),
            client.post("/v1/track", json=bought, auth=("wr1te-key-of-web", ""), headers=elsewhere),
            client.get("/v1/projects/wr1te-key-guessed/settings"),
            client.get("/nothing/ann.marie@example.org?token=" + SECRETS["SHOAL_SERVER_KEYS"]),
            client.post("/v1/decide", json={"userId": "ann-marie-77"}, headers=key),
            client.post("/v1/decide", json={"userId": "ann-marie-77"}, headers={"x-api-key": "wr1te-key-guessed"}),
            client.post("/v1/decide", content=b'{"userId":"ann-marie-77"', headers=key),
            client.get("/metrics"),
        ]


def shoal(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "shoal.cli", *arguments, "--workspace", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)


def test_logs_answers_and_files_hold_no_secrets(tmp_path: Path) -> None:
    """Whatever is sent: logs name no person and no key, answers repeat none, no secret is written to a file."""
    folder = workspace_in(tmp_path / "shop")
    with served(folder, "--log-level", "debug", **SECRETS) as (url, server):
        wait_until(lambda: httpx.get(f"{url}/readyz").status_code == 200)
        answers = requests_of(url)
        wait_until(lambda: ("user_id:ann-marie-77", "buyers") in members(folder))
        told = shoal(folder, "consent", "ann-marie-77", "--refuse", "ads")
        assert told.returncode == 0, told.stderr
        missing = shoal(folder, "consent", "bob-marley-78@nowhere.example")
        erased = shoal(folder, "erase", "ann-marie-77", "--yes")
        assert erased.returncode == 0, erased.stderr
        wait_until(lambda: httpx.get(f"{url}/readyz").status_code == 200)
        server.send_signal(signal.SIGTERM)
        _, err = server.communicate(timeout=PATIENCE_S)
        logged = "".join([*server.seen, err])  # type: ignore[attr-defined]
    salt = (folder / SUPPRESSION_FOLDER / "salt").read_bytes()

    for secret in (*SECRETS.values(), *WRITE_KEYS, *PEOPLE, salt.hex()):
        assert secret not in logged, secret
        assert secret not in missing.stderr, secret
    assert all(json.loads(line) for line in logged.splitlines())
    for answer in answers:
        held = [each for each in (*SECRETS.values(), *PEOPLE, *WRITE_KEYS) if each in answer.text]
        assert held == [], (answer.request.url.path, held)
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert [name for name, secret in SECRETS.items() if secret.encode() in content] == [], path
            is_salt = path == folder / SUPPRESSION_FOLDER / "salt"
            assert is_salt or salt not in content, path


def test_what_names_people_is_for_its_owner_alone(tmp_path: Path) -> None:
    """Salt, hashes, plans and records of erasures cannot be read by other users of the machine."""
    folder = workspace_in(tmp_path / "shop")
    (folder / "lists").mkdir()
    (folder / "lists" / "vip.txt").write_text("user_id\nann-marie-77\n")
    assert shoal(folder, "erase", "ann-marie-77", "--yes", "--lists").returncode == 0
    kept = [path for name in ("suppression", "erasures") for path in (folder / SHOAL_FOLDER / name).iterdir()]
    assert len(kept) == 3
    assert [path for path in kept if path.stat().st_mode & 0o077] == []
