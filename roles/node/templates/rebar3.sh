#!/bin/sh
# Written by deployer: starts a release of rebar3, with the commands and variables that bin/NAME of mix release has. The
# release's own script stays unused: it needs a name in vm.args, takes the cookie into argv, and writes into the release.
# Given in the environment: RELEASE_ROOT, RELEASE_NAME, RELEASE_TMP, RELEASE_NODE, RELEASE_DISTRIBUTION, RELEASE_VM_ARGS and
# RELEASE_REMOTE_VM_ARGS. Names of its own begin with own_, since each variable of the application may be asked for.
set -euf
umask 077
RELEASE_VSN=''
read -r own_erts RELEASE_VSN <"$RELEASE_ROOT/releases/start_erl.data" || [ -n "$RELEASE_VSN" ]
own_place=$RELEASE_ROOT/releases/$RELEASE_VSN
ROOTDIR=$RELEASE_ROOT BINDIR=$RELEASE_ROOT/erts-$own_erts/bin EMU=beam PROGNAME=erl
RELEASE_COMMAND=${1-} RELEASE_MODE=${RELEASE_MODE:-embedded} REL_NAME=$RELEASE_NAME REL_VSN=$RELEASE_VSN
export ROOTDIR BINDIR EMU PROGNAME RELEASE_ROOT RELEASE_NAME RELEASE_VSN RELEASE_COMMAND RELEASE_MODE REL_NAME REL_VSN

# filled: fill in each ${NAME} and ${NAME:-DEFAULT}, by relx's rules: what is unset or empty gives the default, or nothing. Values
# go in as they are, and are not looked into.
filled() {
  while IFS= read -r own_line || [ -n "$own_line" ]; do
    own_text=''
    while case $own_line in *'${'*'}'*) ;; *) false ;; esac do
      own_text=$own_text${own_line%%'${'*} own_line=${own_line#*'${'}
      own_name=${own_line%%'}'*} own_line=${own_line#*'}'} own_default='' own_value=''
      case $own_name in *:-*) own_default=${own_name#*:-} own_name=${own_name%%:-*} ;; esac
      case $own_name in '' | [0-9]* | *[!A-Za-z0-9_]*) ;; *) eval "own_value=\${$own_name-}" ;; esac
      if [ -n "$own_value" ]; then own_text=$own_text$own_value; else own_line=$own_default$own_line; fi
    done
    printf '%s\n' "$own_text$own_line"
  done
}

# kept: leave out the lines that say a name, a cookie or -heart and nothing else, for these are the fleet's.
kept() {
  while IFS= read -r own_line || [ -n "$own_line" ]; do
    # shellcheck disable=SC2086 # its words
    set -- $own_line
    case $#:${1-} in 2:-name | 2:-sname | 2:-setcookie | 1:-heart) ;; *) printf '%s\n' "$own_line" ;; esac
  done
}

# made NAME FILTER: write $RELEASE_TMP/NAME from NAME.src of the release, or from NAME.
made() {
  own_file=$own_place/$1
  if [ -f "$own_file.src" ]; then own_file=$own_file.src; fi
  # No pipe, which would lose that the file cannot be read.
  "$2" <"$own_file" >"$RELEASE_TMP/.$1"
  case $own_file:${RELX_REPLACE_OS_VARS-} in
    *.src:* | *:?*) filled <"$RELEASE_TMP/.$1" ;;
    *) cat <"$RELEASE_TMP/.$1" ;;
  esac >"$RELEASE_TMP/$1"
  rm -f -- "$RELEASE_TMP/.$1"
}

# configured: leave the release's own flags in $RELEASE_TMP/vm.args, and its sys.config, where it has one, in $own_config.
configured() {
  mkdir -p -- "$RELEASE_TMP"
  : >"$RELEASE_TMP/vm.args"
  if [ -f "$own_place/vm.args.src" ] || [ -f "$own_place/vm.args" ]; then made vm.args kept; fi
  own_config=''
  if [ ! -f "$own_place/sys.config.src" ] && [ ! -f "$own_place/sys.config" ]; then return 0; fi
  # What it includes lies beside it.
  find "$own_place" -maxdepth 1 -name '*.config' -exec ln -sf -t "$RELEASE_TMP" -- {} +
  rm -f -- "$RELEASE_TMP/sys.config"
  made sys.config cat
  own_config="-config $RELEASE_TMP/sys.config"
}

