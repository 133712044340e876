"""rabbitmq_user: a user of RabbitMQ, with tags and permissions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from deployer.errors import ConfigError
from deployer.fields import Doc
from deployer.model import Blob, Secret
from deployer.modules.base import Absent, Changes, Observed, Present, Sh, State, Step, lines, records, sh
from deployer.modules.shared.rabbit import Rabbit, plain_word

_PRIVILEGES = ("configure_priv", "write_priv", "read_priv")
_WORDS = ("configure", "write", "read")
_ADD = 'ctl add_user {} <"$1" >/dev/null'
_ADD_WITHOUT = "head -c 30 /dev/urandom | base64 | ctl add_user {0} >/dev/null; ctl clear_password {0}"
_ASK = """users=$(ctl list_users --formatter json 2>/dev/null) || unknown "RabbitMQ does not answer"
emit found "$users"
emit may "$(ctl list_user_permissions {} --formatter json 2>/dev/null)\""""


def _permissions(value: tuple[Mapping[str, str], ...]) -> str | None:
    known = ("vhost", *_PRIVILEGES)
    wrong = next((word for one in value for word in one if word not in known), None)
    if wrong is None and len({one.get("vhost") for one in value}) < len(value):
        return "a virtual host is named twice"
    return None if wrong is None else f"unknown word {wrong!r}: {' '.join(known)}"


def _pattern(value: str) -> str | None:
    return plain_word(value) if value else None  # the empty one matches nothing: RabbitMQ's own word for "no rights"


@dataclass(frozen=True, kw_only=True)
class RabbitmqUser(Rabbit):
    """A user of the RabbitMQ node on this host, by ``rabbitmqctl``; the node has to run.

    The password goes to the standard input, so it is in no argv. It is set when the user is added. With
    ``update_password: always`` it is set every time, because nobody can read a user's current one. As in Ansible,
    ``permissions`` are all that the user has, while ``vhost`` with the three ``…_priv`` sets those of one virtual host.
    """

    INSTEAD: ClassVar[str] = "remove update_password; change a password with a handler"
    EXAMPLE: ClassVar[str] = """\
- name: who publishes
  rabbitmq_user:
    user: shop
    password: "{{ shop_rabbit_password }}"
    vhost: /shop
    configure_priv: .*
    write_priv: .*
    read_priv: .*
"""

    user: Annotated[str, Doc("the user's name", check=plain_word, example="shop", alias="username name")]
    password: Annotated[Secret | None, Doc("the password of a new user")] = None
    tags: Annotated[tuple[str, ...], Doc("tags, as in: administrator", example=("monitoring",))] = ()
    permissions: Annotated[
        tuple[Mapping[str, str], ...],
        Doc("vhost, configure_priv, write_priv, read_priv of each virtual host", check=_permissions),
    ] = ()
    vhost: Annotated[str, Doc("the virtual host for the three below", check=plain_word, example="/shop")] = "/"
    configure_priv: Annotated[str, Doc("what may be made", check=_pattern, example=".*")] = "^$"
    write_priv: Annotated[str, Doc("what may be written to", check=_pattern, example=".*")] = "^$"
    read_priv: Annotated[str, Doc("what may be read", check=_pattern, example=".*")] = "^$"
    force: Annotated[bool, Doc("delete the user and add it again; refused when true")] = False
    update_password: Annotated[Literal["on_create", "always"], Doc("when the password is set")] = "on_create"  # noqa: S105
    state: Annotated[Literal["present", "absent"], Doc("whether the user is there")] = "present"

    def __post_init__(self) -> None:
        if self.force:
            raise ConfigError("force would delete the user at every run", hint="update_password: always")
        if self.update_password == "always" and not self.password:  # noqa: S105
            raise ConfigError("update_password: always needs a password")

    @property
    def handler_only(self) -> bool:
        """Whether the password is set every time."""
        return self.update_password == "always" and self.state == "present"  # noqa: S105

    @property
    def _tags(self) -> str:
        return " ".join(sorted({tag.strip() for one in self.tags for tag in one.split(",") if tag.strip()}))

    @property
    def _wanted(self) -> dict[str, tuple[str, ...]]:
        if not self.permissions:
            return {self.vhost: (self.configure_priv, self.write_priv, self.read_priv)}
        return {one.get("vhost", "/"): tuple(one.get(word, "^$") for word in _PRIVILEGES) for one in self.permissions}

    def asks(self) -> Sequence[str]:
        """Return what lists users."""
        return ("list_users",)

    def probe(self) -> Sh:
        """List the users, and what this one may."""
        return lines(self.ctl(), sh(_ASK, self.user))

    def desired(self) -> State:
        """Return tags and permissions."""
        if self.state == "absent":
            return Absent()
        return Present({"tags": self._tags, "permissions": _told(self._wanted)})

    def parse(self, out: str) -> Observed:
        """Return tags and permissions, where the user is there."""
        said = records(out, "found", "may")
        found = next((row for row in self.rows(f"found={said['found']}\x1e") if row.get("user") == self.user), None)
        if found is None:
            return Absent()
        tags = " ".join(sorted(str(tag) for tag in found.get("tags") or ()))
        rows = self.rows(f"found={said['may']}\x1e")
        may = {str(row.get("vhost")): tuple(str(row.get(word)) for word in _WORDS) for row in rows}
        if not self.permissions:
            may = {vhost: words for vhost, words in may.items() if vhost == self.vhost}
        return Present({"tags": tags, "permissions": _told(may)})

    def fix(self, changes: Changes) -> tuple[Step, ...]:
        """Add or delete the user, and set what differs."""
        if not changes:
            return ()
        if self.state == "absent":
            return (Step(f"delete {self.user}", lines(self.ctl(), sh("ctl delete_user {}", self.user))),)
        add = "state" in changes
        parts = [sh(_ADD if self.password else _ADD_WITHOUT, self.user)] if add else []
        if "tags" in changes and not (add and not self._tags):
            parts.append(sh("ctl set_user_tags {} {}", self.user, self._tags.split()))
        if "permissions" in changes:
            parts += self._allowed(changes["permissions"].before or "")
        blobs = (Blob.of(self.password),) if add and self.password else ()
        return (Step(f"{'add' if add else 'change'} {self.user}", lines(self.ctl(), *parts), blobs),)

    def _allowed(self, before: str) -> list[Sh]:
        had = [row.split("\t")[0] for row in before.splitlines()]
        gone = [vhost for vhost in had if vhost not in self._wanted]
        parts = [sh("ctl clear_permissions -p {} {}", vhost, self.user) for vhost in gone]
        for vhost, words in self._wanted.items():
            parts.append(sh("ctl set_permissions -p {} {} {}", vhost, self.user, list(words)))
        return parts

    def act(self) -> tuple[Step, ...]:
        """Set the password, and all else."""
        if not self.handler_only:
            return ()
        told = sh('ctl change_password {0} <"$1" >/dev/null || ctl add_user {0} <"$1" >/dev/null', self.user)
        tags = sh("ctl set_user_tags {} {}", self.user, self._tags.split())
        text = lines(self.ctl(), told, tags, *self._allowed(""))
        return (Step(f"set the password of {self.user}", text, (Blob.of(self.password or ""),)),)


def _told(may: Mapping[str, Sequence[str]]) -> str:
    return "\n".join("\t".join((vhost, *words)) for vhost, words in sorted(may.items()))


MODULE = RabbitmqUser
