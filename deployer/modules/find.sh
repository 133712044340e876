emit now "$(date +%s)"
format='%m:%y:%U:%G:%s:%n:%i:%D:%A@:%T@:%C@:%u:%g:%p\0'
rows=$(
  for folder in "$@"; do
    [ -d "$folder" ] || continue
    if [ "$follow" = no ]; then  # a link that was named is gone into, as if a / stood behind it
      find -H "$folder" -mindepth 1 -maxdepth "$deep" -printf "$format" 2>/dev/null || :
    else  # links are gone into, and yet told as links
      # shellcheck disable=SC2016 # of the sh that xargs starts
      find -L "$folder" -mindepth 1 -maxdepth "$deep" -print0 2>/dev/null |
        xargs -0 -r sh -c 'shown=$1; shift; exec find -P "$@" -maxdepth 0 -printf "$shown"' sh "$format" 2>/dev/null || :
    fi
  done | head -c "$most" | base64 -w 0
)
emit rows "$rows"
missing=
for folder in "$@"; do
  [ -d "$folder" ] || { hidden "$folder"; missing=yes; }
done
emit missing "$missing"
