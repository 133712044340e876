nft delete table ip rogue 2>/dev/null || :
systemctl stop 'rogue*' 2>/dev/null || :
rm -f "$drop/wrong.conf"
rm -f "$env" "$flags"; cp -p /root/kept/demo.env "$env"; cp -p /root/kept/demo.vm.args "$flags"
rm -f /etc/systemd/system/demo.service; cp -p /root/kept/demo.service /etc/systemd/system/
cp -p /root/kept/cookie /etc/beam/demo/private/cookie
systemctl unmask --runtime --quiet beam-epmd@4369.service
systemctl daemon-reload
systemctl reset-failed 2>/dev/null || :
