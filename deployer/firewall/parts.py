"""Taking clusters' parts out of a host's firewall, where the part of another one stays."""

from __future__ import annotations

from deployer.firewall.nft import BASE, PLACE, UNIT, UNIT_TEXT
from deployer.sh import Sh, lines, script, sh
from deployer.sh.units import FAILED

CONFIRM = 60
"""Seconds in which a new login has to come through rules with fewer parts."""
_WITHOUT = """
rules=$(cat -- "$place/deployer.d/$cluster.nft")
base={}
unit_text={}
more= within={}
keep="cluster='$cluster' gone='$gone'
"{}
"""


def without_parts(given: Sh) -> Sh:
    """Return a step's text that loads the firewall without some parts; a login within `CONFIRM` seconds makes it stay.

    Args:
        given: sets ``cluster``, whose part stays, and ``gone``, the clusters whose parts go, with blanks between. It
            finds in ``place`` where the parts are, and may end the step where there is nothing to do.
    """
    names = sh("place={} unit={}", PLACE, UNIT)
    keep = lines(script("confirm.sh", "deployer.firewall"), FAILED, names, script("keep.sh", "deployer.firewall"))
    return lines(
        script("pending.sh", "deployer.firewall"),
        script("sockets.sh", "deployer.sh"),
        names,
        given,
        sh(_WITHOUT, BASE, UNIT_TEXT, CONFIRM, keep.text),
        script("load.sh", "deployer.firewall"),
    )
