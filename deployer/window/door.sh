# Prints what root needs from a host to talk to a node: its state, its cookie, its certificate.
# Needs: unit node runtime pem authority; the functions of the prelude.
# shellcheck shell=sh disable=SC2154
unit_show "$unit"
emit show "$shown"
emit pid "$pid"
read -r up _ </proc/uptime
emit uptime "$up"
if [ "$pid" != 0 ] && [ -f "$runtime/.erlang.cookie" ]; then
  emit cookie "$(theirs "$runtime/.erlang.cookie" 4096 | base64 -w 0)"
fi
# The command line of a node shows whether it uses TLS.
if [ "$pid" != 0 ] && tr '\0' '\n' <"/proc/$pid/cmdline" | grep -qxE 'inet6?_tls'; then
  emit pem "$(taste "$pem" 65536 | base64 -w 0)"
  emit authority "$(taste "$authority" 65536 | base64 -w 0)"
fi
