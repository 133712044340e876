# What the box does that unpack.sh makes: a user that nobody else is makes a tree of ./sent, or says why not. It may itself be
# taken over by what it unpacks, so that nothing it says or leaves is believed. $name and $version: what it has to be.
cd /proc/self/fd/0 || exit 1
umask 022
# Of bytes, in which a pattern is found ten times as fast as in the letters of a language that the host has for its services.
LC_ALL=C
export LC_ALL
: >begun
# The listing is made by the same tar that extracts. With -P it shows names as they are, and escaped, so that none can
# look like two lines. A sane line: a file or a directory of a mode that a release needs, owner, size, date, time, and a
# name whose parts are neither empty nor .. and hold no control character.
sane='^[-d]([r-][w-][x-]){2}[r-]-[x-] +[0-9]+/[0-9]+ +[0-9]{1,11} [^ ]+ [^ ]+ '
sane="$sane"'(\./)?(\.?([^./\\]|\\[23]..|\\\\)([^/\\]|\\[23]..|\\\\)*(/|$))*$'
refuse() { echo "the tarball is refused: $1"; exit 1; }
names() { sed -n -E 's/^-([^ ]+ +){5}(\.\/)?//p' list; }
gzip -d -c <sent >plain || refuse "it is damaged"
tar -t -v -i -P --numeric-owner --quoting-style=escape <plain >list || refuse "it is damaged"
odd=$(grep -v -m 1 -E "$sane" list || :)
[ -z "$odd" ] || refuse "no release has a member such as $odd"
[ "$(wc -l <list)" -le 200000 ] || refuse "it has more than 200000 members"
names | sort >files
mkdir tree
tar -x -C tree --skip-old-files --no-same-owner --no-same-permissions <plain || refuse "it cannot be unpacked"
[ "$(find tree -type f | wc -l)" -eq "$(uniq files | wc -l)" ] || refuse "it has data after its end"
# mix release lists what an overlay brings more than once: the first one is there, the others have to be equal to it.
if [ -n "$(uniq -d files)" ]; then
  odd=$(tar -d -i -C tree <plain 2>&1 | grep -m 1 -E ': (Contents differ|Size differs)$' || :)
  [ -z "$odd" ] || refuse "it has two different members of the same name: $odd"
fi
cd tree || exit 1
program() { if [ ! -f "$1" ] || [ ! -x "$1" ]; then echo "the tarball has no $1"; exit 1; fi; }
program "bin/$name"
[ -f releases/start_erl.data ] || { echo "the tarball has no releases/start_erl.data"; exit 1; }
read -r erts inside <releases/start_erl.data || [ -n "$inside" ]
[ "$inside" = "$version" ] || { echo "the tarball contains version $inside, not $version"; exit 1; }
beam=erts-$erts/bin/beam.smp
case $erts in */*) refuse "its version of ERTS is $erts" ;; esac
program "$beam"
machine() { od -A n -t x1 -j 18 -N 2 -- "$1"; }
[ "$(machine "$beam")" = "$(machine /bin/sh)" ] || { echo "$beam is built for another kind of machine than this host"; exit 1; }
# The loader itself says whether this host has what is needed.
lacking=$(timeout 10 env LD_TRACE_LOADED_OBJECTS=1 "./$beam" 2>&1 | grep 'not found' || :)
[ -z "$lacking" ] || { printf 'this host lacks what the release needs:\n%s\n' "$lacking"; exit 1; }
