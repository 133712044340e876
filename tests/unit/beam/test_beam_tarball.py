"""A release is recognised in its tarball: versions, machine, needs, clashes."""

from __future__ import annotations

import hashlib
import subprocess
import tarfile
from pathlib import Path

import pytest

from deployer.beam.tarball import LibraryNeed, Tarball, inspect
from deployer.errors import ConfigError
from tests.unit.beam.beam_tarballs import LIBC, Recipe, elf, release

BEAM, CRYPTO = "erts-13.1.5/bin/beam.smp", "lib/crypto-5.1.2/priv/lib/crypto.so"


def with_file(name: str, data: bytes) -> Recipe:
    return release().without(name).add(name, data, mode=0o755)


def test_a_release_is_recognised_without_unpacking(tmp_path: Path) -> None:
    path = release().write(tmp_path)
    assert inspect(path, name="demo", version="0.1.0") == Tarball(
        path=path,
        size=path.stat().st_size,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        name="demo",
        version="0.1.0",
        maker="mix",
        erts="13.1.5",
        otp=25,
        machine="x86_64",
        needs=(
            LibraryNeed("libc.so.6", ("GLIBC_2.2.5", "GLIBC_2.4", "GLIBC_2.34", "GLIBC_2.38"), (BEAM, CRYPTO)),
            LibraryNeed("libcrypto.so.3", ("OPENSSL_3.0.0",), (CRYPTO,)),
        ),
        unreadable=(),
        clashes=(),
        kernel={},
        ports=None,
        applications={"crypto": "5.1.2", "demo": "0.1.0"},
        has_cookie=True,
        files=10,
        unpacked=sum(len(data) for _, data in release().members),
        manifest=found_by_a_host(path, tmp_path.with_name(f"{tmp_path.name}-there")),
        epmd="",
    )
    assert list(tmp_path.iterdir()) == [path]


def found_by_a_host(path: Path, place: Path) -> str:
    """What a host computes from the tree that its own tar makes."""
    place.mkdir()
    subprocess.run(["tar", "-x", "-z", "-f", path, "-C", place], check=True)
    look = "find . -type f -exec sha256sum -z -- {} + | LC_ALL=C sort -z | sha256sum"
    return subprocess.run(["sh", "-c", look], cwd=place, check=True, capture_output=True, text=True).stdout.split()[0]


def of_rebar3() -> Recipe:
    recipe = release(name="bell").without("releases/0.1.0/env.sh").without("releases/COOKIE").without("bin/bell.bat")
    recipe.add("releases/0.1.0/start_clean.boot", b"x").add("bin/bell-0.1.0", b"#!/bin/sh\n", mode=0o755)
    return recipe.add("releases/0.1.0/sys.config.src", b"[{kernel, [{net_ticktime, ${TICK:-20}}]}, {a, [{b, ${B}}]}].")


def test_a_release_of_rebar3_is_one_too_and_only_what_its_start_reads_counts(tmp_path: Path) -> None:
    flags = b"-sname ${NODE:-bell}\n-setcookie GEHEIM\n+Q ${PORTS:-5000} -kernel net_tickintensity 8\n"
    found = inspect(of_rebar3().add("releases/0.1.0/vm.args.src", flags).write(tmp_path), name="bell")
    assert (found.maker, found.name, found.version, found.elixir) == ("rebar3", "bell", "0.1.0", None)
    assert (found.kernel, found.ports) == ({"net_ticktime": "20", "net_tickintensity": "8"}, 5000)
    assert [(clash.what, clash.line, clash.harm) for clash in found.clashes] == [
        ("-sname", 1, "never"), ("-setcookie", 2, "never"),
    ]  # fmt: skip
    assert "GEHEIM" not in str(found)
    plain = of_rebar3().without("releases/0.1.0/sys.config.src").add("releases/0.1.0/sys.config", b"[].")
    plain.add("releases/0.1.0/remote.vm.args", b"-sname no-start-reads-it").add(
        "releases/0.1.0/vm.args", b"-sname a +P 9"
    )
    (clash,) = inspect(plain.write(tmp_path)).clashes
    assert (clash.what, clash.harm) == ("-sname", "long"), "a start would not leave that line out"


