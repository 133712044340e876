# Unpack, restart, wait for EPMD.
# shellcheck shell=sh disable=SC2211  # one ERTS lies there
set -e
mkdir -p /opt/raw
tar -xz -C /opt/raw
address=${SSH_CONNECTION#* * }
address=${address%% *}
cat >/etc/systemd/system/raw.service <<END
[Service]
Environment=RELEASE_NODE=demo@$address RELEASE_DISTRIBUTION=name RELEASE_COOKIE=raw PORT=4000
ExecStart=/opt/raw/bin/demo start
END
systemctl daemon-reload
systemctl restart raw
i=0
until /opt/raw/erts-*/bin/epmd -names | grep -q '^name demo '; do
  i=$((i + 1)); [ "$i" -lt 600 ]; sleep 0.1
done
