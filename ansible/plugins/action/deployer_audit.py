"""``deployer_audit``: see the module's documentation."""

from __future__ import annotations

from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.beam.deployer.plugins.module_utils.running import DeployerAction


class ActionModule(DeployerAction):
    """Looks for drift and judges by rules; changes nothing."""

    COMMAND = CHECK_COMMAND = "audit"
    OWN = ("only", "skip", "severity", "profile", "fail_on_findings")

    def _more(self, given):
        flags = ("only", "skip", "severity", "profile")
        return [word for flag in flags if given[flag] for word in (f"--{flag}", str(given[flag]))]

    def _told(self, done, events, given):
        found = super()._told(done, events, given)
        verdicts = ("change", "refused")
        found["changed"] = False
        found["drift"] = [e for e in events if e["event"] == "TaskPlanned" and e["verdict"] in verdicts]
        found["findings"] = [e for e in events if e["event"] == "RuleJudged" and e["answer"] == "FAIL"]
        fails = True if given["fail_on_findings"] is None else boolean(given["fail_on_findings"])
        if done.returncode == 2 and fails:
            words = [f"{e['host']}: {e['task']} has drifted" for e in found["drift"]]
            words += [f"{e['host']}: {e['rule']} {e['title']}: {e['reason']}" for e in found["findings"]]
            found.update(failed=True, msg="\n".join(words))
        return found
