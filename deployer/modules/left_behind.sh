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

# abandoned: clusters that had nodes of ours here and have none any more. Where others run the nodes there are no such files.
abandoned() {
  find /etc/beam -mindepth 2 -maxdepth 3 \( -path '/etc/beam/epmd.d/*/*' -o -path '/etc/beam/*/*.args' \) 2>/dev/null |
    while read -r file; do
      case $file in */epmd.d/*) name=${file##*/} ;; *) name=${file%/*} name=${name##*/} ;; esac
      case $name in "$cluster" | epmd.d | generations.d | *[!A-Za-z0-9_-]*) ;; *) echo "$name" ;; esac
    done | sort -u | while read -r one; do has_nodes "$one" || echo "$one"; done
}

# registered PORT: whether any node is registered with the EPMD there.
registered() { ERL_EPMD_PORT=$1 /usr/local/lib/beam/epmd -names 2>/dev/null | grep -q '^name '; }

# firewall_parts: those of abandoned clusters; the declared one's own has to be there, or nobody would reach SSH.
firewall_parts() {
  [ -e "/etc/nftables.d/deployer.d/$cluster.nft" ] || return 0
  for one in $(abandoned); do
    [ ! -e "/etc/nftables.d/deployer.d/$one.nft" ] || echo "$one"
  done
}

# left: one thing a line: its kind, and its name.
left() {
  gone=' '
  for one in $(abandoned); do
    echo "files /etc/beam/$one"
    gone="$gone$one "
  done
  for one in $(firewall_parts); do echo "firewall part of $one"; done
  for file in /etc/beam/epmd.d/*/*; do
    of_port=${file%/*} of_port=${of_port##*/} whose=${file##*/}
    [ -f "$file" ] || continue
    case $gone in *" $whose "*) echo "epmd $of_port/$whose"; continue ;; esac
    # The cluster's own, at a port of before: what still registers there needs it.
    if [ "$whose" = "$cluster" ] && [ "$of_port" != "$port" ] && ! registered "$of_port"; then echo "epmd $of_port/$whose"; fi
  done
  find /etc/beam/generations.d -name current -type l 2>/dev/null | sort | while read -r kept; do
    kept=${kept%/current}
    [ "${kept#/etc/beam/generations.d}" = "$root" ] || has_node "$kept" || echo "release ${kept#/etc/beam/generations.d}"
  done
}

# removed: all of that but for the firewall, and nothing below a directory that others than root could exchange; the EPMD of a port goes with the last cluster that had it.
removed() {
  found=$(left)
  printf '%s\n' "$found" | while read -r kind name; do
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
