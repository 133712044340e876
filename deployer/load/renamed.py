"""Tasks of a module of Ansible's that are tasks of another one here."""

from __future__ import annotations

from deployer.errors import ConfigError
from deployer.load.marked import Map, Text
from deployer.syntax import truth

RENAMED = ("apt", "package", "pause", "raw", "script", "unarchive")
_OF_APT = ("update_cache", "cache_valid_time", "install_recommends", "default_release")


def called_here(module: str, args: Map) -> tuple[str, Map]:
    """Return module and arguments as they are called here.

    ``package`` with words that only apt has is ``apt``; a ``pause`` of some time is ``wait_for`` so long; hosts need
    no Python, so that ``raw`` is ``shell``. What ``unarchive`` is not to copy is ``remote_src``, and
    the text of ``script`` is a file and its arguments.

    Raises:
        ConfigError: a pause waits for a person, or a script is named twice.
    """
    if module == "raw":
        return "shell", args
    if module == "script":
        return module, _named_script(args)
    if module == "unarchive":
        return module, _without_copy(args)
    if module in ("apt", "package") and "force_apt_get" in args:  # which of apt's programs Ansible calls
        args = Map({word: args[word] for word in args if word != "force_apt_get"}, args.mark, args.marks)
        module = "apt"
    if module in ("apt", "package"):
        return ("apt" if any(word in args for word in _OF_APT) else module), args
    times = {word: args[word] for word in ("seconds", "minutes") if word in args}
    if len(times) != 1 or set(args) - {*times, "prompt", "echo"}:
        hint = "pause: {seconds: 5}; rollout: {pause: SECONDS} waits between batches"
        raise ConfigError("a pause that waits for a person is not supported", where=args.mark, hint=hint)
    ((word, value),) = times.items()
    whole = f"{{{{ ({str(value).strip('{} ')}) | int * 60 }}}}" if word == "minutes" else value
    return "wait_for", Map({"timeout": whole}, args.mark, {"timeout": args.at(word)})


def _without_copy(args: Map) -> Map:
    """Return the arguments of unarchive with ``remote_src`` for ``copy``, which says the opposite."""
    said = args.get("copy")
    meant = said if isinstance(said, bool) else truth(said)
    if meant is None:
        return args
    given = {word: value for word, value in args.items() if word != "copy"}
    return Map({**given, "remote_src": not meant}, args.mark, {**args.marks, "remote_src": args.at("copy")})


def _named_script(args: Map) -> Map:
    """Return the arguments of script with the name of the file apart from what follows it."""
    text = args.get("cmd")
    if not isinstance(text, str) or not text.strip():
        return args
    from deployer.load.arguments import first_word

    at = args.at("cmd")
    if doubled := sorted({"src", "arguments"} & set(args)):
        raise ConfigError(
            f"cmd goes without {' and '.join(doubled)}", where=at, hint="it names the file and what follows"
        )
    name, rest = first_word(text.strip())
    given = {word: value for word, value in args.items() if word != "cmd"} | {"src": Text(name, at)}
    more = {"arguments": Text(rest.strip(), at)} if rest.strip() else {}
    return Map({**given, **more}, args.mark, {**args.marks, "src": at, "arguments": at})
