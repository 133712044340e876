# Body: tell what dpkg has installed, and which place of apt's has each version.
if command -v dpkg-query >/dev/null; then
  policy='' sources=''
  packages=$(dpkg-query -W -f '${Package} ${Architecture} ${Version} ${db:Status-Status} ${Section}\n')
  if command -v apt-cache >/dev/null; then
    # Where dpkg or the lists are newer than what apt keeps of them, root would write that anew, and a plan writes nothing.
    set -- -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=
    policy=$(apt-cache "$@" policy)
    sources=$(dpkg-query -W -f '${binary:Package}\n' | xargs apt-cache "$@" policy |
      awk '/^[^ ]/ { name = $1 } /^ \*\*\* / { getline; print name, $0 }')
  fi
  emit native "$(dpkg --print-architecture)"
  emit packages "$packages"
  emit policy "$policy"
  emit sources "$sources"
fi
