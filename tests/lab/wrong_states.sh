unit=demo.service env=/etc/beam/demo/private/demo.env flags=/etc/beam/demo/demo.vm.args
pem=/etc/beam/demo/private/demo.pem ca=/etc/beam/demo/ca.pem
drop=/etc/systemd/system/demo.service.d live=$(readlink -f /opt/demo/current)
main() { systemctl show -p MainPID --value "$unit"; }
rpc() { demo-ctl rpc "$1"; }
set_env() { printf '%s="%s"\n' "$1" "$2" >>"$env"; }
drop_in() {
  mkdir -p "$drop"; printf '[%s]\n' "$1" >"$drop/wrong.conf"; shift
  printf '%s\n' "$@" >>"$drop/wrong.conf"; systemctl daemon-reload
}
once() { drop_in Service Restart=no "$@"; }
fails() { systemctl restart "$unit" && exit 1; :; }
fails_saying() { # a runtime that aborts does not wait until its last words are written
  until fails; journalctl --sync; journalctl -q -u "$unit" --since=-1min | grep -q -e "$1"; do :; done
}
starts() { systemctl restart --no-block "$unit"; until [ "$(main)" != 0 ]; do sleep 0.1; done; }
loops() { starts; until [ "$(systemctl show -p NRestarts --value "$unit")" -ge 1 ]; do sleep 0.2; done; }
port_opens() { until perl -MIO::Socket::INET -e 'exit !IO::Socket::INET->new(shift)' "$me:$1"; do sleep 0.1; done; }
rogue() { # returns when it has what it is to have
  systemd-run --quiet --collect --unit="rogue$RANDOM" -p Type=notify -p NotifyAccess=all perl /root/rogue.pl "$@"
}
keep() { cp -p "$@" /root/kept/; }
epmd_pid() { systemctl show -p MainPID --value beam-epmd@4369; }
other_epmd() {
  systemctl stop beam-epmd@4369.service
  systemd-run --quiet --collect --unit=rogue-epmd /usr/local/lib/beam/epmd "$@"
}
forgotten() { rpc ':sys.suspend(:erl_epmd)'; systemctl restart beam-epmd@4369.service; }
table() { nft add table ip rogue; nft add chain ip rogue "$1" "{ type $2 hook $1 priority $3; }"; }
shut() { table input filter -5; nft add rule ip rogue input "$@"; }
detour() { table output nat -100; nft add rule ip rogue output ip daddr "$me" tcp dport 9100 "$@"; }
lose() { rpc ":application.set_env(:kernel, :dist_auto_connect, :never); :erlang.disconnect_node(:\"demo@$1\")"; }
shows() { rm -f "$pem"; cp /root/kept/$1.pem "$pem"; systemctl restart demo; }
unhealthy() { rpc "Application.put_env(:demo, :unhealthy, $1)"; }
meshed() { until [ "$(rpc 'IO.puts(length(Node.list()))')" -ge 2 ]; do sleep 0.1; done; }
no_page() { rpc 'Supervisor.terminate_child(Demo.Supervisor, Demo.Http)'; }
