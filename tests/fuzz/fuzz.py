"""Feed every parser with damaged captures until the time is up.

    python tests/fuzz/fuzz.py --seconds 600                 all targets, the time shared among them
    python tests/fuzz/fuzz.py --seconds 60 --target etf     one of them

Exit 1 when an input causes anything but the parser's own error, takes longer than 20 seconds or more than 1 GiB; the
input is then kept in a file. The run is repeated with --seed, which is printed.
"""

# ruff: noqa: T201  its output is a report for a person

from __future__ import annotations

import argparse
import gzip
import io
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parent / "unit" / "beam"), str(HERE)]

from beam_streams import CAPTURES, RELEASES, Peer, capture, received  # noqa: E402
from beam_tarballs import elf as an_elf  # noqa: E402
from beam_tarballs import release  # noqa: E402
from vault_seeds import PASSWORD, vault_seeds  # noqa: E402

from deployer.beam import clashes, distribution, elf, epmd, etf, handshake  # noqa: E402
from deployer.beam.names import NodeName  # noqa: E402
from deployer.beam.tarball import inspect  # noqa: E402
from deployer.beam.term import show  # noqa: E402
from deployer.errors import ConfigError, ProbeError, SecretError  # noqa: E402
from deployer.load import vault  # noqa: E402
from deployer.model import Secret  # noqa: E402

HANG_SECONDS, MEMORY_LIMIT = 20, 1 << 30
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
EXTREMES = (b"\0", b"\xff", b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"\0\0", b"\xff\xff")


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
        term, _ = etf.decode(data)
        assert show(term).isascii()
        assert etf.decode(etf.encode(term))[0] == term

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
    made = [release(prefix, form).add("lib/ä" + "x" * 110, b"x") for prefix, form in (("", 2), ("./", 1))]
    tars = [one.add("releases/0.1.0/env.sh", env, mode=0o755).add("releases/0.1.0/vm.args", args).tar() for one in made]
    return Target(
        [b"\xff" + tar for tar in tars] + [b"\0" + gzip.compress(tar, mtime=0) for tar in tars], run, ConfigError
    )


def elf_target() -> Target:
    """Programs of this machine are seeds too."""

    def run(data: bytes) -> None:
        elf.read(io.BytesIO(data))

    forms = [
        an_elf(NEEDS, wide=wide, little=little, soname="lib.so") for wide in (True, False) for little in (True, False)
    ]
    found = [path.read_bytes() for path in map(Path, ("/bin/sh", "/bin/true", "/bin/ls")) if path.is_file()]
    return Target(forms * 4 + found, run, elf.ElfError)


def clashes_target() -> Target:
    """Text is never refused: what cannot be understood is a guess, or nothing."""

    def run(data: bytes) -> None:
        text = data.decode("utf-8", "replace")
        for clash in (*clashes.of_env("env.sh", text), *clashes.of_args("vm.args", text)):
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


def mutated(chance: random.Random, seeds: Sequence[bytes]) -> bytes:
    data = bytearray(chance.choice(seeds))
    for _ in range(chance.choice((0, 1, 1, 1, 2, 3, 8))):
        at = chance.randrange(len(data) + 1)
        end = min(len(data), at + chance.choice((1, 1, 2, 4, 16, 512)))
        match chance.randrange(7):
            case 0:
                data[at:end] = chance.randbytes(end - at)
            case 1:
                data[at:end] = b""
            case 2:
                data[at:at] = data[at:end] * chance.choice((1, 2, 100))
            case 3:
                data[at : at + chance.choice((1, 2, 4))] = chance.choice(EXTREMES)
            case 4 if at < len(data):
                data[at] ^= 1 << chance.randrange(8)
            case 5:
                del data[at:]
            case _:
                other = chance.choice(seeds)
                begin = chance.randrange(len(other) + 1)
                data[at:end] = other[begin : begin + chance.choice((1, 8, 64, 4096))]
    return bytes(data)


class Hang(BaseException):
    """An input took too long."""


def on_alarm(number: int, frame: object) -> None:
    raise Hang


def fuzz(name: str, target: Target, seconds: float, chance: random.Random) -> bool:
    """Run one target; print its report and return whether all went well."""
    executions = refused = 0
    slowest, slowest_size = 0.0, 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        data = mutated(chance, target.seeds)
        begin = time.monotonic()
        signal.alarm(HANG_SECONDS)
        try:
            target.run(data)
        except target.error:
            refused += 1
        except (Exception, Hang):  # noqa: BLE001  whatever it is, it is the finding
            signal.alarm(0)
            kept = Path(tempfile.mkdtemp()) / f"{name}.bin"
            kept.write_bytes(data)
            traceback.print_exc()
            print(f"{name}: FAILED after {executions} executions; the input is in {kept}")
            return False
        signal.alarm(0)
        executions += 1
        if (took := time.monotonic() - begin) > slowest:
            slowest, slowest_size = took, len(data)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(
        f"{name}: {executions} executions, {refused} refused, 0 uncaught; slowest {slowest * 1000:.1f} ms "
        f"({slowest_size} bytes), peak memory {peak} MiB",
        flush=True,
    )
    return True


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--seconds", type=float, default=600)
    arguments.add_argument("--target", choices=list(TARGETS))
    arguments.add_argument("--seed", type=int, default=time.time_ns())
    chosen = arguments.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    signal.signal(signal.SIGALRM, on_alarm)
    print(f"seed {chosen.seed}")
    names = [chosen.target] if chosen.target else list(TARGETS)
    chance = random.Random(chosen.seed)
    results = [fuzz(name, TARGETS[name](), chosen.seconds / len(names), chance) for name in names]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
