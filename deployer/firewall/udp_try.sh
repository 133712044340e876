# Sends an empty line to UDP ports, and prints for each "NUMBER open", "NUMBER refused" (an ICMP error: the packet came
# through, and nothing listens) or "NUMBER no answer". It tries three times, as packets can be lost and ICMP errors are limited.
# Set above: cells, lines of NUMBER ADDRESS PORT.
# shellcheck shell=sh disable=SC2154,SC2016
command -v bash >/dev/null || { echo 'bash is needed, which opens ports of UDP'; exit 1; }
printf '%s\n' "$cells" | xargs -P 4 -L 1 bash -c '
  said="no answer"
  for try in 1 2 3; do
    exec 3<>"/dev/udp/$2/$3" || break
    { printf "\n" >&3; } 2>/dev/null
    IFS= read -r -d "" -t 1 -n 1 -u 3 2>/dev/null
    status=$?
    if [ "$status" -eq 0 ]; then said=open; break; fi
    if [ "$status" -le 128 ]; then said=refused; break; fi
  done
  printf "%s %s\n" "$1" "$said"' udp
