# Prints a host's record of its releases, with the last $count lines of its history; nothing of a record that is not root's own.
# shellcheck shell=sh disable=SC2154

# pairs NAME: each file of one of its directories, NAME:FIRST-LINE.
pairs() {
  for one in "$root/ledger/$1"/*; do
    [ -f "$one" ] || continue
    text=''
    IFS= read -r text <"$one" || :
    printf '%s:%s\n' "${one##*/}" "$text"
  done
}

current_id
emit current "$now"
distrust=$(own_record)
[ -z "$distrust" ] || { emit distrust "$distrust"; exit 0; }
odd=''
for name in good bad migrated expected sums config; do
  if [ -e "$root/ledger/$name" ] && [ ! -d "$root/ledger/$name" ]; then odd="$root/ledger/$name"; fi
done
for name in history away; do
  if [ -e "$root/ledger/$name" ] && [ ! -f "$root/ledger/$name" ]; then odd=$root/ledger/$name; fi
done
[ -z "$odd" ] || { emit damaged "$odd"; exit 0; }
emit good "$(pairs good)"
emit bad "$(pairs bad)"
emit migrated "$(pairs migrated)"
emit expected "$(pairs expected)"
[ ! -e "$root/ledger/away" ] || emit away "$(head -c 20 -- "$root/ledger/away")"
[ ! -e "$root/ledger/untried" ] || emit untried yes
# A line that a full disk or a lost host has cut is none.
[ ! -f "$root/ledger/history" ] ||
  emit history "$(head -n "$(wc -l <"$root/ledger/history")" -- "$root/ledger/history" | tail -n "$count")"
