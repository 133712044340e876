"""``lookup()`` and ``query()``: what a template asks of this machine, and of its own variables, when a plan is made.

They read; what would run a program, or make up something that is another thing each time, is refused.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Undefined

from deployer.errors import ConfigError, NotYet
from deployer.fields import nearest
from deployer.load import regexes, vault
from deployer.load.marked import Encrypted
from deployer.load.sources import at_home
from deployer.load.taint import Rendering
from deployer.load.template import Layer, Variables
from deployer.model import Mark, Secret
from deployer.regular import read_regular
from deployer.syntax import truth

LARGEST_LOOKUP = 1024 * 1024
"""Bytes that a file may have whose content becomes a value."""
_PREFIXES = ("ansible.builtin.", "ansible.legacy.", "community.general.")
_TELLS_SECRETS = re.compile(
    r"(?:PASSWD|PASSWORD|PASSPHRASE|SECRET|TOKEN|CREDENTIALS?|(?:^|_)(?:SSH)?PASS)(?:_|$)|(?:KEY|_PWD)$"
)
_UNSAID = "a secret is involved, so no more is said"
_FROM_ELSEWHERE = "write {env: NAME}, {file: PATH} or {command: [PROGRAM, …]} where a secret is expected"
_INSTEAD = {
    "pipe": "a plan runs no program here; write command: {cmd: …} with delegate_to: localhost, register: NAME and "
    f"changed_when: false; {_FROM_ELSEWHERE}",
    "password": "it would be another one for each who has no file; write the secret into the inventory with "
    "`deployer vault encrypt-string`, or {file: PATH} where a secret is expected",
    "url": "write get_url",
    **dict.fromkeys(
        ("hashi_vault", "aws_ssm", "aws_secret", "passwordstore", "onepassword", "bitwarden"), _FROM_ELSEWHERE
    ),
    **dict.fromkeys(("redis", "etcd", "dig", "dnstxt", "csvfile", "ini", "sops"), "put it into a file of variables"),
}


def looked_up(context: Rendering, args: Sequence[Any], options: Mapping[str, Any], *, as_list: bool) -> Any:
    """Return what ``lookup(NAME, TERM, …)`` gives: one value as it is, several texts joined by commas, as in Ansible.

    Args:
        context: the rendering that asks.
        args: the lookup's name and its terms.
        options: the lookup's options, and ``wantlist`` and ``errors``.
        as_list: ``query``, which always gives a list.

    Raises:
        ConfigError: there is no such lookup or option, or what it asks for is not there.
    """
    if not args:
        raise ConfigError("lookup needs a name", hint="lookup('file', 'NAME')")
    name = next((str(args[0]).removeprefix(one) for one in _PREFIXES if str(args[0]).startswith(one)), str(args[0]))
    told = dict(options)
    wants_list = _says(told.pop("wantlist", as_list))
    strict = str(told.pop("errors", "strict")) == "strict"
    if name not in _LOOKUPS:
        if context.tainted and name not in _INSTEAD:
            raise ConfigError(f"there is no lookup of that name; {_UNSAID}")
        hint = _INSTEAD.get(name) or nearest(name, _LOOKUPS)
        raise ConfigError(f"the lookup {name!r} is not supported", hint=hint)
    call, known = _LOOKUPS[name]
    if wrong := next((word for word in told if word not in known), ""):
        raise ConfigError(f"the lookup {name!r} has no option {wrong!r}", hint=nearest(wrong, known))
    variables = context.parent
    if not isinstance(variables, Variables):
        raise ConfigError(f"the lookup {name!r} is not known here")
    try:
        found = list(call(variables, args[1:], told))
    except NotYet:
        raise
    except ConfigError as error:
        if not strict:
            return [] if wants_list else None
        if context.tainted and not error.where:  # the message has what was asked for
            raise ConfigError(f"the lookup {name!r} found nothing it could give; {_UNSAID}") from None
        raise
    return found if wants_list else _joined(found)


def _says(value: Any) -> bool:
    return value is True or truth(value) is True


def _joined(found: list[Any]) -> Any:
    if len(found) == 1:
        return found[0]
    texts = [one.reveal() if isinstance(one, Secret) else one for one in found]
    if not found or not all(isinstance(one, str) for one in texts):
        return found
    whole = ",".join(texts)
    return Secret(whole, "lookup") if any(isinstance(one, Secret) for one in found) else whole


def _places(variables: Variables, folder: str) -> list[Path]:
    roots = [Path(str(variables[word])) for word in ("role_path", "playbook_dir") if word in variables]
    return [place for root in roots for place in (root / folder, root, root / "tasks")]


def _found(variables: Variables, name: Any, folder: str) -> tuple[Path | None, list[Path]]:
    if isinstance(name, Undefined) or not isinstance(name, str) or not name.strip():
        raise ConfigError(f"a lookup needs the name of a file, not {str(name)!r}")
    given = at_home(name)
    tried = [given] if given.is_absolute() else [place / given for place in _places(variables, folder)]
    return next((path for path in tried if path.is_file()), None), tried


def _text(variables: Variables, name: Any, folder: str) -> tuple[str | Secret, Path]:
    path, tried = _found(variables, name, folder)
    if path is None:
        searched = "\n  ".join(str(one) for one in tried)
        raise ConfigError(f"there is no file {name!r}", hint=f"searched:\n  {searched}")
    try:
        if path.stat().st_size > LARGEST_LOOKUP:
            raise ConfigError(f"{path} has more than {LARGEST_LOOKUP} bytes", hint="copy: {src: …} takes it")
        text = read_regular(path).decode()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not UTF-8", hint="copy: {src: …} takes what is not text") from None
    if vault.is_encrypted(text):
        return variables.render(Encrypted(text, Mark(str(path))), name=path.name), path
    return text, path


def _file(variables: Variables, terms: Sequence[Any], told: Mapping[str, Any]) -> Iterator[str | Secret]:
    for term in terms:
        text, path = _text(variables, term, "files")
        plain = text.reveal() if isinstance(text, Secret) else text
        plain = plain.lstrip() if _says(told.get("lstrip", False)) else plain
        plain = plain.rstrip() if _says(told.get("rstrip", True)) else plain
        yield Secret(plain, path.name) if isinstance(text, Secret) else plain


def _template(variables: Variables, terms: Sequence[Any], told: Mapping[str, Any]) -> Iterator[str | Secret]:
    more = told.get("template_vars") or {}
    scope = variables.over(Layer(more, final=True)) if more else variables
    for term in terms:
        text, path = _text(variables, term, "templates")
        if isinstance(text, Secret):
            raise ConfigError(f"{path} is encrypted; encrypt the values it uses, not the template")
        yield scope.render_file(text, str(path), path.name)


def _env(variables: Variables, terms: Sequence[Any], told: Mapping[str, Any]) -> Iterator[Any]:
    del variables
    for term in terms:
        name = (str(term).split() or [""])[0]
        value = os.environ.get(name)
        if value is None:
            yield told.get("default", "")
        else:
            yield Secret(value, name) if value and _TELLS_SECRETS.search(name.upper()) else value


def _vars(variables: Variables, terms: Sequence[Any], told: Mapping[str, Any]) -> Iterator[Any]:
    for term in terms:
        if str(term) in variables:
            yield variables[str(term)]
        elif "default" in told:
            yield told["default"]
        else:
            raise ConfigError(f"the variable {str(term)!r} is not defined", hint="default='' gives it a value")


def _varnames(variables: Variables, terms: Sequence[Any], told: Mapping[str, Any]) -> Iterator[str]:
    del told
    for term in terms:
        try:
            yield from [name for name in variables if regexes.run_match("search", str(term), 0, name) is not None]
        except re.error as error:
            raise ConfigError(f"{str(term)!r} is no regular expression ({error})") from None


def _fileglob(variables: Variables, terms: Sequence[Any], told: Mapping[str, Any]) -> Iterator[str]:
    del told
    for term in terms:
        yield from files_matching(str(term), _places(variables, "files"))


def files_matching(pattern: str, roots: Sequence[Path]) -> list[str]:
    """Return the files of the first place where a pattern matches some, by name; ``*`` finds no hidden ones."""
    given = str(at_home(pattern)) if pattern else ""
    for root in [Path("/")] if given.startswith("/") else roots:
        if found := [str(root / one) for one in sorted(glob.glob(given, root_dir=root)) if (root / one).is_file()]:  # noqa: PTH207
            return found
    return []


def _first_found(variables: Variables, terms: Sequence[Any], told: Mapping[str, Any]) -> Iterator[str]:
    names: list[str] = []
    skip = _says(told.get("skip", False))
    for one in [*_flat(terms), *([told] if "files" in told else [])]:
        if not isinstance(one, Mapping):
            names.append(str(one))
            continue
        skip = skip or _says(one.get("skip", False))
        below = [part for given in _flat([one.get("paths") or ""]) for part in re.split("[,:;]", str(given))]
        files = [part for given in _flat([one.get("files") or ""]) for part in re.split("[,;]", str(given))]
        names += [str(Path(path) / file) for path in below for file in files]
    for name in names:
        path, _ = _found(variables, name, "")
        if path is not None:
            yield str(path.resolve())
            return
    if not skip:
        raise ConfigError(f"none of these files is there: {', '.join(names)}", hint="skip=true gives an empty list")


def _flat(value: Sequence[Any]) -> Iterator[Any]:
    for item in value:
        yield from _flat(item) if isinstance(item, list | tuple) else [item]


def _flattened(variables: Variables, terms: Sequence[Any], told: Mapping[str, Any]) -> Iterator[Any]:
    del variables, told
    return _flat(terms)


def _dict(variables: Variables, terms: Sequence[Any], told: Mapping[str, Any]) -> Iterator[Any]:
    del variables, told
    for term in _flat(terms):
        if not isinstance(term, Mapping):
            raise ConfigError("the lookup 'dict' needs a mapping")
        yield from ({"key": key, "value": value} for key, value in term.items())


_LOOKUPS: Mapping[str, tuple[Callable[[Variables, Sequence[Any], Mapping[str, Any]], Iterator[Any]], Sequence[str]]] = {
    "dict": (_dict, ()),
    "env": (_env, ("default",)),
    "file": (_file, ("lstrip", "rstrip")),
    "fileglob": (_fileglob, ()),
    "first_found": (_first_found, ("files", "paths", "skip")),
    "flattened": (_flattened, ()),
    "template": (_template, ("template_vars", "convert_data")),
    "varnames": (_varnames, ()),
    "vars": (_vars, ("default",)),
}
"""Lookup → what it gives, and its options."""
