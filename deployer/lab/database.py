"""PostgreSQL on a host of the profile ``database``: Debian's server, open to the lab, with a user and a database.

User, database and password are the same on every such host: ``lab``, ``lab`` and `state.PASSWORD`; `database_url` joins
them.
The server listens on all of the host's addresses and lets the user in from the lab's networks, by the password. A unit
of the host makes both at its boot, and a host counts as up when its boot is over.

The password is kept as MD5 rather than as SCRAM: Debian's PostgreSQL driver for Erlang needs a library more for SCRAM.
"""

from __future__ import annotations

from pathlib import Path

from deployer.lab.state import PASSWORD, Lab, LabHost

USER = "lab"
"""The database's user, and the database that it owns."""

_CONF = """\
listen_addresses = '*'
password_encryption = md5
"""
_MAKE = """\
SELECT 'CREATE ROLE {user} LOGIN PASSWORD ''{password}'''
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{user}')\\gexec
SELECT 'CREATE DATABASE {user} OWNER {user}'
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '{user}')\\gexec
"""
_UNIT = """\
[Unit]
Description=The lab's user and database
After=postgresql.service
Requires=postgresql.service

[Service]
Type=oneshot
RemainAfterExit=yes
User=postgres
ExecStart=/usr/bin/psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 --file /etc/postgresql/lab.sql
"""


def database_url(host: LabHost) -> str:
    """Where an application finds the database: ``postgres://USER:PASSWORD@ADDRESS:5432/DATABASE``."""
    return f"postgres://{USER}:{PASSWORD}@{host.address}:5432/{USER}"


def write_database(lab: Lab, root: Path) -> None:
    """Set up the server in a host's mounted root, before its boot; `write_database` once, on an untouched disk."""
    (cluster,) = (root / "etc/postgresql").glob("*/main")
    (cluster / "conf.d/lab.conf").write_text(_CONF)
    with (cluster / "pg_hba.conf").open("a") as handle:
        for subnet in (lab.subnet, lab.subnet6):
            handle.write(f"host all {USER} {subnet} md5\n")
    (root / "etc/postgresql/lab.sql").write_text(_MAKE.format(user=USER, password=PASSWORD))
    unit = root / "etc/systemd/system/lab-database.service"
    unit.write_text(_UNIT)
    (unit.parent / "multi-user.target.wants" / unit.name).symlink_to(Path("/") / unit.relative_to(root))
