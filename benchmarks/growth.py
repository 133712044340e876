"""How the pure part grows with the hosts of one cluster: resolve, plan what to ask, encode. No host is needed.

growth.py INVENTORY COUNT        INVENTORY has the fleet's words at its group `lab`; COUNT hosts take its hosts' place
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

import yaml

from deployer.engine.walk import probe
from deployer.project import Options, load
from deployer.sh.frame import encode


def main() -> None:
    """Print ``{"cpu", "peak"}``: seconds, bytes."""
    inventory, count = Path(sys.argv[1]), int(sys.argv[2])
    told = yaml.safe_load(inventory.read_text())
    hosts = {f"web{i}": {"ansible_host": f"10.{100 + i // 60000}.{i // 250 % 250}.{i % 250 + 1}"} for i in range(count)}
    told["all"]["children"]["lab"]["hosts"] = hosts
    grown = inventory.with_name(f"grown-{count}.yml")
    grown.write_text(yaml.safe_dump(told))
    begin = time.process_time()
    project = load(Options(playbook="site.yml", inventory=(str(grown),)))
    for play, chosen in project.work():
        resolver = project.resolver(play)
        resolver.prepare(chosen)
        for host in chosen:
            found = resolver.resolve(host, None)
            asked = [action for action in found.actions if not action.skip]
            encode(probe.program(asked, become=found.become))
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({"cpu": time.process_time() - begin, "peak": used.ru_maxrss * 1024}))


if __name__ == "__main__":
    main()
