"""What a release would start, asked of its own script before anything is stopped: its env.sh may change everything."""

from __future__ import annotations

from deployer.releases.node_unit import NodeUnit
from deployer.sh import Sh, lines, script, sh

DEADLINE = 30
"""Seconds for the release's script to come to the emulator."""

_GIVEN = "user={} ctl={} id={} script={} node={} distribution={} flags={} environment={} seconds={}\nset -- {}"


BEGUN = Sh(r"""unit=deployer-run-$$
printf '%s\n' "$unit.service" >"$blobs/unit"
""")
"""Text that leaves in ``$unit`` the name of a unit that ends with the run that began it (watch.sh)."""


def rehearse(node: NodeUnit, release: str, own: str, staged: str) -> Sh:
    """Return the step that fails when a node would not start, or under another name, cookie or flags than declared.

    It is asked with the user, the limits, the environment and the sandbox of the node's unit.

    Args:
        node: what is declared.
        release: its id, not current yet.
        own: the release's own start script, for a node that has none beside its files.
        staged: the directory with its files to come; nothing of its environment is shown.
    """
    long = bool({".", ":"} & set(node.node.partition("@")[2]))
    asked = (
        *("RELEASE_NODE or RELEASE_DISTRIBUTION", f"{'-name' if long else '-sname'} {node.node}"),
        *("RELEASE_COOKIE", "-setcookie -cookie_from_home_file"),
        *("RELEASE_VM_ARGS", f"-args_file {node.vm_args_file}"),
    )
    how = "name" if long else "sname"
    start, environment = f"{staged}{node.start}" if node.start else own, f"{staged}{node.env_file}"
    given = sh(
        _GIVEN, node.user, node.ctl, release, start, node.node, how, node.vm_args_file, environment, DEADLINE, asked
    )
    return lines(BEGUN, given, script("rehearse.sh", "deployer.releases"))
