"""How a host unpacks what it was sent: as if the controller had not looked into it (reliability B21, B22)."""

from __future__ import annotations

from deployer.sh import Sh, lines, sh

TREE = Sh(
    """tree() { find "$1" -mindepth 1 ! -path "$1/.complete" -printf '%P %y %m %U:%G %s %T@\\n' | sort | sha256sum; }"""
)
"""``tree DIR`` prints a digest of everything's name, mode, owner, size and time."""

# The listing is made by the same tar that extracts. With -P it shows names as they are, and escaped, so that none can
# look like two lines. A sane line: a file or a directory of a mode that a release needs, owner, size, date, time, and a
# name whose parts are neither empty nor .. and hold no control character.
_SANE = Sh(
    r"""sane='^[-d]([r-][w-][x-]){2}[r-]-[x-] +[0-9]+/[0-9]+ +[0-9]{1,11} [^ ]+ [^ ]+ '
sane="$sane"'(\./)?(\.?([^./\\]|\\[23]..|\\\\)([^/\\]|\\[23]..|\\\\)*(/|$))*$'
refuse() { [ -n "$(full .)" ] || echo "the tarball is refused: $1"; exit 1; }
names() { sed -n -E 's/^-([^ ]+ +){5}(\.\/)?//p' "$hold/list"; }
nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs -- "$@"; }"""
)

_UNPACK = """
umask 022
root={} release={} name={} version={}
[ "$(realpath -m -- "$root")" = "$root" ] || {{ echo "$root leads to another place"; exit 1; }}
hold=
trap 'full "$root/versions"; [ -z "$hold" ] || rm -rf -- "$hold"' EXIT
mkdir -p -- "$root/versions"
chmod 0755 -- "$root" "$root/versions"
chown 0:0 -- "$root" "$root/versions"
for left in "$root"/versions/.unpack.*; do rm -rf -- "$left"; done
# Nobody else gets in here, not even another process of nobody's.
hold=$(mktemp -d "$root/versions/.unpack.XXXXXXXX")
work=$hold/tree
mkdir -m 0700 -- "$work"
chown 65534:65534 -- "$work"
cd -- "$work"
# No more than a release can unpack to, in blocks of 512 bytes, whatever the archive says.
( ulimit -f 17000000; nobody gzip -d -c <"$1" >"$hold/tar" ) || refuse "it is damaged"
nobody tar -t -v -i -P --numeric-owner --quoting-style=escape <"$hold/tar" >"$hold/list" || refuse "it is damaged"
odd=$(grep -v -m 1 -E "$sane" "$hold/list" || :)
[ -z "$odd" ] || refuse "no release has such a member: $odd"
[ "$(wc -l <"$hold/list")" -le 200000 ] || refuse "it has more than 200000 members"
nobody tar -x --skip-old-files --no-same-owner --no-same-permissions <"$hold/tar" || refuse "it cannot be unpacked"
find . -mindepth 1 -printf '%y %n %m %P\n' >"$hold/found"
odd=$(grep -v -m 1 -E '^(f 1|d [0-9]+) [0-7]{{2}}[0145] ' "$hold/found" || :)
[ -z "$odd" ] || refuse "$odd came out of it"
names | sort >"$hold/files"
[ "$(grep -c '^f' "$hold/found")" -eq "$(uniq "$hold/files" | wc -l)" ] || refuse "it goes on after its end"
# mix release lists what an overlay brings more than once: the first one is there, the others have to be equal to it.
if [ -n "$(uniq -d "$hold/files")" ]; then
  odd=$(nobody tar -d -i <"$hold/tar" 2>&1 | grep -m 1 -E ': (Contents differ|Size differs)$' || :)
  [ -z "$odd" ] || refuse "it has two of the same name that differ: $odd"
fi
program() {{ if [ ! -f "$1" ] || [ ! -x "$1" ]; then echo "the tarball has no $1"; exit 1; fi; }}
program "bin/$name"
[ -f releases/start_erl.data ] || {{ echo "the tarball has no releases/start_erl.data"; exit 1; }}
read -r erts inside <releases/start_erl.data || [ -n "$inside" ]
[ "$inside" = "$version" ] || {{ echo "the tarball holds version $inside, not $version"; exit 1; }}
beam=erts-$erts/bin/beam.smp
case $erts in */*) refuse "its version of ERTS is $erts" ;; esac
program "$beam"
machine() {{ od -A n -t x1 -j 18 -N 2 -- "$1"; }}
[ "$(machine "$beam")" = "$(machine /bin/sh)" ] || {{ echo "$beam is for another machine than this host"; exit 1; }}
# The loader itself says whether this host has what is needed; nothing of the program runs.
lacking=$(nobody timeout 10 env LD_TRACE_LOADED_OBJECTS=1 "./$beam" 2>&1 | grep 'not found' || :)
[ -z "$lacking" ] || {{ printf 'this host lacks what the release needs:\n%s\n' "$lacking"; exit 1; }}
rm -f -- releases/COOKIE
chown -R 0:0 -- "$work"
chmod -R u+rwX,go-w,a+rX -- "$work"
{{ echo {}; tree "$work"; }} >"$work/.complete"
sync -f -- "$work/.complete"
if [ -e "$release" ]; then mv -T -- "$release" "$(mktemp -u "$root/versions/.old.XXXXXXXX")"; fi
mv -T -- "$work" "$release"
"""


def unpack(root: str, release: str, name: str, version: str, sha256: str) -> Sh:
    """Return text that unpacks ``"$1"`` and makes it ``release`` in one rename, or leaves no trace and says why.

    Nobody unpacks it, in a directory that nobody else can reach; what is in it is looked at before and after that.
    """
    return lines(TREE, _SANE, sh(_UNPACK, root, release, name, version, sha256))