# erl BOOT WORD...: become the emulator; a dry run only says what it would be given.
erl() {
  own_boot=$1
  shift
  set -- "$BINDIR/erlexec" -boot "$own_boot" -boot_var ERTS_LIB_DIR "$ROOTDIR/lib" -boot_var SYSTEM_LIB_DIR "$ROOTDIR/lib" "$@"
  [ -z "${ELIXIR_CLI_DRY_RUN-}" ] || { printf '%s ' "$@"; exit; }
  exec "$@"
}

# evaluate CALL EXPR WORD...: evaluate an expression in a system that has the release's code, and none of its applications runs.
# CALL is what calls erl_eval. The result is not printed, as mix release does not.
evaluate() {
  own_program='io:setopts(standard_io, [{encoding, unicode}]),
    Text = string:trim(lists:last(init:get_plain_arguments()), trailing, ". \n") ++ ".",
    Wrong = fun(Module, Why) -> io:format(standard_error, "~ts~n", [Module:format_error(Why)]), halt(1) end,
    Forms = case erl_scan:string(Text) of
      {ok, Tokens, _} -> case erl_parse:parse_exprs(Tokens) of {ok, Read} -> Read; {error, {_, M, Why}} -> Wrong(M, Why) end;
      {error, {_, M, Why}, _} -> Wrong(M, Why)
    end,
    try '$1'(erl_eval, exprs, [Forms, []]) of _ -> init:stop(0) catch Kind:Reason:Stack ->
      io:format(standard_error, "** exception ~tp: ~tp~n~tp~n", [Kind, Reason, Stack]), init:stop(1)
    end.'
  own_text=$2
  shift 2
  erl "$own_place/start_clean" -mode interactive -noshell "$@" -eval "$own_program" -extra "$own_text"
}

# called EXPR: evaluate it in the running node, from a hidden one.
called() {
  evaluate "(fun(M,F,A)->erpc:call('$RELEASE_NODE',M,F,A)end)" "$1" "$own_kind" "rpc-$$-$RELEASE_NODE" $own_cookie -hidden \
    -args_file "$RELEASE_REMOTE_VM_ARGS"
}

# sound FILE: a configuration is one Erlang term. What is wrong with it may quote a secret: only the line is named.
sound() {
  erl "$own_place/start_clean" -noinput -eval 'case file:consult(lists:last(init:get_plain_arguments())) of
      {ok, [_]} -> init:stop(0);
      {error, {Line, _, _}} when is_integer(Line) -> io:format("at its line ~b", [Line]), init:stop(1);
      _ -> init:stop(1)
    end.' -extra "$1"
}

case ${RELEASE_DISTRIBUTION-} in name) own_kind=-name ;; *) own_kind=-sname ;; esac
# A word with a dash in front is no cookie: the node reads HOME/.erlang.cookie. So it does where the release's flags set another.
own_cookie='-setcookie -cookie_from_home_file'

# shellcheck disable=SC2086 # words
case $RELEASE_COMMAND in
  start)
    configured
    [ -z "${ELIXIR_CLI_DRY_RUN-}" ] || [ -z "$own_config" ] || own_line=$(ELIXIR_CLI_DRY_RUN='' sound "$RELEASE_TMP/sys.config") || {
      echo "sys.config of the release is no Erlang term when its variables are filled in${own_line:+: $own_line}" >&2
      exit 1
    }
    own_boot=$own_place/start
    [ ! -f "$own_place/$RELEASE_NAME.boot" ] || own_boot=$own_place/$RELEASE_NAME
    erl "$own_boot" -noinput -mode "$RELEASE_MODE" $own_cookie "$own_kind" "$RELEASE_NODE" $own_config -args_file "$RELEASE_VM_ARGS"
    ;;
  eval)
    configured
    evaluate erlang:apply "${2:?an expression is missing}" -start_epmd false $own_config -args_file "$RELEASE_TMP/vm.args"
    ;;
  rpc) called "${2:?an expression is missing}" ;;
  pid) called 'io:put_chars([os:getpid(), 10])' ;;
  stop) called 'init:stop()' ;;
  remote)
    erl "$own_place/start_clean" -mode interactive "$own_kind" "rem-$$-$RELEASE_NODE" $own_cookie -hidden \
      -remsh "$RELEASE_NODE" -args_file "$RELEASE_REMOTE_VM_ARGS"
    ;;
  version) echo "$RELEASE_NAME $RELEASE_VSN" ;;
  *)
    echo "usage: start, eval EXPR, rpc EXPR, remote, pid, stop, version" >&2
    exit 64
    ;;
esac
