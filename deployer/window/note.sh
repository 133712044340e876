# Logs to the host's journal who does what; the text is in no argv. A console uses only the last line of this file.
# Needs: who what; $connection of the prelude.
# shellcheck shell=sh disable=SC2154
printf "%s (%s, from %s): %s\n" "$who" "${SUDO_USER:-$(id -un)}" "${connection%% *}" "$what" | logger -t deployer -p auth.notice
