"""What a release would start, asked of its own script before anything is stopped: its env.sh may change everything."""

from __future__ import annotations

from deployer.sh import Sh, lines, sh

# ELIXIR_CLI_DRY_RUN prints the emulator's command line instead of starting it (Elixir 1.10 and newer). That line is
# shown nowhere, because a cookie in it is among what is looked for. A script that cannot tell is let through.
_REHEARSE = Sh(
    r"""
rehearse() { # NODE USER ENVFILE, then pairs: the variable that decides, the words it has to give
  node=$1
  # shellcheck disable=SC2016
  said=$(cd / && env -i PATH="$PATH" /bin/sh -c '
    set -a
    . "$1"
    set +a
    exec setpriv --reuid="$2" --regid="$2" --init-groups -- env ELIXIR_CLI_DRY_RUN=1 "$3" start
  ' sh "$3" "$2" "$script" 2>/dev/null </dev/null | tr '\n\t' '  ')
  shift 3
  case $said in *beam*|*/erl\ *) ;; *) return 0 ;; esac
  while [ $# -gt 1 ]; do
    case " $said " in
      *" $2 "*) ;;
      *)
        echo "$node would not start as declared: the release's script does not say $2"
        echo "look into releases/VERSION/env.sh of the release: it may not set $1"
        return 1
        ;;
    esac
    shift 2
  done
}
"""
)


def rehearse(script: str, node: str, user: str, env_file: str, vm_args_file: str) -> Sh:
    """Return the step that fails when a node would start under another name, with another cookie or without our flags.

    Args:
        script: the release's start script, not current yet.
        node: the node's full name.
        user: the node's user.
        env_file: the environment the unit gives it.
        vm_args_file: our flags.
    """
    named = "-name" if {".", ":"} & set(node.partition("@")[2]) else "-sname"
    asked = (
        *("RELEASE_NODE or RELEASE_DISTRIBUTION", f"{named} {node}"),
        *("RELEASE_COOKIE", "-setcookie -cookie_from_home_file"),
        *("RELEASE_VM_ARGS", f"-args_file {vm_args_file}"),
    )
    return lines(_REHEARSE, sh("script={}\nrehearse {} {} {} {}", script, node, user, env_file, asked))
