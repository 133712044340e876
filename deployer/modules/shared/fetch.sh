# Fetches what a server gives.
# shellcheck shell=sh

# fetched URL FILE SECONDS: fetch it with what the host has; SECONDS in which the server has to answer.
fetched() {
  if command -v curl >/dev/null; then
    curl -fsSL --connect-timeout "$3" --retry 2 -o "$2" -- "$1"
  elif command -v wget >/dev/null; then
    wget -q -T "$3" -t 3 -O "$2" -- "$1"
  elif command -v python3 >/dev/null; then
    python3 -c 'import shutil, sys, urllib.request
with urllib.request.urlopen(sys.argv[1], timeout=int(sys.argv[2])) as given, open(sys.argv[3], "wb") as file:
    shutil.copyfileobj(given, file)' "$1" "$3" "$2"
  else
    echo "this host has none of curl, wget and python3"
    exit 1
  fi
}
