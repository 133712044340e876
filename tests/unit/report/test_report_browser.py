"""The pages in a real browser, where there is one: no wider than a telephone, and without a violation of accessibility.

``make test`` has npm fetch axe-core into .venv where it can, or ``DEPLOYER_TEST_AXE`` names its ``axe.min.js``; without
it the rules of axe are not tried, and those of structure.js are all the same.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from html import escape, unescape
from pathlib import Path
from typing import Any

import pytest

from deployer.events import HostEnded, RuleJudged
from deployer.report.audited import gathered
from deployer.report.page import html
from deployer.report.run_page import run_html
from tests.unit.report.test_report_charts import BLIND, SHUT, WELL
from tests.unit.report.test_report_run import NOW, every

_KNOWN = ("chromium", "chromium-headless-shell", "chromium-browser", "google-chrome")
BROWSER = next(filter(None, map(shutil.which, _KNOWN)), None)
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not BROWSER, reason="no Chromium is installed")]
_INSTALLED = Path(sys.prefix) / "axe/node_modules/axe-core/axe.min.js"
AXE = os.environ.get("DEPLOYER_TEST_AXE") or (str(_INSTALLED) if _INSTALLED.exists() else "")
STRUCTURE = Path(__file__).with_name("structure.js").read_text(encoding="utf-8")
EVIL = '<img src=x onerror="document.title=1">'
PAGES = {
    "run": run_html([*every(EVIL), *WELL, SHUT, BLIND], NOW),
    "audit": html(gathered([RuleJudged("web1", "CK-01", "critical", "long", "FAIL", EVIL, EVIL), HostEnded(
        "web1", "findings", 0, 1, 1.0, EVIL, 2)], 2, NOW)),
}  # fmt: skip
_ASK = """
document.addEventListener('DOMContentLoaded', async () => {
  const told = {wide: document.documentElement.scrollWidth, title: document.title,
                asked: performance.getEntriesByType('resource').length, wrong: wrong(document)}
  if (window.axe) told.violations = (await axe.run()).violations.map(one => one.id + ' ' + one.nodes[0].html)
  const answer = parent.document.createElement('pre')
  answer.id = 'told'
  answer.textContent = JSON.stringify(told)
  parent.document.body.append(answer)
})
"""


def seen(page: str, tmp_path: Path, width: int, *flags: str, rules: str = AXE) -> dict[str, Any]:
    """What a browser makes of a page in a frame, for a window may not be so narrow; with a script of ours in it."""
    policy = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')
    assert policy.search(page)
    axe = Path(rules).read_text(encoding="utf-8") if rules else ""
    file = tmp_path / "page.html"
    looked_at = policy.sub(lambda _: f"<script>{axe}</script><script>{STRUCTURE}{_ASK}</script>", page)
    frame = f'<iframe title="page" style="width:{width}px;height:900px;border:0" srcdoc="{escape(looked_at)}"></iframe>'
    file.write_text(f'<!doctype html><meta charset="utf-8">{frame}', encoding="utf-8")
    argv = [str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/profile", *flags]
    argv += ["--window-size=1400,900", "--virtual-time-budget=20000", "--dump-dom", file.as_uri()]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=600, check=True)
    told = re.search(r'<pre id="told">(.*?)</pre>', done.stdout, re.DOTALL)
    assert told, done.stdout[-2000:]
    found: dict[str, Any] = json.loads(unescape(told[1]))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize(("width", "flags"), [(390, ()), (1280, ("--blink-settings=preferredColorScheme=0",))])
def test_a_page_fits_asks_nobody_and_breaks_no_rule(
    name: str, width: int, flags: tuple[str, ...], tmp_path: Path
) -> None:
    told = seen(PAGES[name], tmp_path, width, *flags)
    assert told["wide"] <= width
    assert told["title"] != "1", "what a host said ran as a script"
    assert told["asked"] == 0
    assert told["wrong"] == []
    if AXE:
        assert told["violations"] == []


BAD = {
    "skips a level": ("<h1>", "<h1>x</h1><h4>y</h4><h1>"),
    "there is not one main": ("<main>", "<main></main><main>"),
    "too little contrast": ("<h1>", '<p style="color:#999;background:#fff">grey</p><h1>'),
    "has no name": ("<h1>", '<button aria-label=""></button><h1>'),
    "has no language": ('lang="en"', 'lang=""'),
    "an image says nothing": ("<h1>", "<img><h1>"),
    "a table has no heads": ("<h1>", "<table><tr><td>1</td></tr></table><h1>"),
}


def test_what_a_page_must_not_have_is_seen(tmp_path: Path) -> None:
    page = PAGES["audit"]
    for good, bad in BAD.values():
        assert good in page
        page = page.replace(good, bad, 1)
    told = "\n".join(seen(page, tmp_path, 1280, rules="")["wrong"])
    assert [what for what in BAD if what not in told] == []
