"""What we read in ssh configurations is what ``ssh -G`` reads in them, for every word that we understand."""

from __future__ import annotations

import os
import pwd
import shutil
from pathlib import Path

import pytest

from deployer.transport import ssh_lines, ssh_oracle, ssh_words
from tests.samples import quick

HOME = Path(pwd.getpwuid(os.getuid()).pw_dir)
ME = pwd.getpwuid(os.getuid()).pw_name
ASKED = ("hostname", "user", "port", "identitiesonly", "proxyjump", "proxycommand", "hostkeyalias", "identityfile")
CASES = {
    "nothing": "",
    "comments": "# one\n   # two\n\nUser a\n",
    "first wins": "User a\nUser b\n",
    "block": "Host web1\n  User a\nHost *\n  User b\n  Port 7\n",
    "other block": "Host web2\n  User a\nUser c\n",
    "several patterns": "Host db web?\n  User a\n",
    "negated": "Host * !web1\n  User a\nHost *\n  User b\n",
    "negated first": "Host !web1 *\n  User a\nHost *\n  User b\n",
    "negated other": "Host * !web2\n  User a\n",
    "only negated": "Host !web2\n  User a\n",
    "star": "Host w*1\n  User a\n",
    "question marks": "Host ????\n  User a\n",
    "brackets are no class": "Host web[1]\n  User a\n",
    "case of words": "hOST web1\n  uSER a\n",
    "case of hosts": "Host WEB1\n  User a\n",
    "equals": "Host=web1\n  User=a\n  Port = 77\n",
    "quotes": 'Host "web1"\n  User "a"\n',
    "trailing comment": "Host web1 # Bob's box\n  User root # admin\n",
    "hash in a word": "User a#b\n",
    "tabs": "Host\tweb1\n\tUser\ta\n",
    "carriage returns": "Host web1\r\n  User a\r\n",
    "hostname": "Host web1\n  HostName 10.0.0.7\n",
    "hostname token": "Host web1\n  HostName %h.example.org\n",
    "hostname percent": "Host web1\n  HostName a%%h\n".replace("%%h", "b"),
    "hostname in capitals": "Host web1\n  HostName WEB.Example.ORG\n",
    "match host": "Match host web1\n  User a\n",
    "match host list": "Match host db,web*\n  User a\n",
    "match host negated in the list": "Match host *,!web1\n  User a\n",
    "match host equals": "Match host=web1\n  User a\n",
    "match not host": "Match !host web2\n  User a\n",
    "match host quoted": 'Match host "web1,web2"\n  User a\n',
    "match sees the hostname": "HostName x.org\nMatch host x.org\n  User a\n",
    "match sees it later": "Match host x.org\n  User a\nHost *\n  HostName x.org\n",
    "match original": "HostName x.org\nMatch originalhost web1\n  User a\n",
    "match all": "Match all\n  User a\n",
    "match user": f"Match user {ME}\n  Port 9\n",
    "match user set before": "User a\nMatch user a\n  Port 9\n",
    "match localuser": f"Match localuser {ME}\n  Port 9\n",
    "match two": "Match host web1 user nobody\n  Port 9\nMatch host web1 localuser *\n  Port 10\n",
    "match comment": "Match host web1 # here\n  Port 9\n",
    "match then host": "Match host web1\n  User a\nHost web1\n  Port 9\n",
    "final": "Match final\n  User a\n",
    "final all": "User b\nMatch final all\n  User a\n  Port 9\n",
    "final host": "HostName x.org\nMatch final host x.org\n  User a\n",
    "final later host": "HostName x.org\nMatch final\n  Port 9\nHost x.org\n  User a\n",
    "not final": "Match !final host web1\n  User a\n",
    "canonical": "Match canonical\n  User a\n",
    "canonicalize a dotless host": "CanonicalizeHostname yes\nHost web1\n  User a\nMatch canonical\n  Port 9\n",
    "canonicalize with a name": "CanonicalizeHostname yes\nHostName a.b.c\nHost a.b.c\n  User a\n",
    "canonicalize no": "CanonicalizeHostname no\nMatch canonical all\n  Port 9\n",
    "include": "Include SIDE/one\nUser b\n",
    "include glob": "Include SIDE/*\n",
    "include none": "Include SIDE/none*\nUser a\n",
    "include in a block": "Host web1\n  Include SIDE/bare\nHost *\n  User z\n",
    "include in another block": "Host web2\n  Include SIDE/bare\nHost *\n  User z\n",
    "include of blocks in a block": "Host web2\n  Include SIDE/one\n  User c\nHost *\n  User z\n",
    "a block of an include ends with it": "Host web1\n  Include SIDE/other\n  User mine\n",
    "include in match": "Match host web1\n  Include SIDE/bare\n",
    "keys": "IdentityFile ~/.ssh/a\nIdentityFile ~/.ssh/b\n",
    "keys twice": "IdentityFile ~/.ssh/a\nHost web1\n  IdentityFile ~/.ssh/a\n  IdentityFile /b\n",
    "key tokens": "IdentityFile ~/.ssh/%k/%h-%r\n",
    "key with blanks": 'IdentityFile "/tmp/with space/key"\n',
    "identities only": "IdentitiesOnly yes\n",
    "jump": "ProxyJump a@b:22,c\n",
    "jump none": "Host web1\n  ProxyJump none\nHost *\n  ProxyJump b\n",
    "command": "ProxyCommand nc -X 5 %h %p # kept\n",
    "command in quotes": "ProxyCommand sh -c 'a \"b\" %h'\n",
    "command none": "Host web1\n  ProxyCommand none\nHost *\n  ProxyCommand x\n",
    "command before jump": "ProxyCommand x %h\nProxyJump b\n",
    "jump before command": "ProxyJump b\nProxyCommand x %h\n",
    "alias": "HostKeyAlias fleet-%h\n",
    "known hosts": "UserKnownHostsFile ~/.ssh/kh.d/%k /tmp/%n\n",
    "known hosts none": "UserKnownHostsFile none\n",
    "global known hosts": "GlobalKnownHostsFile /etc/a /etc/b\n",
    "agent": "IdentityAgent ~/x.sock\n",
    "agent none": "IdentityAgent none\n",
    "timeout": "ConnectTimeout 1m30s\n",
    "accept new": "StrictHostKeyChecking accept-new\n",
    "an option nobody knows of": "IgnoreUnknown Strange*\nStrangeOption yes\nUser a\n",
    "others": "ForwardAgent yes\nControlMaster auto\nServerAliveInterval 30\nUser a\nSendEnv LANG LC_*\n",
}
SIDE = {"one": "Host web1\n  User a\n", "bare": "User b\nPort 8\n", "other": "Host nobody\n  Port 1\n"}


@pytest.mark.skipif(not shutil.which("ssh"), reason="there is no client to compare with")
@pytest.mark.parametrize("name", quick(CASES, 40))
def test_a_configuration_says_what_it_says_to_the_client(name: str, tmp_path: Path) -> None:
    text = CASES[name]
    (tmp_path / "side").mkdir()
    for beside, inner in SIDE.items():
        (tmp_path / "side" / beside).write_text(inner)
    file = tmp_path / "config"
    file.write_bytes(text.replace("SIDE", str(tmp_path / "side")).encode())
    client = ssh_oracle.ask_client(file, hash(text), "web1")
    assert client is not None, "the client refuses it"
    ours = ssh_words.evaluate_config(ssh_lines.read_ssh_config(file, HOME, HOME / ".ssh"), "web1")
    defaults = {"user": (ME,), "port": ("22",), "identitiesonly": ("no",)}
    for word in ASKED:
        seen, said = client.get(word, ()), ours.get(word) or defaults.get(word, ())
        said = () if said == ("none",) and word.startswith("proxy") else said
        seen = () if seen == ("none",) and word.startswith("proxy") else seen
        assert said == seen, word


def test_there_are_enough_of_them() -> None:
    assert len(CASES) >= 60
