emit now "$(date +%s)"
rows=$(
  for folder in "$@"; do
    [ -d "$folder" ] || continue
    ways=-H  # a link that was named is gone into, as if a / stood behind it
    [ "$follow" = no ] || ways=-L
    find "$ways" "$folder" -mindepth 1 -maxdepth "$deep" -printf '%m:%y:%U:%G:%s:%n:%i:%D:%A@:%T@:%C@:%u:%g:%p\0' 2>/dev/null || :
  done | head -c "$most" | base64 -w 0
)
emit rows "$rows"
missing=
for folder in "$@"; do
  [ -d "$folder" ] || { hidden "$folder"; missing=yes; }
done
emit missing "$missing"
