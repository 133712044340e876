# A checkout. Runs as the user of the task, without the functions of the prelude. Given: repo, dest, version, remote, depth, over
# (ssh and its options), and update, force, recursive, which are empty for no.
# shellcheck shell=sh disable=SC2154
unset SUDO_UID SUDO_GID SUDO_USER GIT_DIR GIT_WORK_TREE
GIT_SSH_COMMAND=$over GIT_TERMINAL_PROMPT=0
export GIT_SSH_COMMAND GIT_TERMINAL_PROMPT
at() { git -C "$dest" "$@"; }

# own PATH: stop where it belongs to another user: his configuration would say what git runs.
own() {
  [ "$(stat -c %u -- "$1")" = "$(id -u)" ] || {
    echo "$1 belongs to $(stat -c %U -- "$1"): write become_user: $(stat -c %U -- "$1")"
    exit 1
  }
}

# wanted_commit: print the commit that version is at on the server, or version itself where the server has no such name.
wanted_commit() {
  [ -n "$update" ] || return 0
  case $version in
    *[!0-9a-f]*) ;;
    ????????????????????????????????????????) printf '%s' "$version"; return 0 ;;
  esac
  listed=$(git ls-remote -- "$repo" "$version" "refs/heads/$version" "refs/tags/$version" "refs/tags/$version^{}")
  for ref in "refs/heads/$version" "refs/tags/$version^{}" "refs/tags/$version" "$version"; do
    commit=$(printf '%s\n' "$listed" | while IFS='	' read -r one name; do
      if [ "$name" = "$ref" ]; then printf '%s' "$one"; break; fi
    done)
    [ -z "$commit" ] || { printf '%s' "$commit"; return 0; }
  done
  printf '%s' "$version"
}

look_at_it() {
  command -v git >/dev/null || { printf '%s' 'git is not installed yet'; exit 3; }
  [ -e "$dest/.git" ] || return 0
  own "$dest/.git"
  commit=$(at rev-parse -q --verify HEAD) || commit=none
  wanted=$(wanted_commit)
  origin=$(at config --get "remote.$remote.url") || origin=''
  if [ -n "$(at status --porcelain --untracked-files=no)" ]; then changed=some; else changed=none; fi
  printf '%s=%s\036' origin "$origin" head "$commit" wanted "$wanted" changed "$changed"
}

check_it_out() {
  if [ ! -e "$dest/.git" ]; then
    [ "$(id -u)" -ne 0 ] || above "${dest%/*}"
    git clone --no-checkout --origin "$remote" ${depth:+--no-single-branch --depth "$depth"} -- "$repo" "$dest"
  else
    own "$dest/.git"
    if [ -z "$force" ] && [ -n "$(at status --porcelain --untracked-files=no)" ]; then
      echo "files in $dest have local changes: force: true discards them"
      exit 1
    fi
    at config "remote.$remote.url" "$repo"
    [ -n "$update" ] || return 0
    at fetch --tags --force ${depth:+--depth "$depth"} "$remote"
  fi
  if [ "$version" = HEAD ]; then
    at remote set-head "$remote" --auto >/dev/null
    branch=$(at symbolic-ref --short "refs/remotes/$remote/HEAD")
    at checkout -q --force -B "${branch#"$remote/"}" "$branch"
  elif at show-ref --verify -q "refs/remotes/$remote/$version"; then
    at checkout -q --force -B "$version" "$remote/$version"
  else
    at cat-file -e "$version^{commit}" 2>/dev/null || at fetch ${depth:+--depth "$depth"} "$remote" "$version"
    at checkout -q --force --detach "$version^{commit}"
  fi
  if [ -n "$recursive" ] && [ -f "$dest/.gitmodules" ]; then
    at submodule -q sync --recursive
    at submodule -q update --init --recursive ${force:+--force}
  fi
}

# above DIRECTORY: make what is missing of it; root stops where another user could have put something into the way.
above() {
  way=$1
  while [ ! -d "$way/" ]; do way=${way%/*}; done
  own "${way:-/}"
  mkdir -p -- "$1"
}
