"""user: an account on the host."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from deployer import checks as check
from deployer.errors import ConfigError, ProbeError
from deployer.fields import Doc
from deployer.model import Blob, Secret
from deployer.modules.base import (
    Absent,
    Changes,
    Module,
    Observed,
    Pooled,
    Present,
    Sh,
    State,
    Step,
    lines,
    records,
    sh,
)
from deployer.modules.shared.aging import aging, asked, days, observed, set_to
from deployer.salts import salt

_PROBE = """entry=$(getent passwd {0}) || [ "$?" -eq 2 ] || exit 1
if [ -n "$entry" ]; then
  emit entry "$entry"
  groups=$(id -Gn {0})
  emit group "${{groups%% *}}"
  emit groups "$groups"
  home={1}
  entry=${{entry%:*}}
  home=${{home:-${{entry##*:}}}}
  if [ -d "$home" ]; then emit home_made yes; else emit home_made no; fi
fi"""

_SHADOW = """if [ -n "$entry" ]; then
  shadow=$(getent shadow {0}) || {{ echo "may not read the shadow file"; exit 1; }}
  shadow=${{shadow#*:}}
  shadow=${{shadow%%:*}}
  [ -n "$shadow" ] || shadow=:  # anybody may log in, and a lock without a hash is no such password
  case $shadow in '!'*) emit locked yes ;; *) emit locked no ;; esac
  while [ "$shadow" != "${{shadow#!}}" ]; do shadow=${{shadow#!}}; done
  sum=$(printf '%s%s' {1} "$shadow" | sha256sum)
  emit sha "${{sum%% *}}"
fi"""

_PRESENT = """made=
: "${{made?}}"
if getent passwd {0} >/dev/null; then
  {1}
else
  same=
  if {2} && getent group {0} >/dev/null; then same=-N; fi
  useradd ${{same:+"$same"}} {3} -- {0}
  made=yes
fi"""

_HOME = """home=$(getent passwd {0} | cut -d : -f 6)
if [ ! -d "$home" ]; then
  umask 022
  mkdir -p -- "$home"
  if [ -d /etc/skel ]; then cp -aT /etc/skel "$home"; fi
  chown -R -- {0}: "$home"
  # As useradd does it, which is not asked: the account is there already.
  said() {{ sed -nE "s/^$1[[:blank:]]+([0-7]+)[[:blank:]]*$/\\1/p" /etc/login.defs 2>/dev/null | tail -n 1; }}
  mode=$(said HOME_MODE) mask=$(said UMASK)
  chmod -- "${{mode:-$(printf %o "$((0777 & ~0${{mask:-22}}))")}}" "$home"
fi"""

_ABSENT = "if getent passwd {0} >/dev/null; then userdel {1} -- {0}; fi"


@dataclass(frozen=True, kw_only=True)
class User(Module):
    """An account. An existing account keeps what is not set.

    A ``password`` is a hash, as ``mkpasswd`` prints it, or ``!`` or ``*``, which let nobody in. It is a secret, and the
    host is asked for a salted digest of the current one.
    """

    EXAMPLE: ClassVar[str] = """\
- name: the user the shop runs as
  user:
    name: shop
    system: true
    home: /var/lib/shop
    create_home: false
    shell: /usr/sbin/nologin
"""

    name: Annotated[str, Doc("the login name", check=check.name, example="shop")]
    uid: Annotated[int | None, Doc("its number", check=check.identity, example=990)] = None
    group: Annotated[str | None, Doc("the primary group, which must exist", check=check.name, example="users")] = None
    groups: Annotated[
        tuple[str, ...] | None, Doc("all other groups it is in", check=check.every(check.name), example=("adm",))
    ] = None
    append: Annotated[bool, Doc("keep its other groups")] = False
    home: Annotated[str | None, Doc("the home directory", check=check.home_directory, example="/var/lib/shop")] = None
    shell: Annotated[str | None, Doc("the login shell", check=check.home_directory, example="/usr/sbin/nologin")] = None
    comment: Annotated[str | None, Doc("the full name", check=check.gecos, example="The shop")] = None
    system: Annotated[bool, Doc("a new account gets a number from the system's range")] = False
    create_home: Annotated[bool, Doc("make the home directory if it is missing", alias="createhome")] = True
    password: Annotated[Secret | None, Doc("the hash of its password, as in /etc/shadow")] = None
    update_password: Annotated[
        Literal["always", "on_create"], Doc("on_create: an existing account keeps its password")
    ] = "always"  # noqa: S105
    password_lock: Annotated[bool | None, Doc("whether logging in with a password is impossible")] = None
    expires: Annotated[
        int | None, Doc("the day on which it ends, in seconds since 1970; -1: never", example=1893456000)
    ] = None
    password_expire_min: Annotated[int | None, Doc("days before the password may be changed", check=days)] = None
    password_expire_max: Annotated[int | None, Doc("days after which it has to be; -1: never", check=days)] = None
    password_expire_warn: Annotated[int | None, Doc("days before that in which a login warns", check=days)] = None
    password_expire_account_disable: Annotated[
        int | None, Doc("days after that until the account is disabled", check=days)
    ] = None
    state: Annotated[Literal["present", "absent"], Doc("whether it exists")] = "present"
    remove: Annotated[bool, Doc("with absent: delete its home directory and mail, too")] = False
    force: Annotated[bool, Doc("with absent: even if it is logged in or has processes")] = False

    def __post_init__(self) -> None:
        if self.name == "root" and self.state == "absent":
            raise ConfigError("root is never deleted")
        hashed = self.password.reveal() if self.password else "!"
        if hashed[:1] not in ("$", "!", "*") or check.gecos(hashed):
            raise ConfigError(
                "password is not a password hash", hint="mkpasswd -m yescrypt prints a hash; ! locks the password"
            )

    @property
    def _hash(self) -> str:
        return self.password.reveal().lstrip("!") if self.password else ""

    @property
    def _judges(self) -> bool:
        """Whether the plan looks at the password that is there."""
        return self.password is not None and self.update_password == "always"  # noqa: S105

    @property
    def _shadowed(self) -> bool:
        return self._judges or self.password_lock is not None

    @property
    def _ages(self) -> dict[str, str]:
        return aging(
            self.expires,
            password_expire_min=self.password_expire_min,
            password_expire_max=self.password_expire_max,
            password_expire_warn=self.password_expire_warn,
            password_expire_account_disable=self.password_expire_account_disable,
        )

    def desired(self) -> State:
        """Return what is declared, under the names of the arguments."""
        if self.state == "absent":
            return Absent()
        keys = {
            "uid": None if self.uid is None else str(self.uid),
            "group": self.group,
            "groups": None if self.groups is None else ",".join(sorted(set(self.groups))),
            "home": self.home,
            "shell": self.shell,
            "comment": self.comment,
            "home_made": "yes" if self.create_home else None,
            "password": f"secret:{Secret(self._hash).fingerprint()}" if self._judges else None,
            "locked": None if self.password_lock is None else "yes" if self.password_lock else "no",
            **self._ages,
        }
        return Present({key: value for key, value in keys.items() if value is not None})

    def probe(self) -> Sh:
        """Print the account's entry, its groups, whether its home is there and, if asked, what the shadow file says."""
        entry = [sh(_PROBE, self.name, self.home or "")]
        entry += [asked(self.name)] if self._ages else []
        return lines(*entry, *([sh(_SHADOW, self.name, salt())] if self._shadowed else []))

    def known(self) -> Pooled | None:
        """Return the account; what the shadow file says is asked for."""
        return None if self._shadowed or self._ages else Pooled("user", (self.name, self.home or ""))

    def parse(self, out: str) -> Observed:
        """Return them; with append, only those groups that are declared."""
        if not out:
            return Absent()
        needed = ["entry", "group", "groups", "home_made", *(["locked", "sha"] if self._shadowed else [])]
        needed += ["aging"] if self._ages else []
        found = records(out, *needed)
        parts = found["entry"].split(":")
        if len(parts) != 7 or not parts[2].isdecimal():
            raise ProbeError(f"the entry of user {self.name} cannot be read")
        entry = {"uid": parts[2], "comment": parts[4], "home": parts[5], "shell": parts[6]}
        rest = {key: found[key] for key in ("group", "home_made", "locked") if key in found}
        ages = observed(found["aging"]) if self._ages else {}
        return Present(entry | rest | ages | {"groups": self._groups(found)} | self._password(found))

    def _password(self, found: Mapping[str, str]) -> dict[str, str]:
        if not self._judges:
            return {}
        same = found["sha"] == hashlib.sha256((salt() + self._hash).encode()).hexdigest()
        told = Secret(self._hash).fingerprint() if same else f"different {found['sha'][:16]}"
        return {"password": f"secret:{told}"}

    def fix(self, changes: Changes) -> tuple[Step, ...]:
        """Add, modify or delete it."""
        if not changes:
            return ()
        if self.state == "absent":
            flags = [flag for flag, said in (("-r", self.remove), ("-f", self.force)) if said]
            return (Step(f"delete user {self.name}", sh(_ABSENT, self.name, flags)),)
        options = self._options()
        append = ["-a"] if self.append and self.groups else []
        modify = sh("usermod {} -- {}", [*append, *options], self.name) if options else sh(":")
        create = [*options, "-m" if self.create_home else "-M", *(["-r"] if self.system else [])]
        own_group = sh("true") if self.group is None else sh("false")
        text = [sh(_PRESENT, self.name, modify, own_group, create)]
        if self.create_home:
            text.append(sh(_HOME, self.name))
        blobs: tuple[Blob, ...] = ()
        if self.password is not None and {"state", "password"} & set(changes):
            # another task of the same run may have made the account
            text.append(sh('chpasswd -e <"$1"' if self._judges else '[ -z "$made" ] || chpasswd -e <"$1"'))
            lock = "!" if self.password_lock else ""
            blobs = (Blob.of(Secret(f"{self.name}:{lock}{self.password.reveal()}\n", "password")),)
        if self.password_lock is not None:
            text.append(sh("usermod {} -- {}", "-L" if self.password_lock else "-U", self.name))
        if self._ages:
            text.append(set_to(self.name, self._ages))
        return (Step(f"make user {self.name}", lines(*text), blobs),)

    def _options(self) -> list[str]:
        given = {"-u": self.uid, "-g": self.group, "-d": self.home, "-s": self.shell, "-c": self.comment}
        options = [word for flag, value in given.items() if value is not None for word in (flag, str(value))]
        return options if self.groups is None else [*options, "-G", ",".join(self.groups)]

    def _groups(self, found: Mapping[str, str]) -> str:
        others = set(found["groups"].split())
        if found["group"] not in (self.groups or ()):
            others.discard(found["group"])
        return ",".join(sorted(others & set(self.groups or ()) if self.append else others))


MODULE = User
