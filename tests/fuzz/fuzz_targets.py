"""What is fuzzed: every parser with its sound inputs and the only error it may raise."""

from __future__ import annotations

import gzip
import io
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent

from deployer.beam import clashes, distribution, elf, epmd, etf, handshake  # noqa: E402
from deployer.beam.names import NodeName  # noqa: E402
from deployer.beam.tarball import inspect  # noqa: E402
from deployer.beam.term import show_term  # noqa: E402
from deployer.errors import ConfigError, ProbeError, SecretError  # noqa: E402
from deployer.load import vault  # noqa: E402
from deployer.model import Secret  # noqa: E402
from tests.fuzz.vault_seeds import PASSWORD, vault_seeds  # noqa: E402
from tests.unit.beam.beam_streams import CAPTURES, RELEASES, Peer, capture, received  # noqa: E402
from tests.unit.beam.beam_tarballs import elf as an_elf  # noqa: E402
from tests.unit.beam.beam_tarballs import release  # noqa: E402

COOKIE, NODE = Secret("ONLYFORTHECAPTURESNOTASECRETATALL0001"), NodeName("shop", "127.0.0.1")
ME, CREATION, CHALLENGE = NodeName("deployer-0badcafe", "127.0.0.1"), 0x01020304, 0x0A0B0C0D
NEEDS = {"libc.so.6": ("GLIBC_2.4", "GLIBC_2.34"), "libz.so.1": (), "libcrypto.so.3": ("OPENSSL_3.0.0",)}
TEXTS = (
    b"""#!/bin/sh
case $RELEASE_COMMAND in
  start*) export ELIXIR_ERL_OPTIONS="-heart" ;; # '
  *) ;;
esac
export RELEASE_NODE="${RELEASE_NODE:-demo@$(hostname -f)}" HOME=\\
  /x; unset RELEASE_TMP
cat <<EOF
EOF
f() { [ -n "$A" ] && B=`date`; }
""",
    b"""## text
+Q 65536 -env ERL_FULLSWEEP_AFTER 10
-sname 'demo' -setcookie "a \\" b" # more
-kernel inet_dist_listen_min 9100 logger_level info
-extra -name
""",
)


@dataclass(frozen=True)
class Target:
    """Seeds, what to do with an input, and the only error it may raise."""

    seeds: Sequence[bytes]
    run: Callable[[bytes], object]
    error: type[Exception]


def captured(prefix: str) -> list[bytes]:
    titles = [(otp, path.stem) for otp in RELEASES for path in sorted((CAPTURES / otp).glob(f"{prefix}*.json"))]
    return [received(otp, title) for otp, title in titles]


def epmd_target() -> Target:
    def run(data: bytes) -> None:
        for ask in (lambda: epmd.decode_port_please(data, "shop"), lambda: epmd.decode_names(data)):
            try:
                ask()
            except epmd.EpmdError:
                continue

    return Target(captured("epmd_"), run, epmd.EpmdError)


def etf_target() -> Target:
    def run(data: bytes) -> None:
        term, _ = etf.decode_term(data)
        assert show_term(term).isascii()
        assert etf.decode_term(etf.encode_term(term))[0] == term

    answers = [bytes.fromhex(log[-1][1]) for otp in RELEASES for log in [capture(otp, "call_zoo")["log"]]]
    answers += [
        bytes.fromhex(capture(otp, title)["log"][-1][1])
        for otp in RELEASES
        for title in ("call_undefined", "call_applications")
    ]
    return Target([b"\x83" + answer.rpartition(b"\x83h\x02w\x03rex")[2] for answer in answers], run, ProbeError)


def handshake_target() -> Target:
    """Half of the inputs are damaged behind a sound handshake, which no mutation would find by chance."""

    def run(data: bytes) -> None:
        sound = data[:1] < b"\x80"
        stream = Peer((opening if sound else b"") + data[1:], step=1 + data[0] % 64 if data else 1)
        distribution.connect(stream, NODE, COOKIE, me=ME, creation=CREATION, challenge=CHALLENGE).call("m", "f")

    def framed(body: bytes) -> bytes:
        return len(body).to_bytes(2, "big") + body

    challenge = bytes.fromhex("4e0000000d07df7fbd010203040000000700") + bytes((len(str(NODE)),)) + str(NODE).encode()
    opening = framed(b"sok") + framed(challenge) + framed(b"a" + handshake.digest(COOKIE, CHALLENGE))
    whole = (
        captured("call_") + captured("alive") + captured("not_allowed") + captured("wrong_cookie") + captured("tick")
    )
    tails = [bytes.fromhex(capture(otp, "call_zoo")["log"][-1][1]) for otp in RELEASES]
    answers = [len(tail).to_bytes(4, "big") + tail for tail in tails]
    return Target([b"\xff" + seed for seed in whole] + [b"\x3f" + seed for seed in answers], run, ProbeError)


def tarball_target() -> Target:
    """An odd first byte: the tar inside is damaged, an even one: the gzip file."""
    path = Path(tempfile.mkdtemp()) / "demo-0.1.0.tar.gz"

    def run(data: bytes) -> None:
        path.write_bytes(gzip.compress(data[1:], 1) if data[:1] > b"\x7f" else data[1:])
        inspect(path)

    env, args = TEXTS
    made = [
        release(prefix, form).without(f"{prefix}releases/0.1.0/env.sh").add("lib/ä" + "x" * 110, b"x")
        for prefix, form in (("", 2), ("./", 1))
    ]
    tars = [one.add("releases/0.1.0/env.sh", env, mode=0o755).add("releases/0.1.0/vm.args", args).tar() for one in made]
    return Target(
        [b"\xff" + tar for tar in tars] + [b"\0" + gzip.compress(tar, mtime=0) for tar in tars], run, ConfigError
    )


def elf_target() -> Target:
    """Programs of this machine are seeds too."""

    def run(data: bytes) -> None:
        elf.read_elf(io.BytesIO(data))

    forms = [
        an_elf(NEEDS, wide=wide, little=little, soname="lib.so") for wide in (True, False) for little in (True, False)
    ]
    found = [path.read_bytes() for path in map(Path, ("/bin/sh", "/bin/true", "/bin/ls")) if path.is_file()]
    return Target(forms * 4 + found, run, elf.ElfError)


def clashes_target() -> Target:
    """Text is never refused: what cannot be understood is a guess, or nothing."""

    def run(data: bytes) -> None:
        text = data.decode("utf-8", "replace")
        found = *clashes.of_env("env.sh", text), *clashes.of_args("vm.args", text), *clashes.of_config("s", text)
        for clash in found:
            assert clash.line <= text.count("\n") + 1
            assert clash.text.isprintable()

    return Target(TEXTS, run, ConfigError)


def vault_target() -> Target:
    passwords = [vault.VaultPassword("default", Secret(PASSWORD)), vault.VaultPassword("prod", Secret(PASSWORD))]
    return Target(vault_seeds(), lambda data: vault.decrypt(data.decode(errors="replace"), passwords), SecretError)


TARGETS: dict[str, Callable[[], Target]] = {
    "epmd": epmd_target,
    "etf": etf_target,
    "handshake": handshake_target,
    "tarball": tarball_target,
    "elf": elf_target,
    "clashes": clashes_target,
    "vault": vault_target,
}
