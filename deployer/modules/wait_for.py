"""wait_for: a port, a file or some time is waited for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from deployer import checks as check
from deployer.errors import ConfigError
from deployer.fields import Doc
from deployer.model import Unknown
from deployer.modules.base import Changes, Module, Observed, Present, Sh, State, Step, lines, records, sh
from deployer.sh.text import script

_LONGEST = 600
"""Seconds that such a task may wait."""
_GONE = ("stopped", "absent")


@dataclass(frozen=True, kw_only=True)
class WaitFor(Module):
    """A port that somebody listens on, or nobody; a file that exists, has a line, or is missing; or some seconds.

    If the condition holds when the plan is made, and no earlier task changes anything that a plan knows of, there is
    nothing to do. Otherwise it is checked again after those tasks, and waited for. Unlike in Ansible, having waited
    counts as a change. For ports of other hosts, this host needs bash. No task has to wait for nodes: the ladder does.
    """

    PASSING: ClassVar[bool] = True
    INSTEAD: ClassVar[str] = "write port or path"
    EXAMPLE: ClassVar[str] = """\
- name: the broker listens
  wait_for:
    port: 5672
    timeout: 20
    sleep: 5
"""

    port: Annotated[int | None, Doc("a TCP port", example=5672)] = None
    host: Annotated[str, Doc("whose port", check=check.host_name, example="127.0.0.1")] = "127.0.0.1"
    path: Annotated[str | None, Doc("a file on the host", check=check.absolute, example="/run/shop.pid")] = None
    search_regex: Annotated[
        str | None, Doc("a line of the file, as grep -E matches it", check=check.one_line, example="ready$")
    ] = None
    state: Annotated[
        Literal["started", "present", "stopped", "absent"], Doc("what is waited for")
    ] = "started"  # fmt: skip
    timeout: Annotated[int, Doc("seconds after which it is an error; without port and path: how long to wait")] = 300
    delay: Annotated[int, Doc("seconds before it is checked again")] = 0
    sleep: Annotated[int, Doc("seconds between two checks")] = 1
    connect_timeout: Annotated[int, Doc("seconds in which a port has to answer")] = 5
    msg: Annotated[str, Doc("the error message when the time is up", check=check.one_line, example="no broker")] = ""

    def __post_init__(self) -> None:
        if self.port is not None and self.path:
            raise ConfigError("wait_for takes port or path, not both")
        if self.port is not None and not 1 <= self.port <= 65535:
            raise ConfigError(f"port is {self.port}", hint="write a number from 1 to 65535")
        if self.search_regex and (not self.path or self.state in _GONE):
            raise ConfigError("search_regex needs path, and state: present")
        if not 0 <= self.timeout + self.delay <= _LONGEST:
            raise ConfigError(f"timeout and delay are {self.timeout + self.delay} s", hint=f"at most {_LONGEST}")
        if not 1 <= self.sleep <= 60 or not 1 <= self.connect_timeout <= 60:
            raise ConfigError("sleep and connect_timeout must be from 1 to 60 seconds")

    @property
    def _what(self) -> str:
        gone = self.state in _GONE
        if self.path:
            return f"{self.path} {'to go' if gone else 'to be there'}"
        where = self.host if self.port is None else f"{self.host} port {self.port}"
        return f"{self.timeout} s" if self.port is None else f"{where} to {'close' if gone else 'open'}"

    @property
    def handler_only(self) -> bool:
        """Whether only time is waited for."""
        return self.port is None and self.path is None

    def _given(self) -> Sh:
        hexed = "" if self.port is None else f"{self.port:04X}"
        here = "yes" if self.host in ("127.0.0.1", "localhost") else ""
        words = (
            self.host,
            self.port or "",
            hexed,
            here,
            self.path or "",
            self.search_regex or "",
            self.connect_timeout,
        )
        return lines(sh("of={} port={} hex={} here={} file={} regex={} seconds={}", *words), script("wait_for.sh"))

    def desired(self) -> State:
        """Return what is waited for."""
        return Present({} if self.handler_only else {"state": "absent" if self.state in _GONE else "there"})

    def probe(self) -> Sh:
        """Look once."""
        if self.handler_only:
            return sh("emit state waits")
        return lines(self._given(), sh("if is_there; then emit state there; else emit state absent; fi"))

    def parse(self, out: str) -> Observed:
        """Return it."""
        return Present({"state": records(out, "state")["state"]})

    def predict(self, touched: frozenset[str], observed: Observed) -> Observed:
        """Return unknown when an earlier task of the plan changes something."""
        return Unknown("an earlier task may change it") if touched and not self.handler_only else observed

    def fix(self, changes: Changes) -> tuple[Step, ...]:
        """Wait."""
        if not changes:
            return ()
        wanted = "absent" if self.state in _GONE else "there"
        words = (wanted, self.timeout, self.sleep, self.delay, self.msg or f"waited {self.timeout} s for {self._what}")
        return (Step(f"wait for {self._what}", lines(self._given(), sh("wait_until {} {} {} {} {}", *words))),)

    def act(self) -> tuple[Step, ...]:
        """Wait so long."""
        return (Step(f"wait {self._what}", sh("sleep {}", self.timeout)),) if self.handler_only else ()


MODULE = WaitFor
