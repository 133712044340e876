# Every BEAM and every EPMD of the host with what surrounds it, from /proc: by what runs, not by what was declared.
# What this user may not read is left out, and whoever judges then says so. Nothing is written, no cookie leaves the host.
# shellcheck disable=SC2154  # home is the prelude's
plain() { tr '\0\n\036' '\n??' | head -c 16384; }
at() { stat -L -c '%a %U %G %n' -- "$@" 2>/dev/null || :; }

# weak NAME VALUE: of a cookie its length, how many characters are odd, how many differ, and whether it holds a known word.
weak() {
  strange=$(printf %s "$2" | tr -d 'A-Za-z0-9_.+/=@%:-' | wc -c)
  differ=$(printf %s "$2" | fold -w 1 | sort -u | wc -l)
  known=no
  case $(printf %s "$2" | tr '[:upper:]' '[:lower:]') in
    *cookie*|*secret*|*monster*|*rabbit*|*passw*|*changeme*|*default*|*example*|*erlang*|*elixir*|*phoenix*|*production*|*12345678*|*abcdefgh*) known=yes ;;
  esac
  printf '%s %s %s %s %s\n' "${#2}" "$strange" "$differ" "$known" "$1"
}

# cookies: every cookie of a node that this user may read, judged here.
cookies() {
  for file in "$root/releases/COOKIE" "$house/.erlang.cookie"; do
    told=$(theirs "$file" 1024)
    [ -z "$told" ] || weak "$file" "$told"
  done
  tr '\0\n' '\n?' <"$process/cmdline" | head -c 65536 | while IFS= read -r word; do
    case $before:$word in -setcookie:-*) ;; -setcookie:*) weak argv "$word"; break ;; esac
    before=$word
  done
}

emit uid "$(id -u)"
[ ! -e /proc/1/stat ] || emit all yes
emit listening "$(grep -hsE '^ *[0-9]+: [0-9A-F]+:[0-9A-F]{4} [0-9A-F]+:0000 0A ' /proc/net/tcp /proc/net/tcp6 |
  while read -r _ at _ _ _ _ _ _ _ inode _; do printf '%s/%s ' "$inode" "$at"; done)"

