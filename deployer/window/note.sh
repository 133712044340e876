# Note in the host's journal who does what; the text is in no argv. The one line is taken by itself where a console begins.
# Given: who what; $connection of the prelude.
# shellcheck shell=sh disable=SC2154
printf "%s (%s, from %s): %s\n" "$who" "${SUDO_USER:-$(id -un)}" "${connection%% *}" "$what" | logger -t deployer -p auth.notice
