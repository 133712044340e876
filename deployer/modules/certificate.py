"""A node's certificate and key on a host, where systemd's LoadCredential takes them from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from deployer.checks import absolute, name
from deployer.fields import Doc
from deployer.model import Secret
from deployer.modules.base import Changes, Known, Observed, Present, Step, lines
from deployer.modules.shared.private_file import PrivateFile
from deployer.salts import salt
from deployer.sh import Sh, sh

if TYPE_CHECKING:
    from deployer.beam.certificates import Fault

# A private key of ours ends with its public point (RFC 5915), which tells whose it is; even so it leaves as a digest.
_TELL = """copy={}
between() {{ sed -n "/^-----BEGIN $1-----$/,/^-----END $1-----$/p"; }}
if [ -f "$path" ] && [ ! -L "$path" ]; then
  held=$(taste "$path" 131072)
  emit chain "$(printf '%s\n' "$held" | between CERTIFICATE | head -c 65536)"
  body=$(printf '%s\n' "$held" | between 'PRIVATE KEY' | sed /-----/d)
  sum=$({{ printf %s {}; printf '%s\n' "$body" | base64 -d 2>/dev/null | tail -c 65; }} | sha256sum)
  emit point "${{sum%% *}}"
  if {{ [ -e "$copy" ] || [ -L "$copy" ]; }} && [ "$(theirs "$copy" 131072)" != "$held" ]; then emit running old; fi
fi"""

_RENEW = """path={} copy={}
if [ -e "$copy" ] || [ -L "$copy" ]; then
  draft "$path" "$copy" 0400 {} {}
  settle "$copy"
fi"""
_RESTART = 'options={}\n[ ! -f "$options" ] || touch -- "$options"'
_GOOD = "good"


@dataclass(frozen=True, kw_only=True)
class Certificate(PrivateFile):
    """A node's certificate and its key in one file, so that they always match. One that is still good stays.

    Shortly before its end it is renewed. The copy of the running node is replaced, too; OTP reads it again for new
    connections within two minutes, and no node restarts. A useless certificate (expired, for another host, signed by
    another authority) is replaced, and the node restarts, because it has lost the others by then.
    """

    EXAMPLE: ClassVar[str] = """\
- name: certificate of the node
  certificate:
    path: /etc/beam/shop/private/shop.pem
    certificate: "{{ item.certificate }}"
    key: "{{ item.key }}"
    authority: "{{ item.authority }}"
    host: 10.0.0.2
    copy: /run/beam/shop/node.pem
    user: shop
    options: /etc/beam/shop/shop.tls.conf
"""

    certificate: Annotated[str, Doc("what is installed where it is due: the certificate and those above it, PEM")]
    key: Annotated[Secret, Doc("its private key, PEM")]
    authority: Annotated[str, Doc("certificates of the authorities that the nodes trust, PEM")]
    host: Annotated[str, Doc("the host part of the node's name", example="10.0.0.2")]
    copy: Annotated[str, Doc("the copy of the running node", check=absolute, example="/run/beam/shop/node.pem")]
    user: Annotated[str, Doc("the node's user, who owns the copy", check=name, example="shop")]
    options: Annotated[
        str, Doc("a file that the node reads at its start", check=absolute, example="/etc/beam/shop/shop.tls.conf")
    ]
    renew: Annotated[int, Doc("days before its end from which a certificate is renewed")] = 30
    exact: Annotated[bool, Doc("true: exactly this certificate; false: any that is still good")] = False

    def anew(self) -> frozenset[str]:
        """Return certificate and key, unless they are given ones."""
        return frozenset() if self.exact else frozenset({"certificate", "key"})

    def text(self) -> Secret:
        """Return the file: the key, then the certificates."""
        return Secret(f"{self.key.reveal().rstrip()}\n{self.certificate}", self.path)

    def desired(self) -> Present:
        """Return a file that is root's alone, and a certificate that serves."""
        from deployer.beam.certificates import lifetime

        file = {key: value for key, value in super().desired().keys.items() if key != "content"}
        days = lifetime(self.certificate)
        return Present({**file, "certificate": _GOOD, "validity": f"{days} days", "running": "the same"})

    def known(self) -> Known | None:
        """Return nothing: a certificate that still serves is as good as the declared one."""
        return None

    def probe(self) -> Sh:
        """Print the certificate, which is public, and a digest that identifies the key."""
        return lines(super().probe(), sh(_TELL, self.copy, salt()))

    def parse(self, out: str) -> Observed:
        """Judge it as of the moment when this run's own was made."""
        observed = super().parse(out)
        if not isinstance(observed, Present):
            return observed
        keys = dict(observed.keys)
        chain, point, content = (keys.pop(key, "") for key in ("chain", "point", "content"))
        fault = self._fault(chain, point, content)
        words = fault.words if fault else ""
        wanted = self.desired().keys
        keys["certificate"] = words if fault and not fault.expiring_soon else _GOOD
        keys["validity"] = words if fault and fault.expiring_soon else wanted["validity"]
        keys["running"] = "an older one" if keys.get("running") else wanted["running"]
        return Present(keys)

    def _fault(self, chain: str, point: str, content: str) -> Fault | None:
        from deployer.beam.authority import made_at
        from deployer.beam.certificates import Fault, judge_certificate, public_point

        fault = judge_certificate(
            chain, self.authority, self.host, made_at(self.certificate), 0 if self.exact else self.renew
        )
        if self.exact:
            same = content == super().desired().keys["content"]
            return None if same else fault or Fault("not the declared one", expiring_soon=True)
        own = hashlib.sha256(salt().encode() + public_point(chain)).hexdigest()
        return (
            fault
            if (fault and not fault.expiring_soon) or point == own
            else Fault("its key belongs to another certificate")
        )

    def fix(self, changes: Changes) -> tuple[Step, ...]:
        """Write this run's certificate, or only renew the running node's copy."""
        if not changes:
            return ()
        renew = sh(_RENEW, self.path, self.copy, self.user, self.user)
        if set(changes) == {"running"}:
            return (Step("renew the running node's copy of its certificate", renew),)
        (write,) = super().fix(changes)
        mark = [sh(_RESTART, self.options)] if self._restarts(changes) else []
        return (Step(write.what, lines(*mark, write.text, renew), write.blobs),)

    def _restarts(self, changes: Changes) -> bool:
        return "certificate" in changes and "state" not in changes

    def touches(self) -> tuple[str, ...]:
        """Return the file, and the one whose change means a restart."""
        return (self.path, self.options)

    def alters(self, changes: Changes) -> tuple[str, ...]:
        """Return what a change of these makes newer than the node."""
        return self.touches() if self._restarts(changes) else (self.path,)


MODULE = Certificate
