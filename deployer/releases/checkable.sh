# checkable: what `sha256sum -z` has printed becomes what `sha256sum -c` reads, but for the cookie, which does not stay.
# shellcheck shell=sh
checkable() {
  sed -z -E '\|^[0-9a-f]+  \./releases/COOKIE$|d; /[\\\n\r]/{ s/\\/\\\\/g; s/\n/\\n/g; s/\r/\\r/g; s/^/\\/; }' | tr '\000' '\n'
}
