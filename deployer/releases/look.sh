# Prints a host's record of its releases, with the last $count lines of its history; nothing of a record that is not root's own.
# shellcheck shell=sh disable=SC2154

# pairs NAME: emit each file of one of its directories, NAME:FIRST-LINE.
pairs() {
  told=''
  for one in "$root/ledger/$1"/*; do
    [ -f "$one" ] || continue
    text=''
    IFS= read -r text <"$one" || :
    told="$told${told:+$lf}${one##*/}:$text"
  done
  emit "$1" "$told"
}

current_id
emit current "$now"
own_record
[ -z "$distrust" ] || { emit distrust "$distrust"; exit 0; }
odd=''
for name in good bad migrated expected sums config; do
  if [ -e "$root/ledger/$name" ] && [ ! -d "$root/ledger/$name" ]; then odd="$root/ledger/$name"; fi
done
for name in history away; do
  if [ -e "$root/ledger/$name" ] && [ ! -f "$root/ledger/$name" ]; then odd=$root/ledger/$name; fi
done
[ -z "$odd" ] || { emit damaged "$odd"; exit 0; }
for name in good bad migrated expected; do pairs "$name"; done
if [ -e "$root/ledger/away" ]; then
  text=''
  IFS= read -r text <"$root/ledger/away" || :
  [ "${#text}" -gt 20 ] || emit away "$text"
fi
[ ! -e "$root/ledger/untried" ] || emit untried yes
# With what a full disk or a lost host has cut at its end, which is no line.
if [ -f "$root/ledger/history" ]; then
  emit count "$count"
  printf 'history='
  tail -n "$((count + 1))" -- "$root/ledger/history"
  printf '\036'
fi
