"""The file of a plan: JSON that a person can read and nobody can change, because this machine's key has sealed it."""

from __future__ import annotations

import hmac
import json
import os
import secrets
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from deployer.errors import At, ConfigError
from deployer.machine_key import machine_key, state_home
from deployer.regular import open_regular
from deployer.saved.facts import SavedPlay

_FORMAT = 1
_MARK = "deployer_plan"
LARGEST = 256 * 1024 * 1024
"""Bytes of a plan file that are read: 200 hosts with 50 tasks each are some 10 MiB."""
AGAIN = "make a new one: deployer plan PLAYBOOK -i INVENTORY --out FILE"


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedPlan:
    """All of a plan.

    Attributes:
        id: TIME-DIGITS; a plan can be applied once.
        by: who has made it, and where: ``PERSON@MACHINE``.
        made, expires: seconds since 1970, by this machine's clock.
        version: of deployer; ``code`` is a digest of its files.
        options: flags that say what the plan is about, by name; none of them holds a secret.
        extra_vars: digest of the variables of the command line, which may be secrets; empty without any.
        sources: file that was read → digest.
    """

    id: str
    by: str
    made: int
    expires: int
    version: str
    code: str
    options: Mapping[str, Any] = field(default_factory=dict)
    extra_vars: str = ""
    sources: Mapping[str, str] = field(default_factory=dict)
    plays: tuple[SavedPlay, ...] = ()


@dataclass(frozen=True, slots=True)
class Seal:
    """The key with which this machine seals plans."""

    place: Path
    key: bytes

    @classmethod
    def of_machine(cls) -> Seal:
        """Return this person's on this machine, made when there is none.

        Raises:
            ConfigError: it cannot be made or read.
        """
        home = state_home()
        if home is None:
            raise ConfigError("there is no home directory to keep a key for plans in", hint="set XDG_STATE_HOME")
        place = home / "plans"
        try:
            return cls(place, machine_key(place))
        except OSError as error:
            hint = "remove it, and plans made before are void; or set XDG_STATE_HOME to a directory of your own"
            problem = f"the key that seals plans: {error.strerror}"
            raise ConfigError(problem, where=error.filename or place, hint=hint) from None

    @property
    def name(self) -> str:
        """What tells keys apart; says nothing of the key."""
        return self._made("name").hex()[:16]

    def of_plan(self, plan: str) -> bytes:
        """Return the key for a plan's digests and salts."""
        return self._made("plan", plan)

    def write(self, plan: SavedPlan, file: Path) -> None:
        """Write a plan, for its owner only, in one go.

        Raises:
            ConfigError: it cannot be written.
        """
        whole = {_MARK: _FORMAT, "key": self.name, **asdict(plan)}
        whole["seal"] = self._seal(whole)
        beside = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
        try:
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                with os.fdopen(descriptor, "w", encoding="ascii") as out:
                    os.fchmod(out.fileno(), 0o600)
                    out.write(_text(whole))
                    out.flush()
                    os.fsync(out.fileno())
                beside.replace(file)
            finally:
                beside.unlink(missing_ok=True)
        except OSError as error:
            raise ConfigError(f"the plan cannot be written: {error.strerror}", where=file) from None

    def read(self, file: Path) -> SavedPlan:
        """Return the plan of a file that this machine has sealed and nobody has touched.

        Raises:
            ConfigError: it is no plan, another machine's or person's, or was changed.
        """
        with At(file):
            whole = plan_in(file)
            seal = whole.pop("seal", None)
            if whole.get("key") != self.name:
                hint = f"a plan is applied on the machine, and by the person, that has made it; {AGAIN}"
                raise ConfigError("the plan was sealed with another key than this machine's", hint=hint)
            if not isinstance(seal, str) or not hmac.compare_digest(seal.encode(), self._seal(whole).encode()):
                raise ConfigError("the plan was changed after it was made: its seal does not hold", hint=AGAIN)
            if whole.pop(_MARK) != _FORMAT:
                raise ConfigError("the plan was made by another version of deployer", hint=AGAIN)
            del whole["key"]
            return SavedPlan(**{**whole, "plays": tuple(map(SavedPlay.read, whole["plays"]))})

    def used(self, plan: SavedPlan) -> str:
        """Return what was noted when a plan was applied; empty when it was not."""
        with suppress(OSError):
            return self._note(plan).read_text(encoding="utf-8", errors="replace").strip() or "somebody"
        return ""

    def use(self, plan: SavedPlan, run: str) -> None:
        """Note that a plan is applied now; of two that come at the same moment one is refused.

        Raises:
            ConfigError: it was applied before, or that cannot be noted.
        """
        note = self._note(plan)
        try:
            note.parent.mkdir(0o700, exist_ok=True)
            with os.fdopen(os.open(note, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w") as out:
                out.write(f"{run}\n")
                out.flush()
                os.fsync(out.fileno())
            directory = os.open(note.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)
        except FileExistsError:
            raise ConfigError(f"the plan was applied already, by the run {self.used(plan)}", hint=AGAIN) from None
        except OSError as error:
            problem = f"that the plan is applied cannot be noted: {error.strerror}"
            raise ConfigError(problem, where=note, hint="nothing was changed") from None

    def _note(self, plan: SavedPlan) -> Path:
        return self.place / "used" / plan.id

    def _seal(self, whole: Mapping[str, Any]) -> str:
        return self._made("seal", json.dumps(whole, sort_keys=True, separators=(",", ":"))).hex()

    def _made(self, *words: str) -> bytes:
        return hmac.digest(self.key, "\0".join(words).encode(), "sha256")


def _text(whole: Mapping[str, Any]) -> str:
    return json.dumps(whole, indent=1) + "\n"


def new_plan(by: str, valid: int, **given: Any) -> SavedPlan:
    """Return a plan that is not filled yet, good for ``valid`` seconds from now on."""
    now = int(time.time())
    name = f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(now))}-{secrets.token_hex(6)}"
    return SavedPlan(id=name, by=by, made=now, expires=now + valid, **given)


def with_plays(plan: SavedPlan, plays: tuple[SavedPlay, ...]) -> SavedPlan:
    """Return a plan with its plays."""
    return replace(plan, plays=plays)


def plan_in(file: Path) -> dict[str, Any]:
    """Return the JSON of a plan file, whoever has made it.

    Raises:
        ConfigError: it cannot be read, or is no plan.
    """
    with At(file):
        try:
            with open_regular(file) as given:
                raw = given.read(LARGEST + 1)
        except OSError as error:
            raise ConfigError(f"cannot be read: {error.strerror}") from None
        found = None
        with suppress(ValueError, RecursionError):  # a UnicodeDecodeError is a ValueError
            found = json.loads(raw) if len(raw) <= LARGEST else None
            if isinstance(found, dict) and _text(found).encode() != raw:  # such as a key that stands there twice
                found = None
        if not isinstance(found, dict) or _MARK not in found:
            playbook = file.suffix in (".yml", ".yaml")
            hint = f"a playbook is done by deployer deploy {file}" if playbook else AGAIN
            raise ConfigError("is no plan of deployer, or a damaged one", hint=hint)
        return found