def test_what_stands_between_an_open_variable_and_a_brace_of_a_later_line_counts(tmp_path: Path) -> None:
    flags = b"## ${NODE is the fleet's\n+P 9 -setcookie GEHEIM\n## }\n-env A ${B:-x:-y}\n"
    (clash,) = inspect(of_rebar3().add("releases/0.1.0/vm.args.src", flags).write(tmp_path), name="bell").clashes
    assert (clash.what, clash.line) == ("-setcookie", 2)


def test_a_text_full_of_open_variables_is_read_all_the_same(tmp_path: Path) -> None:
    recipe = of_rebar3().add("releases/0.1.0/vm.args.src", b"${:-" * 16000)
    assert inspect(recipe.write(tmp_path), name="bell").clashes == ()


def test_hooks_of_relx_are_named_because_they_do_not_run(tmp_path: Path) -> None:
    own, built_in = (
        'PRE_START_HOOKS="hooks/a hooks/builtin/pid|x"',
        'POST_START_HOOKS="hooks/builtin/wait_for_vm_start"',
    )
    text = f'#!/bin/sh\n{own}\n{built_in}\nPRE_STOP_HOOKS=""\nPOST_STOP_HOOKS="undefined"\n'
    recipe = of_rebar3().without("bin/bell").add("bin/bell", text.encode(), mode=0o755)
    (clash,) = inspect(recipe.write(tmp_path)).clashes
    assert (clash.file, clash.line, clash.what, clash.harm) == ("bin/bell", 2, "PRE_START_HOOKS", "perhaps")


def test_a_release_of_distillery_has_another_start_script(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"releases/0\.1\.0 has no env\.sh, but bell\.sh"):
        inspect(of_rebar3().add("releases/0.1.0/bell.sh", b"#!/bin/sh\n", mode=0o755).write(tmp_path))


def test_the_epmd_that_it_brings_is_known_by_its_digest_and_odd_names_are_told_as_the_host_tells_them(
    tmp_path: Path,
) -> None:
    odd = release().add("erts-13.1.5/bin/epmd", b"an epmd", mode=0o755).add("lib/it's a \\ back ü", b"x").add("lib/a b")
    path = odd.add("./lib/a b").write(tmp_path)
    found = inspect(path)
    assert found.epmd == hashlib.sha256(b"an epmd").hexdigest()
    assert found.manifest == found_by_a_host(path, tmp_path / "there")


