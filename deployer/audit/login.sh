# Who may log in and how: what sshd itself says, its keys, who is let in by key, and who becomes root without a word.
daemon=$(command -v sshd || :)
if [ -z "$daemon" ]; then emit sshd absent
elif said=$("$daemon" -T 2>/dev/null); then emit sshd "$(printf '%s\n' "$said" | head -c 16384)"; fi
emit host_keys "$(stat -c '%a %U %n' /etc/ssh/ssh_host_*_key 2>/dev/null || :)"
emit host_public "$(cat /etc/ssh/ssh_host_*_key.pub 2>/dev/null | head -c 16384 || :)"
# The accounts that a deploy or a node logs in as, and root.
emit keys "$(getent passwd | while IFS=: read -r name _ id _ _ house shell; do
  case $shell in */nologin|*/false|'') continue ;; esac
  [ "$id" = 0 ] || [ "$id" -ge 1000 ] || [ -e "$house/.ssh" ] || continue
  stat -c '%a %U %n' "$house/.ssh/authorized_keys" "$house/.ssh" 2>/dev/null | sed "s/^/$name /" || :
  [ -x "$house" ] || [ ! -e "$house" ] || echo "$name hidden"
done)"
emit accounts "$(getent passwd | cut -d : -f 1,3,7 | head -c 16384)"
if [ -r /etc/shadow ]; then emit empty "$(grep -E '^[^:]+::' /etc/shadow | cut -d : -f 1 || :)"; fi
if [ -r /etc/sudoers ]; then
  emit sudo "$(cat /etc/sudoers /etc/sudoers.d/* 2>/dev/null | grep -E '^[^#]*NOPASSWD' | head -c 4096 || :)"
elif [ ! -e /etc/sudoers ]; then emit sudo ''; fi