units=
count=0
for process in $({
  # A process that ends meanwhile, or one of others, makes find fail: that must not end the list.
  find /proc/[0-9]*/exe -maxdepth 0 \( -lname '*/beam.smp*' -o -lname '*/epmd*' \) -printf '%h\n' 2>/dev/null || :
  grep -lxsE 'beam\.smp|epmd' /proc/[0-9]*/comm | sed 's,/comm$,,'
} | sort -u); do
  [ "$count" -lt 64 ] || { emit more yes; break; }
  read -r comm <"$process/comm" || continue
  before='' variables=''
  owner=$(stat -c %u "$process") || continue
  pid=${process#/proc/}
  argv=$(tr '\0\n\036' '\n??' <"$process/cmdline" | head -c 65536 | sed ':again; /^-setcookie$/{ n; /^-setcookie$/b again; /^-/!s/.*/***/; }')
  exe=$(readlink "$process/exe" || :)
  exe=${exe:-${argv%%"
"*}}
  case ${exe% (deleted)} in */beam.smp) kind=beam ;; */epmd|epmd) kind=epmd ;; *) continue ;; esac
  count=$((count + 1))
  emit "kind_$pid" "$kind"
  emit "comm_$pid" "$comm"
  emit "user_$pid" "$owner $(stat -c %U "$process")"
  emit "exe_$pid" "$exe"
  emit "argv_$pid" "$argv"
  emit "status_$pid" "$(grep -E '^(PPid|Uid|NoNewPrivs|Cap(Eff|Amb|Bnd)|Seccomp|Umask):' "$process/status" || :)"
  emit "limits_$pid" "$(cat "$process/limits" || :)"
  group=$(tail -n 1 "$process/cgroup" || :)
  unit=${group##*/}
  case $unit in *.service) units="$units $unit" ;; esac
  emit "unit_$pid" "$unit"
  house=$(getent passwd "$owner" | cut -d : -f 6)
  if [ -r "$process/fd" ]; then
    emit "fds_$pid" "$(find "$process/fd" -mindepth 1 -printf '%l\n' 2>/dev/null |
      sed -n 's/^socket:\[\(.*\)\]$/\1/p; t; s/.*/-/p' | tr '\n' ' ' | head -c 65536)"
  fi
  if [ -r "$process/environ" ] && variables=$(plain <"$process/environ"); then
    emit "environ_$pid" "$(printf '%s\n' "$variables" |
      grep -E '^(ERL_|ELIXIR_ERL|EMU=|BINDIR=|HOME=|RELEASE_(NODE|TMP|MODE|DISTRIBUTION|ROOT)=)' || :)"
    # Of an environment only names travel: each may hold a secret.
    emit "names_$pid" "$(printf '%s\n' "$variables" | sed -n 's/^\([A-Za-z_][A-Za-z0-9_]*\)=.*/\1/p' | tr '\n' ' ')"
    told=$(printf '%s\n' "$variables" | sed -n 's/^HOME=//p' | head -n 1)
    house=${told:-$house}
  fi
  [ "$kind" = beam ] || { names=$(epmd_names 4369 || :); emit "names_told_$pid" "$names"; continue; }
  if mounts=$(grep -E '^[0-9]+ [0-9]+ [^ ]+ [^ ]+ (/|/usr|/etc|/home|/proc) ' "$process/mountinfo" 2>/dev/null); then
    emit "mounts_$pid" "$mounts"
  fi
  root=${exe%/erts-*}
  emit "house_$pid" "$(at "$house")"
  emit "dotfiles_$pid" "$(at "$house/.erlang" "$house/.config/erlang/.erlang" "$house/.iex.exs")"
  if [ -x "$house" ]; then emit "house_seen_$pid" yes; fi
  emit "cookie_at_$pid" "$(at "$root/releases/COOKIE" "$house/.erlang.cookie")"
  emit "cookies_$pid" "$(cookies)"
  emit "start_$pid" "$(theirs "$root/releases/start_erl.data" 200)"
  if found=$(ls -- "$root/lib" 2>/dev/null); then emit "lib_$pid" "$(printf '%s\n' "$found" | head -c 16384)"; fi
  # One walk: w writable by those who run it or by anybody, s special, l a link that leaves; its last line says how it went.
  emit "tree_$pid" "$({
    find "$root" -xdev \( -path "$root/tmp" -o -path "$root/log" \) -prune -o \( \
      ! -type l \( \( -user "$owner" -a ! -user 0 -a -perm /0200 \) -o \( -perm /0022 ! -perm -1000 \) \) -printf 'w %p\0' \
      , \( -perm /6000 -o -type b -o -type c -o -type p -o -type s \) -printf 's %p\0' \
      , -type l \( -lname '/*' -o -lname '*..*' \) -printf 'l %p -> %l\0' \) 2>/dev/null
    printf 'rc %s\0' "$?"
  } | tr '\0\n\036' '\n??' | head -c 8192)"
  emit "disk_$pid" "$(df --output=size,avail,itotal,iavail,target -B1 -- "$root" 2>/dev/null | tail -n 1)"
  here=$(readlink "$process/cwd" || :)
  place=$(printf '%s\n' "${variables:-}" | sed -n 's/^ERL_CRASH_DUMP=//p' | head -n 1)
  emit "dumps_$pid" "$(at "${place:-/nowhere}" "$here"/erl_crash.dump* "$house"/erl_crash.dump* "$root"/erl_crash.dump* | sort -u)"
  emit "dump_dir_$pid" "$(at "$(dirname -- "${place:-$here/erl_crash.dump}")")"
  files=$(printf '%s\n' "$argv" | grep -x -A 1 -e -ssl_dist_optfile | tail -n 1)
  if [ -n "$files" ] && words=$(theirs "$files" 16384 | sed 's/%.*//') && [ -n "$words" ]; then
    named=$(printf '%s\n' "$words" | grep -o '"/[^"]*"' | tr -d '"' | sort -u | head -n 8)
    emit "tls_$pid" "$(printf '%s\n' "$words" | tr -d ' \n\t\036')"
    emit "tls_at_$pid" "$(printf '%s\n' "$named" | while read -r file; do at "$file"; done)"
    emit "tls_pem_$pid" "$(printf '%s\n' "$named" | while read -r file; do
      echo "file $file"
      theirs "$file" 65536 | sed -n '/-----BEGIN CERTIFICATE-----/,/-----END CERTIFICATE-----/p'
    done)"
  fi
  spool=$(printf '%s\n' "${variables:-}" | sed -n 's/^RELEASE_TMP=//p' | head -n 1)
  # Without its environment nobody knows where that is.
  if [ -n "$variables" ] && { rendered=$(find "${spool:-$root/tmp}" -maxdepth 1 -name '*.runtime.config' -perm /0077 \
    2>/dev/null) || [ ! -e "${spool:-$root/tmp}" ]; }; then
    emit "rendered_$pid" "$rendered"
  fi
done

# What systemd says of their units, and of those that a host may protect itself with; secrets by their name alone.
watched='deployer-firewall.service nftables.service ufw.service firewalld.service netfilter-persistent.service'
wanted=Id,LoadState,ActiveState,UnitFileState,FragmentPath,User,DynamicUser,NoNewPrivileges,ProtectSystem,ProtectHome
wanted=$wanted,PrivateTmp,CapabilityBoundingSet,RestrictSUIDSGID,Restart,RestartUSec,StartLimitBurst,StartLimitIntervalUSec
wanted=$wanted,TimeoutStopUSec,NRestarts,KillMode,MemoryMax,TasksMax,OOMPolicy,LimitNOFILE,LimitCORE,Environment,EnvironmentFiles
# shellcheck disable=SC2086
if shown=$(systemctl show -p "$wanted" -- $units $watched 2>/dev/null); then
  emit units "$(printf '%s\n' "$shown" | while IFS= read -r line; do
    case $line in
      Environment=*) printf 'Secrets=%s\n' "$(printf '%s\n' "$line" |
        grep -oE '[A-Za-z0-9_]*(COOKIE|SECRET|PASSW|TOKEN|_KEY|DATABASE_URL)[A-Za-z0-9_]*=' | tr '\n=' '  ')" ;;
      EnvironmentFiles=*) file=${line#*=}; file=${file% (ignore_errors=*}; printf 'EnvironmentFile=%s\n' "$(at "$file")" ;;
      *) printf '%s\n' "$line" ;;
    esac
  done)"
fi
