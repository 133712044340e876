"""Creating and removing names, each through an open directory, so that a link cannot lead it elsewhere."""

from __future__ import annotations

DELETE = """folder={0}
[ -d "${{folder%/*}}/" ] || exit 0
inside "${{folder%/*}}"
rm -rf --one-file-system -- "/proc/self/fd/5/${{folder##*/}}"
exec 5<&-"""
"""Delete {0}, whatever it is."""

LINK = """folder={1}
inside "${{folder%/*}}"
link=/proc/self/fd/5/.deployer.link.$$
rm -f -- "$link"
ln -s -- {0} "$link"
mv -fT -- "$link" "/proc/self/fd/5/${{folder##*/}}"
exec 5<&-"""
"""Make {1} a symbolic link to {0}."""

HARD_LOOK = """[ -e {1} ] || unknown {1}" is not there yet"
look {0}
if [ "$type" = file ]; then if [ {0} -ef {1} ]; then emit hard same; else emit hard other; fi; fi"""
"""Look whether {0} is one more name of {1}."""

HARD_LINK = """from={0} folder={1}
inside "${{from%/*}}"
exec 7<&5
inside "${{folder%/*}}"
at=/proc/self/fd/7/${{from##*/}}
[ -f "$at" ] && [ ! -L "$at" ] || {{ echo "$from is not a regular file"; exit 1; }}
link=/proc/self/fd/5/.deployer.link.$$
rm -f -- "$link"
ln -P -- "$at" "$link"
[ ! -L "$link" ] || {{ rm -f -- "$link"; echo "$from is being moved about"; exit 1; }}
mv -fT -- "$link" "/proc/self/fd/5/${{folder##*/}}"
exec 5<&- 7<&-"""
"""Make {1} one more name of the regular file {0}."""
