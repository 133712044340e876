"""uri: what a server answers. Asking changes nothing; other methods run as a command does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import urlencode, urlsplit

from deployer import checks as check
from deployer.errors import ConfigError
from deployer.fields import Doc
from deployer.model import Secret
from deployer.modules.base import Blob, Changes, Module, Observed, Present, Sh, State, Step, lines, records, sh
from deployer.modules.shared.asking import answered, option, without_secrets
from deployer.modules.shared.only_reads import OnlyReads
from deployer.sh.text import script

_READS = ("GET", "HEAD")


def _method(value: str) -> str | None:
    return None if value.isascii() and value.isalpha() else "write one word, such as POST"


@dataclass(frozen=True, kw_only=True)
class Uri(Module):
    """The answer of an HTTP server, asked from the host by its curl, or else its python3.

    GET and HEAD only read. With ``register`` they are part of the probe: a plan has ``status``, ``json``, ``content``
    and the headers (``content_type``), and ``until`` waits in a deploy. Without it they declare that the answer has one
    of the wanted statuses: if it has, there is nothing to do; otherwise it is asked once more after the tasks before
    it. Every other method runs like a command: every time, or as ``creates`` and ``removes`` say, and notifies its
    handlers unless ``changed_when`` is false. A request with a secret, GET too, runs in this way and is not part of a
    plan: the secret is in no program text and in no argument. It keeps 20,000 bytes of the answer; a reading keeps one
    MiB.
    """

    PASSING: ClassVar[bool] = True
    SAYS_UNCHANGED: ClassVar[bool] = True
    INSTEAD: ClassVar[str] = "add creates or removes, which say when it is needed; or make it a handler"
    EXAMPLE: ClassVar[str] = """\
- name: what the broker says of itself
  uri:
    url: http://127.0.0.1:15672/api/overview
    return_content: true
  register: overview
