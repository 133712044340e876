# What deployer has put on this host and no declaration covers any more. Above are set of what is declared: cluster, port (of
# its EPMD; empty without one), root (of its release; empty without one).

# serves UNIT: it runs, or starts at boot.
serves() { systemctl --quiet is-active -- "$1" || systemctl --quiet is-enabled -- "$1" 2>/dev/null; }

# has_nodes CLUSTER: a unit that serves reads the cluster's files.
has_nodes() {
  for conf in /etc/systemd/system/*.service.d/00-deployer.conf /etc/systemd/system/*.service; do
    grep -qs -- "/etc/beam/$1/" "$conf" || continue
    unit=${conf%.d/00-deployer.conf}
    if serves "${unit##*/}"; then return 0; fi
  done
  return 1
}

# has_node GENERATIONS: a unit that serves starts the release that has these.
has_node() {
  find /etc/systemd/system -mindepth 2 -maxdepth 2 -name 00-deployer.conf -lname "$1/*" 2>/dev/null | {
    while read -r conf; do
      starts=${conf%.d/00-deployer.conf}
      if serves "${starts##*/}"; then exit 0; fi
    done
    exit 1
  }
}

# abandoned: leave in $clusters those that had nodes of ours here and have none any more. Where others run the nodes there are
# no such files.
abandoned() {
  clusters='' asked=" $cluster epmd.d generations.d "
  for file in /etc/beam/*/*.args /etc/beam/epmd.d/*/*; do
    [ -e "$file" ] || [ -L "$file" ] || continue
    case $file in */epmd.d/*) name=${file##*/} ;; *) name=${file%/*} name=${name##*/} ;; esac
    case $name in *[!A-Za-z0-9_-]*) continue ;; esac
    case $asked in *" $name "*) continue ;; esac
    asked="$asked$name "
    has_nodes "$name" || clusters="${clusters:- }$name "
  done
}

# registered PORT: whether any node is registered with the EPMD there.
registered() { ERL_EPMD_PORT=$1 /usr/local/lib/beam/epmd -names 2>/dev/null | grep -q '^name '; }

# firewall_parts: of abandoned clusters, one a line; the declared one's own has to be there, or nobody would reach SSH.
firewall_parts() {
  [ -e "/etc/nftables.d/deployer.d/$cluster.nft" ] || return 0
  abandoned
  for one in $clusters; do
    [ ! -e "/etc/nftables.d/deployer.d/$one.nft" ] || echo "$one"
  done
}

# left: leave in $all one thing a line: its kind, and its name.
left() {
  abandoned
  all=''
  for one in $clusters; do all="${all}files /etc/beam/$one$lf"; done
  for one in $clusters; do
    [ ! -e "/etc/nftables.d/deployer.d/$cluster.nft" ] || [ ! -e "/etc/nftables.d/deployer.d/$one.nft" ] ||
      all="${all}firewall part of $one$lf"
  done
  for file in /etc/beam/epmd.d/*/*; do
    of_port=${file%/*} of_port=${of_port##*/} whose=${file##*/}
    [ -f "$file" ] || continue
    case $clusters in *" $whose "*) all="${all}epmd $of_port/$whose$lf"; continue ;; esac
    # The cluster's own, at a port of before: what still registers there needs it.
    if [ "$whose" = "$cluster" ] && [ "$of_port" != "$port" ] && ! registered "$of_port"; then all="${all}epmd $of_port/$whose$lf"; fi
  done
  found=$(find /etc/beam/generations.d -name current -type l 2>/dev/null) || :
  set -f
  IFS=$lf
  for kept in $found; do
    kept=${kept%/current}
    [ "${kept#/etc/beam/generations.d}" = "$root" ] || has_node "$kept" || all="${all}release ${kept#/etc/beam/generations.d}$lf"
  done
  unset IFS
  set +f
  all=${all%"$lf"}
}

# removed: all of that but for the firewall, and nothing below a directory that others than root could exchange; the EPMD of a port goes with the last cluster that had it.
removed() {
  left
  printf '%s\n' "$all" | while read -r kind name; do
    case $kind in
      files) rm -rf -- "${name:?}" ;;
      release)
        way=$name
        while [ -n "$way" ]; do
          trusted "$way"
          way=${way%/*}
        done
        rm -rf -- "/etc/beam/generations.d${name:?}" "$name" ;;
      epmd)
        rm -f -- "/etc/beam/epmd.d/$name"
        at=${name%/*}
        if rmdir -- "/etc/beam/epmd.d/$at" 2>/dev/null; then
          systemctl disable --quiet --now -- "beam-epmd@$at.service"
        else # its addresses are joined again at the next start, and until then there is one more
          touch -ch -- "/run/beam-epmd-$at/started"
        fi ;;
    esac
  done
}
