"""``deployer_release``: see the module's documentation."""

from __future__ import annotations

from ansible_collections.beam.deployer.plugins.module_utils.running import DeployerAction


class ActionModule(DeployerAction):
    """Deploys a release and climbs the ladder; in check mode says what would change."""

    COMMAND = "deploy"
    CHECK_COMMAND = "plan"
    OWN = ("tarball",)
