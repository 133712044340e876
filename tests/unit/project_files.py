"""A project in a directory, as the program loads and resolves it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deployer.load.inventory import load_inventory
from deployer.load.playbook import load_playbook
from deployer.load.secrets import Vaults
from deployer.model import Secret
from deployer.resolve import Action, HostPlay, Resolver, RunWords, judge

CANARY = "canary-91c4"
INVENTORY = """\
all:
  vars: {greeting: hello}
  hosts:
    a: {ansible_host: 10.0.0.1, port: 4000}
    b: {ansible_host: 10.0.0.2, port: 4001}
"""


class Project:
    """Files in a directory, loaded and resolved as the program does it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.write("hosts.yml", INVENTORY)

    def write(self, name: str, text: str | bytes) -> Path:
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def tasks(self, text: str, **play: str) -> None:
        words = "".join(f"  {word}: {value}\n" for word, value in play.items())
        body = "".join(f"    {line}\n" for line in text.splitlines())
        self.write("site.yml", f"- hosts: all\n{words}  tasks:\n{body}")

    def resolver(self, **options: Any) -> Resolver:
        inventory = load_inventory([self.directory / "hosts.yml"], playbook_dir=self.directory, vaults=Vaults())
        (play,) = load_playbook(self.directory / "site.yml", judge=judge)
        return Resolver(inventory, play, RunWords(**options))

    def resolve(self, host: str = "a", facts: dict[str, Any] | None = None, **options: Any) -> HostPlay:
        resolver = self.resolver(**options)
        return resolver.resolve(resolver._inventory.hosts[host], facts)

    def actions(self, host: str = "a", **options: Any) -> tuple[Action, ...]:
        return self.resolve(host, **options).actions


def content(action: Action) -> str:
    """Return what a copy or template would write."""
    module: Any = action.module
    found = getattr(module, "content", None)
    found = module.src.text if found is None else found
    found = found.reveal() if isinstance(found, Secret) else getattr(found, "text", found)
    found = found.reveal() if isinstance(found, Secret) else found
    return found.decode() if isinstance(found, bytes) else found
