"""sysctl: a kernel parameter, now and after a reboot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from deployer import checks as check
from deployer.errors import ConfigError
from deployer.fields import Doc
from deployer.modules.base import Absent, Changes, Module, Observed, Present, Sh, State, Step, lines, records, sh

_FUNCTIONS = """file={0}
live={1}
ours() {{
  key=$(printf '%s' "${{1%%=*}}" | tr -d '[:blank:]')
  key=${{key#-}}
  first=${{key%%[./]*}}
  case ${{key#"$first"}} in .*) key=$(printf '%s' "$key" | tr ./ /.) ;; esac
  [ "/proc/sys/$key" = "$live" ]
}}"""

_PROBE = """if [ -e "$file" ]; then
  readable "$file"
  found=
  while IFS= read -r line || [ -n "$line" ]; do
    if ours "$line"; then found="yes${{line#*=}}"; fi
  done <"$file"
  if [ -n "$found" ]; then emit value "${{found#yes}}"; fi
else
  hidden "$file"
fi
if [ -e "$live" ]; then emit live "$(cat -- "$live")"; fi
emit read yes"""

_WRITE = """put=
wanted() {{ [ -n "$put" ] || {}; put=yes; }}
{{
  if [ -e "$file" ]; then
    while IFS= read -r line || [ -n "$line" ]; do
      if ours "$line"; then wanted; else printf '%s\\n' "$line"; fi
    done <"$file"
  fi
  wanted
}} >"$blobs/sysctl"
draft "$blobs/sysctl" "$file" '' '' ''
settle "$file"
"""


@dataclass(frozen=True, kw_only=True)
class Sysctl(Module):
    """A kernel parameter: its line in a file that is read at boot, and its value in the running kernel.

    Other lines of the file stay. Two defaults differ from Ansible's. The file is another one, because Debian 13 no
    longer reads /etc/sysctl.conf at boot. And the running value is checked unless ``reload`` or ``sysctl_set`` is
    false, because an audit has to see a value that somebody changed by hand.
    """

    EXAMPLE: ClassVar[str] = """\
- name: room for many connections that wait
  sysctl:
    name: net.ipv4.tcp_max_syn_backlog
    value: "4096"
"""

    name: Annotated[str, Doc("the parameter", check=check.sysctl, example="net.ipv4.ip_forward", alias="key")]
    value: Annotated[str | None, Doc("its value", check=check.one_line, example="1", alias="val")] = None
    state: Annotated[Literal["present", "absent"], Doc("whether the file has a line for it")] = "present"
    reload: Annotated[bool, Doc("set the running kernel's value, too")] = True
    sysctl_set: Annotated[bool | None, Doc("look at the running kernel's value; as reload when left out")] = None
    sysctl_file: Annotated[
        str, Doc("the file with the line", check=check.absolute, example="/etc/sysctl.d/50-shop.conf")
    ] = "/etc/sysctl.d/99-deployer.conf"

    def __post_init__(self) -> None:
        if (self.value is None) != (self.state == "absent"):
            raise ConfigError("sysctl needs value, unless state is absent")

    @property
    def _live(self) -> str:
        dots_first = self.name[len(self.name.split(".")[0].split("/")[0])] == "."
        return "/proc/sys/" + (self.name.translate(_SWAPPED) if dots_first else self.name)

    @property
    def _wanted(self) -> str:
        return _normal(self.value or "")

    def desired(self) -> State:
        """Return the value in the file and, where it is managed, in the kernel."""
        if self.state == "absent":
            return Absent()
        managed = self.reload if self.sysctl_set is None else self.sysctl_set
        return Present({"value": self._wanted} | ({"live": self._wanted} if managed else {}))

    def probe(self) -> Sh:
        """Print both."""
        return lines(sh(_FUNCTIONS, self.sysctl_file, self._live), sh(_PROBE))

    def parse(self, out: str) -> Observed:
        """Return both; without a line in the file it is absent."""
        found = records(out, "read")
        if self.state == "absent" and "value" not in found:
            return Absent()
        return Present({key: _normal(found[key]) for key in ("value", "live") if key in found})

    def fix(self, changes: Changes) -> tuple[Step, ...]:
        """Write the file with the line and no other for this parameter, then tell the kernel."""
        functions = sh(_FUNCTIONS, self.sysctl_file, self._live)
        line = sh(":") if self.state == "absent" else sh("printf '%s=%s\\n' {} {}", self.name, self._wanted)
        steps = []
        if {"value", "state"} & set(changes):
            steps.append(Step(f"write {self.name} into {self.sysctl_file}", lines(functions, sh(_WRITE, line))))
        if changes and self.state == "present" and (self.reload or self.sysctl_set):
            text = sh("printf '%s\\n' {} | tee -- {} >/dev/null", self._wanted, self._live)
            steps.append(Step(f"set {self.name}", text))
        return tuple(steps)

    def touches(self) -> tuple[str, ...]:
        """Return the file."""
        return (self.sysctl_file,)


_SWAPPED = str.maketrans("./", "/.")


def _normal(value: str) -> str:
    return " ".join(value.split())


MODULE = Sysctl
