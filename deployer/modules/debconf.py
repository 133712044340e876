"""debconf: what a package of Debian's asks when it is installed, answered before."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from deployer.errors import ConfigError
from deployer.fields import Doc
from deployer.model import Secret
from deployer.modules.base import Absent, Blob, Changes, Module, Observed, Present, Sh, State, Step, lines, records, sh
from deployer.salts import salt
from deployer.syntax import CONTROL

_OPEN = """package={0} question={1} there='' value=''
command -v debconf-show >/dev/null || {{ echo "this host has no debconf"; exit 1; }}
told=$(debconf-show "$package" 2>/dev/null) || told=
set -f
IFS=$lf
for line in $told; do
  line=${{line#[ *] }}
  case $line in "$question: "*) there=yes value=${{line#"$question: "}} ;; "$question:") there=yes ;; esac
done
unset IFS
set +f
[ -z "$there" ] || emit value "$value"
emit read yes"""
_SALTED = """package={0} question={1}
command -v debconf-communicate >/dev/null || {{ echo "this host has no debconf"; exit 1; }}
export DEBIAN_FRONTEND=noninteractive
value=$(printf 'get %s\\n' "$question" | debconf-communicate "$package" 2>/dev/null) || value='10 '
case $value in
  '0 '*) emit sha "$(printf %s%s {2} "${{value#0 }}" | sha256sum | head -c 64)" ;;
  [0-9]*) ;;
  *) echo "debconf does not answer: is a package being installed?"; exit 1 ;;
esac
emit read yes"""


def _question(value: str) -> str | None:
    return None if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.+_/-]*", value) else "write its name, such as postfix/mailname"


def _named(value: str) -> str | None:
    return None if re.fullmatch(r"[a-z0-9][a-z0-9+.-]+", value) else "write the name of a package"


@dataclass(frozen=True, kw_only=True)
class Debconf(Module):
    """An answer in debconf's database, which a package reads when it is installed or reconfigured.

    It reconfigures nothing by itself: notify ``dpkg-reconfigure -f noninteractive PACKAGE``. A password, or a value
    that is a secret, appears in no plan: the host is asked for a salted digest.
    """

    EXAMPLE: ClassVar[str] = """\
- name: mail goes out, and none comes in
  debconf:
    name: postfix
    question: postfix/main_mailer_type
    value: Satellite system
    vtype: select
"""

    name: Annotated[str, Doc("the package", check=_named, example="postfix", alias="pkg")]
    question: Annotated[
        str, Doc("what it asks", check=_question, example="postfix/mailname", alias="selection setting")
    ]
    vtype: Annotated[
        Literal["boolean", "error", "multiselect", "note", "password", "seen", "select", "string", "text", "title"],
        Doc("the kind of the question"),
    ]
    value: Annotated[
        bool | str | Secret | tuple[str, ...],
        Doc("the answer; several for multiselect", example="mail.example.org", alias="answer"),
    ]
    unseen: Annotated[bool, Doc("still ask a person the question")] = False

    def __post_init__(self) -> None:
        if self.vtype == "password" and not isinstance(self.value, Secret):
            object.__setattr__(self, "value", Secret(str(self.value), "value"))
        if isinstance(self.value, tuple) and self.vtype != "multiselect":
            raise ConfigError("a list needs vtype: multiselect")
        text = self._text
        if CONTROL.search(text.reveal() if isinstance(text, Secret) else text):
            raise ConfigError("value may not hold control characters, such as a newline")

    @property
    def _text(self) -> str | Secret:
        if isinstance(self.value, Secret):
            return self.value
        if isinstance(self.value, tuple):
            return ", ".join(self.value)
        return str(self.value).lower() if self.vtype == "boolean" or isinstance(self.value, bool) else str(self.value)

    def desired(self) -> State:
        """Return the answer; for a secret its digest."""
        text = self._text
        told = ", ".join(sorted(self.value)) if isinstance(self.value, tuple) else text
        return Present({"value": f"secret:{told.fingerprint()}" if isinstance(told, Secret) else told})

    def probe(self) -> Sh:
        """Print the answer that is there, or a salted digest of it."""
        if isinstance(self._text, Secret):
            return sh(_SALTED, self.name, self.question, salt())
        return sh(_OPEN, self.name, self.question)

    def parse(self, out: str) -> Observed:
        """Return it."""
        found, text = records(out, "read"), self._text
        if isinstance(text, Secret):
            wanted = hashlib.sha256((salt() + text.reveal()).encode()).hexdigest()
            sha = found.get("sha")
            told = f"secret:{text.fingerprint()}" if sha == wanted else f"secret:different {(sha or '')[:16]}"
            return Absent() if sha is None else Present({"value": told})
        if "value" not in found:
            return Absent()
        value = found["value"].lower() if self.vtype == "boolean" else found["value"]
        several = isinstance(self.value, tuple)
        return Present({"value": ", ".join(sorted(word.strip() for word in value.split(","))) if several else value})

    def fix(self, changes: Changes) -> tuple[Step, ...]:
        """Write it into the database."""
        if not changes:
            return ()
        text = self._text
        line = f"{self.name} {self.question} {self.vtype} {text.reveal() if isinstance(text, Secret) else text}\n"
        blob = Blob.of(Secret(line, "value") if isinstance(text, Secret) else line)
        seen = ["-u"] if self.unseen else []
        text_of = lines(sh("export DEBIAN_FRONTEND=noninteractive"), sh('debconf-set-selections {} <"$1"', seen))
        return (Step(f"answer {self.question}", text_of, (blob,)),)


MODULE = Debconf
