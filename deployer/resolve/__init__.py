"""Play + variables (+ facts) → validated module instances for one host. Pure, except for files that tasks name."""

from deployer.load.connection import CliConnection
from deployer.resolve.action import Action, Choice, HostPlay, Limits
from deployer.resolve.limits import walked_together
from deployer.resolve.making import judge
from deployer.resolve.members import FLEET_WORDS
from deployer.resolve.resolver import Resolver
from deployer.resolve.run_words import EVERYTHING, FleetNeeds, RunWords

__all__ = [
    "EVERYTHING", "FLEET_WORDS", "Action", "Choice", "CliConnection", "FleetNeeds", "HostPlay", "Limits", "Resolver",
    "RunWords", "judge", "walked_together",
]  # fmt: skip
