# A key of apt's. Given: shared/fetch.sh, and ring (its file), id (hex, or empty), url, file (both may be empty).
# shellcheck shell=sh disable=SC2154

# key_ids FILE: print the fingerprints of the keys in it, where a gpg is there that can.
key_ids() {
  command -v gpg >/dev/null || return 0
  gpg --homedir /nonexistent --no-options --batch --no-tty --no-autostart --trust-model always --show-keys --with-colons \
    -- "$1" 2>/dev/null | while IFS=: read -r kind _ _ _ _ _ _ _ _ print _; do
    [ "$kind" != fpr ] || printf '%s ' "$print"
  done || :
}

# bare FILE: print the key without ASCII armor; what has none is printed as it is.
bare() {
  if ! grep -q 'BEGIN PGP PUBLIC KEY BLOCK' -- "$1"; then
    cat -- "$1"
    return 0
  fi
  part='' block=''
  tr -d '\r' <"$1" | while IFS= read -r line || [ -n "$line" ]; do
    case $part:$line in
      :*'BEGIN PGP PUBLIC KEY BLOCK'*) part=head block='' ;;
      head:) part=body ;;
      head:*:*) ;;
      head:*) part=body block=$line ;;
      *:*'END PGP PUBLIC KEY BLOCK'*) part=''; printf '%s' "$block" | base64 -d ;;
      body:=????) ;;
      body:*) block=$block$line ;;
    esac
  done
}

# take_key DATA: write $ring from DATA (a file), $file or $url, whichever is given.
take_key() {
  got=$(mktemp -d)
  trap 'rm -rf -- "$got"' EXIT
  if [ -n "$1" ]; then cat -- "$1" >"$got/given"
  elif [ -n "$file" ]; then
    if [ ! -f "$file" ] || [ -L "$file" ]; then echo "$file does not exist, or is a link"; exit 1; fi
    taste "$file" 4194304 >"$got/given"
  else
    fetched "$url" "$got/given" 30
  fi
  bare "$got/given" >"$got/key"
  # The first octet of an OpenPGP packet has its highest bit set (RFC 9580, 4.2); an error page has not.
  case $(od -A n -t u1 -N 1 "$got/key" | tr -d ' ') in
    1[2-9][0-9] | 2[0-9][0-9]) ;;
    *) echo "that is no key"; exit 1 ;;
  esac
  if [ -n "$id" ]; then
    command -v gpg >/dev/null || { echo "gpg, which checks id, is not installed: install it, or remove id"; exit 1; }
    case " $(key_ids "$got/key")" in
      *"$id "*) ;;
      *) echo "the key is $(key_ids "$got/key"), not $id: nothing was written"; exit 1 ;;
    esac
  fi
  folder=${ring%/*}
  [ -d "$folder" ] || (umask 022 && mkdir -p -- "$folder")
  cat -- "$got/key" >"$blobs/key"
  rm -rf -- "$got"
  draft "$blobs/key" "$ring" 0644 0 0
  settle "$ring"
}
