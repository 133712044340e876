"""The pages in a real browser, where there is one: no wider than a telephone, and without a violation of accessibility.

``DEPLOYER_TEST_AXE`` is a file of axe-core (``axe.min.js``), which npm has; without it the rules of axe are not tried.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
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
pytestmark = pytest.mark.skipif(not BROWSER, reason="no Chromium is installed")
AXE = os.environ.get("DEPLOYER_TEST_AXE", "")
EVIL = '<img src=x onerror="document.title=1">'
PAGES = {
    "run": run_html([*every(EVIL), *WELL, SHUT, BLIND], NOW),
    "audit": html(gathered([RuleJudged("web1", "CK-01", "critical", "long", "FAIL", EVIL, EVIL), HostEnded(
        "web1", "findings", 0, 1, 1.0, EVIL, 2)], 2, NOW)),
}  # fmt: skip
_ASK = """
document.addEventListener('DOMContentLoaded', async () => {
  const told = {wide: document.documentElement.scrollWidth, title: document.title,
                asked: performance.getEntriesByType('resource').length}
  if (window.axe) told.violations = (await axe.run()).violations.map(one => one.id + ' ' + one.nodes[0].html)
  const answer = parent.document.createElement('pre')
  answer.id = 'told'
  answer.textContent = JSON.stringify(told)
  parent.document.body.append(answer)
})
"""


def seen(page: str, tmp_path: Path, width: int, *flags: str) -> dict[str, Any]:
    """What a browser makes of a page in a frame, for a window may not be so narrow; with a script of ours in it."""
    policy = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')
    assert policy.search(page)
    axe = Path(AXE).read_text(encoding="utf-8") if AXE else ""
    file = tmp_path / "page.html"
    looked_at = policy.sub(lambda _: f"<script>{axe}</script><script>{_ASK}</script>", page)
    frame = f'<iframe title="page" style="width:{width}px;height:900px;border:0" srcdoc="{escape(looked_at)}"></iframe>'
    file.write_text(f'<!doctype html><meta charset="utf-8">{frame}', encoding="utf-8")
    argv = [str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/profile", *flags]
    argv += ["--window-size=1400,900", "--virtual-time-budget=20000", "--dump-dom", file.as_uri()]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=180, check=True)
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
    if AXE:
        assert told["violations"] == []