@pytest.mark.parametrize("tar_format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("prefix", ["", "./"])
def test_tarballs_made_by_hand_pass_in_every_format(tmp_path: Path, tar_format: int, prefix: str) -> None:
    recipe = release(prefix, tar_format)
    if tar_format != tarfile.USTAR_FORMAT:
        recipe.add(prefix + "lib/demo-0.1.0/priv/" + "long/" * 30 + "öäü.txt", b"x")
    for directory in ("bin", "lib", "lib/demo-0.1.0"):
        recipe.add(f"{prefix}{directory}", mode=0o755, kind=tarfile.DIRTYPE)
    if prefix:
        recipe.add("./", mode=0o755, kind=tarfile.DIRTYPE)
    assert inspect(recipe.write(tmp_path)).name == "demo"


def test_what_its_vm_args_set_of_the_kernel_is_noted(tmp_path: Path) -> None:
    recipe = release().add("releases/0.1.0/vm.args", b"+Q 9 -kernel net_ticktime 30 x y\n-kernel net_ticktime 90\n")
    recipe.add("releases/0.1.0/remote.vm.args", b"-kernel net_ticktime 5").add("releases/9/vm.args", b"-kernel x z")
    recipe.add("releases/0.1.0/sys.config", b"[{kernel,[{net_ticktime,7},{inet_dist_listen_max,9}]}].")
    found = inspect(recipe.write(tmp_path))
    assert found.kernel == {"net_ticktime": "30", "x": "y", "inet_dist_listen_max": "9"}, "a flag beats sys.config"
    assert (found.ports, [clash.file for clash in found.clashes]) == (9, ["releases/0.1.0/sys.config"])


def test_the_own_machine_decides_not_that_of_a_bundled_library(tmp_path: Path) -> None:
    seen = inspect(with_file(BEAM, elf({"libc.so.6": ["GLIBC_2.17"]}, machine=183)).write(tmp_path))
    assert (seen.machine, seen.glibc, len(seen.needs)) == ("aarch64", "2.17", 1)


@pytest.mark.parametrize("filler", [0, 5 << 20], ids=["in memory", "through a file"])
def test_a_library_with_a_nif_inside_is_not_asked_of_the_host(tmp_path: Path, filler: int) -> None:
    recipe = release().add("lib/nif-1.0/priv/libown.so.1.2", elf(soname="libown.so.1", filler=filler))
    recipe.add("lib/nif-1.0/priv/nif.so", elf({"libown.so.1": (), "libblas.so.3": ()}, filler=filler))
    found = {need.library: need.files for need in inspect(recipe.write(tmp_path)).needs}
    assert found["libblas.so.3"] == ("lib/nif-1.0/priv/nif.so",)
    assert "libown.so.1" not in found


def test_a_release_without_glibc_asks_for_none(tmp_path: Path) -> None:
    musl = with_file(BEAM, elf({"libc.musl-x86_64.so.1": ()})).without(CRYPTO)
    assert inspect(musl.write(tmp_path)).glibc is None


def test_a_damaged_library_is_not_taken_for_one_without_needs(tmp_path: Path) -> None:
    assert inspect(with_file(CRYPTO, elf()[:100]).write(tmp_path)).unreadable == (CRYPTO,)
    with pytest.raises(ConfigError, match=f"damaged {BEAM}"):
        inspect(with_file(BEAM, elf(LIBC)[:100]).write(tmp_path))


def test_clashes_of_the_version_that_starts_are_found(tmp_path: Path) -> None:
    recipe = (
        release()
        .without("releases/0.1.0/env.sh")
        .add("releases/0.1.0/env.sh", b"HOME=/x\n", mode=0o755)
        .add("releases/0.1.0/vm.args", b"-heart")
    )
    recipe.add("releases/0.0.9/env.sh", b"RELEASE_NODE=old\n", mode=0o755)
    assert {clash.what for clash in inspect(recipe.write(tmp_path)).clashes} == {"HOME", "-heart"}


@pytest.mark.slow
def test_more_names_than_a_release_has_are_refused(tmp_path: Path) -> None:
    recipe = release()
    for number in range(4200):
        recipe.add(f"bin/{number}")
    with pytest.raises(ConfigError, match="more releases, applications or programs"):
        inspect(recipe.write(tmp_path))


@pytest.mark.parametrize(
    ("missing", "why"),
    [
        ("bin/demo", "start script"),
        ("releases/start_erl.data", "start_erl.data is missing"),
        ("releases/0.1.0/demo.rel", "start script"),
        ("erts-13.1.5/bin/beam.smp", "brings no erts-13.1.5"),
        ("releases/0.1.0/env.sh", "no tarball of mix release or of rebar3: .* has neither env.sh nor start_clean.boot"),
    ],
)
def test_what_cannot_start_is_refused(tmp_path: Path, missing: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        inspect(release().without(missing).write(tmp_path))


def test_another_name_or_version_than_declared_is_refused_by_both(tmp_path: Path) -> None:
    path = release().write(tmp_path)
    with pytest.raises(ConfigError, match=r"holds version 0\.1\.0, not 0\.2\.0"):
        inspect(path, version="0.2.0")
    with pytest.raises(ConfigError, match="not release shop: it has demo"):
        inspect(path, name="shop")


@pytest.mark.parametrize(
    "data", [b"", b"13.1.5", b"13.1.5 ../x", b"13.1.5 0.1.0 more", b"\x1b[2J 0.1.0", b"\xff\xfe\0\0", b"15.0 0.1.0"]
)
def test_a_start_erl_data_that_does_not_fit_is_refused(tmp_path: Path, data: bytes) -> None:
    recipe = release().without("releases/start_erl.data").add("releases/start_erl.data", data)
    with pytest.raises(ConfigError) as raised:
        inspect(recipe.write(tmp_path))
    assert raised.value.message.isprintable()


def test_two_releases_in_one_tarball_need_a_name(tmp_path: Path) -> None:
    path = release().add("bin/back", b"#!/bin/sh\n", mode=0o755).add("releases/0.1.0/back.rel", b"x").write(tmp_path)
    with pytest.raises(ConfigError, match="2 releases"):
        inspect(path)
    assert inspect(path, name="back").name == "back"


@pytest.mark.parametrize(("head", "why"), [(b"\xcf\xfa\xed\xfe", "for macOS"), (b"#!/b", "damaged")])
def test_an_emulator_that_is_no_program_of_linux_is_said_to_be_none(tmp_path: Path, head: bytes, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        inspect(with_file(BEAM, head + bytes(60)).write(tmp_path))
