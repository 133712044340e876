# What lies on a host for who is root there and wants to talk to a node: its state, its cookie, its certificate.
# Given: unit node runtime pem authority; the functions of the prelude.
# shellcheck shell=sh disable=SC2154
unit_show "$unit"
emit show "$shown"
emit pid "$pid"
read -r up _ </proc/uptime
emit uptime "$up"
if [ "$pid" != 0 ] && [ -f "$runtime/.erlang.cookie" ]; then
  emit cookie "$(theirs "$runtime/.erlang.cookie" 4096 | base64 -w 0)"
fi
# A node that speaks TLS says so on its command line.
if [ "$pid" != 0 ] && tr '\0' '\n' <"/proc/$pid/cmdline" | grep -qxE 'inet6?_tls'; then
  emit pem "$(taste "$pem" 65536 | base64 -w 0)"
  emit authority "$(taste "$authority" 65536 | base64 -w 0)"
fi