"""

    url: Annotated[str, Doc("the address: http or https", check=check.one_line, example="http://127.0.0.1:4000/health")]
    method: Annotated[str, Doc("GET, POST and so on", check=_method, example="POST")] = "GET"
    status_code: Annotated[tuple[int, ...], Doc("the statuses that are wanted", example=(200,))] = (200,)
    return_content: Annotated[bool, Doc("the result has the answer's text, content")] = False
    headers: Annotated[Mapping[str, Any] | None, Doc("headers of the request", example={"Accept": "text/plain"})] = None
    body: Annotated[Any, Doc("what is sent: text, or a mapping for json and form-urlencoded")] = None
    body_format: Annotated[Literal["raw", "json", "form-urlencoded"], Doc("how body is written")] = "raw"
    url_username: Annotated[str | None, Doc("who asks", check=check.one_line, example="guest", alias="user")] = None
    url_password: Annotated[str | Secret | None, Doc("the password", alias="password")] = None
    force_basic_auth: Annotated[bool, Doc("accepted: name and password are sent at once")] = False
    follow_redirects: Annotated[
        Literal["safe", "all", "none", "yes", "no", "urllib2"],
        Doc("safe follows for GET and HEAD alone, all for every method"),
    ] = "safe"
    timeout: Annotated[int, Doc("seconds in which the server has to answer")] = 30
    creates: Annotated[str | None, Doc("needed until this path exists", check=check.absolute, example="/srv/a")] = None
    removes: Annotated[
        str | None, Doc("needed as long as this path exists", check=check.absolute, example="/srv/b")
    ] = None
    validate_certs: Annotated[bool, Doc("refused when false: anyone in between could answer anything")] = True

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
        except ValueError as error:
            raise ConfigError(f"url {self.url!r} is not a URL: {error}") from None
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(f"url {self.url!r} is not a URL", hint="http://HOST/PATH, or https")
        if parts.password:
            raise ConfigError(
                "url contains a password, which every user of the host could read", hint="url_password: …"
            )
        if not self.validate_certs:
            hint = "put the CA certificate into /usr/local/share/ca-certificates/ and run update-ca-certificates"
            raise ConfigError("certificates are checked", hint=hint)
        if not 1 <= self.timeout <= 3600:
            raise ConfigError(f"timeout is {self.timeout}", hint="write seconds, from 1 to 3600")
        self._spec  # noqa: B018 - so that what cannot be written is told now

    @property
    def _verb(self) -> str:
        return self.method.upper()

    @property
    def _plain(self) -> bool:
        """Whether it only asks, and without a secret."""
        return self._verb in _READS and not isinstance(self._spec, Secret) and not (self.creates or self.removes)

    @property
    def _body(self) -> Any:
        if self.body is None or self.body_format == "raw" or isinstance(self.body, str | Secret):
            return self.body
        plain, secret = without_secrets(self.body)
        if self.body_format == "json":
            text = json.dumps(plain)
        elif isinstance(plain, Mapping):
            text = urlencode(plain, doseq=True)
        else:
            raise ConfigError("a form-urlencoded body must be a mapping or a text")
        return Secret(text, "body") if secret else text

    @property
    def _spec(self) -> str | Secret:
        """The request as a file of curl's options, a secret where anything in it is one."""
        kind = {"json": "application/json", "form-urlencoded": "application/x-www-form-urlencoded"}.get(
            self.body_format
        )
        headers = dict(self.headers or {})
        if kind and "content-type" not in (name.lower() for name in headers):
            headers["Content-Type"] = kind
        told: list[tuple[str, Any]] = [("url", self.url), ("globoff", None), ("max-time", str(self.timeout))]
        told += self._asking()
        told += [("header", (name, ": ", value)) for name, value in headers.items()]
        if self.url_username is not None:
            told.append(("user", (self.url_username, ":", self.url_password or "")))
        if self._body is not None or (self._verb == "POST" and self._onward):
            told.append(("data-raw", "" if self._body is None else self._body))
        rows = [option(name, value) for name, value in told]
        text = "".join(row.reveal() if isinstance(row, Secret) else row for row in rows)
        return Secret(text, "uri") if any(isinstance(row, Secret) for row in rows) else text

    def _asking(self) -> list[tuple[str, Any]]:
        """Return curl's arguments for the method; curl itself follows the redirects of requests that only read."""
        if self._verb == "HEAD":
            named: list[tuple[str, Any]] = [("head", None)]
        else:
            named = [] if self._verb == "GET" and self._body is None else [("request", self._verb)]
        follows = self._verb in _READS and self.follow_redirects not in ("no", "none")
        return [*named, *([("location", None)] if follows else [])]

    @property
    def _onward(self) -> str:
        """Which redirects it follows where it is more than a question: all, those of Python's urllib, or none."""
        if self._verb in _READS:
            return ""
        return {"all": "all", "yes": "all", "urllib2": "urllib2" * (self._verb == "POST")}.get(
            self.follow_redirects, ""
        )

    @property
    def only_reads(self) -> bool:
        """Whether it is a reading where its result is registered."""
        return self._plain

    def reading(self) -> Module:
        """Return it as a reading of what the server answers."""
        return UriReading(of=self) if self._plain else self

    @property
    def handler_only(self) -> bool:
        """Whether nothing says when it is needed."""
        return not self._plain and not (self.creates or self.removes)

    def desired(self) -> State:
        """Return that the server answers, or that it is not needed (any more)."""
        return Present({"answers": "as wanted"} if self._plain else {} if self.handler_only else {"run": "not needed"})

    def given(self) -> Sh:
        """Return what asks: a function ``asked FILE``, FILE being a file of options."""
        wanted = " ".join(map(str, self.status_code))
        return lines(sh("seconds={} wanted={} onward={}", self.timeout, wanted, self._onward), script("uri.sh"))

    def asking(self) -> Sh:
        """Return text that asks with no secret, and emits the answer."""
        spec = self._spec
        return lines(self.given(), sh("asked_with {}", "" if isinstance(spec, Secret) else spec))

    def probe(self) -> Sh:
        """Ask, or look at what says whether it is needed."""
        if self._plain:
            return self.asking()
        parts = [sh("needed=yes")]
        parts += [sh("[ ! -e {} ] || needed=no", self.creates)] if self.creates else []
        parts += [sh("[ -e {} ] || needed=no", self.removes)] if self.removes else []
        return lines(*parts, sh('emit needed "$needed"'))

    def parse(self, out: str) -> Observed:
        """Return whether the answer is as wanted, or whether it is needed."""
        if self._plain:
            found = records(out, "status", "content", "headers", "url", "problem")
            good = found["status"].isdecimal() and int(found["status"]) in self.status_code
            return Present({"answers": "as wanted" if good else found["problem"] or f"status {found['status']}"})
        return Present({"run": "needed" if records(out, "needed")["needed"] == "yes" else "not needed"})

    def fix(self, changes: Changes) -> tuple[Step, ...]:
        """Ask."""
        return (self._step(),) if changes else ()

    def act(self) -> tuple[Step, ...]:
        """Ask; with creates or removes, only if that says so."""
        if self._plain or self.handler_only:
            return (self._step(),)
        step = self._step()
        return (replace(step, text=lines(self.probe(), sh('[ "$needed" = yes ] || exit 0'), step.text)),)

    def _step(self) -> Step:
        text = lines(self.given(), sh('asked "$1" 20000'), sh("as_wanted"))
        return Step(f"{self._verb} {self.url}", text, (Blob.of(self._spec),))

    def result(self, told: Mapping[str, object], said: str) -> Mapping[str, object]:
        """Return the answer as Ansible does."""
        *answer, _ = said.rpartition("\x1e")
        if "status=" not in said:
            return told
        keys = records("".join(answer))
        return answered(keys, self.status_code, self.url, content=self.return_content)


@dataclass(frozen=True, kw_only=True)
class UriReading(OnlyReads):
    """What a server answers, as part of a probe."""

    of: Uri

    def probe(self) -> Sh:
        """Ask."""
        return self.of.asking()

    def parse(self, out: str) -> Observed:
        """Return the answer."""
        return Present(records(out, "status", "content", "headers", "url", "problem"))

    def answer(self, observed: Observed) -> Mapping[str, object]:
        """Return it as Ansible does."""
        keys = observed.keys if isinstance(observed, Present) else {}
        return answered(keys, self.of.status_code, self.of.url, content=self.of.return_content)


MODULE = Uri
