"""Text that runs on hosts: quoted by construction, framed, sent whole."""

from deployer.sh.answers import decode
from deployer.sh.frame import Frame, Program, encode, payload
from deployer.sh.known import Known
from deployer.sh.text import Sh, lines, script, sh

__all__ = ["Frame", "Known", "Program", "Sh", "decode", "encode", "lines", "payload", "script", "sh"]
