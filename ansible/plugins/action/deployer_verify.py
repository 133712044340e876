"""``deployer_verify``: see the module's documentation."""

from __future__ import annotations

from ansible_collections.beam.deployer.plugins.module_utils.running import DeployerAction


class ActionModule(DeployerAction):
    """Climbs the ladder; changes nothing."""

    COMMAND = CHECK_COMMAND = "verify"
