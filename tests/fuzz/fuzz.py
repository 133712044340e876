"""Feed every parser with damaged captures until the time is up.

    python -m tests.fuzz.fuzz --seconds 600                 all targets, the time shared among them
    python -m tests.fuzz.fuzz --seconds 60 --target etf     one of them

Exit 1 when an input causes anything but the parser's own error, takes longer than 20 seconds or more than 1 GiB; the
input is then kept in a file. The run is repeated with --seed, which is printed.
"""

# ruff: noqa: T201  its output is a report for a person

from __future__ import annotations

import argparse
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from tests.fuzz.fuzz_targets import TARGETS, Target

HANG_SECONDS, MEMORY_LIMIT = 20, 1 << 30
EXTREMES = (b"\0", b"\xff", b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"\0\0", b"\xff\xff")


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
