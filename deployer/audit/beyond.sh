# What lies beyond this host's own state: how it resolves its peers' names, and what its public ports show of themselves.
# Above: names, and places (ADDRESS:PORT), both words.
# shellcheck disable=SC2154
count=0
for name in $names; do
  emit "name_$count" "$name $(getent ahosts -- "$name" | cut -d ' ' -f 1 | sort -u | tr '\n' ' ')"
  count=$((count + 1))
done
if command -v openssl >/dev/null; then
  for place in $places; do
    emit "tls_${place##*:}" "$(timeout -k 1 3 openssl s_client -connect "$place" 2>/dev/null </dev/null |
      sed -n '/-----BEGIN CERTIFICATE-----/,/-----END CERTIFICATE-----/p' | tr -d '\036' | head -c 16384 || :)"
  done
fi
