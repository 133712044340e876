"""What a release needs is known before a host is touched; and a host looks for itself at what it is sent."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from fleet import untouched

from deployer.model import Absent, Blob
from deployer.modules.base import lines, sh
from deployer.modules.release import Release
from deployer.sh import Program, Sh, decode, payload
from deployer.sh.frame import BOOTSTRAP

sys.path.append(str(Path(__file__).parents[1] / "unit" / "beam"))
from hostile_tarballs import HOSTILE


def test_hostile_tarballs_that_slipped_through_are_refused_by_the_host(lab, ssh):
    (host,) = untouched(lab, 1)
    assert ssh(host, "mkdir -m 0777 /srv/outside && touch /srv/before") == (0, "")
    blobs = tuple(Blob.of(made("/srv/outside")) for made, _ in HOSTILE.values())
    texts = []
    for number, blob in enumerate(blobs):
        release = Release(name="demo", tarball=blob, version="0.1.0", root="/opt/demo")
        step = release.fix(release.differences(Absent()))[0]
        texts.append(lines(sh("set -- {}", Sh(f'"$blobs/{number}"')), step.text))
    program = Program(tuple(texts), blobs=blobs)
    code, out = ssh(host, f"/bin/sh -c {shlex.quote(BOOTSTRAP)} deployer", stdin=b"".join(payload(program)))
    assert code == 0, out
    answers = list(decode(program, iter([out.encode()])))
    wrong = [(name, frame.out) for (name, (_, said)), frame in zip(HOSTILE.items(), answers, strict=True)
             if frame.rc != 1 or said not in frame.out]  # fmt: skip
    assert wrong == []
    assert ssh(host, "ls -A /srv/outside /opt/demo/versions") == (0, "/opt/demo/versions:\n\n/srv/outside:\n")
    assert ssh(host, "find / -xdev -newer /srv/before -name '*canary*'") == (0, "")
    assert ssh(host, "find / -xdev -newer /srv/before -perm /7000 ! -path '/var/log/*'") == (0, "")
