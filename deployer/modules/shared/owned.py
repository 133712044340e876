"""Arguments of every module that writes a file: owner, group, mode and validation."""

from __future__ import annotations

from typing import Annotated

from deployer import checks as check
from deployer.fields import Doc

Owner = Annotated[str | None, Doc("the user it belongs to", check=check.owner, example="root")]
FileGroup = Annotated[str | None, Doc("the group it belongs to", check=check.owner, example="root")]
Mode = Annotated[str | None, Doc("octal permissions", check=check.mode, example="0644", quoted=True)]
Validate = Annotated[
    str | None,
    Doc(
        "a command that must accept the new file, given as %s, before it is put in place",
        check=check.word_list,
        example="test -s %s",
    ),
]
