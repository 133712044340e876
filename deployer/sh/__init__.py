"""Text that runs on hosts: quoted by construction, framed, sent whole."""

from deployer.sh.answers import decode
from deployer.sh.frame import LOGIN_USER, Frame, Program, encode, payload
from deployer.sh.known import Known, Pooled, Reads
from deployer.sh.text import Sh, library, lines, script, sh

__all__ = [
    "LOGIN_USER",
    "Frame",
    "Known",
    "Pooled",
    "Program",
    "Reads",
    "Sh",
    "decode",
    "encode",
    "library",
    "lines",
    "payload",
    "script",
    "sh",
]
