"""What goes wrong in a template, as an error with its place."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from deployer.errors import ConfigError, DeployerError
from deployer.load import undefined
from deployer.load.hushed import Listening, listening
from deployer.model import Mark

if TYPE_CHECKING:
    from deployer.load.template import Variables

_MOST = 200
"""Characters of what a filter says of its failure."""


def told_where(run: Callable[[], Any], scope: Variables, where: Mark, *, lines: bool = False) -> Any:
    """Run a rendering; what goes wrong becomes a `ConfigError` that quotes no secret.

    Args:
        run: renders.
        scope: the variables.
        where: the template's place.
        lines: it is a file, whose lines count from 1.
    """
    with listening() as heard:
        try:
            return run()
        except DeployerError as error:
            if not error.where:
                error.where = str(_line(error, where, lines))
            raise
        except Exception as error:  # noqa: BLE001  # a filter may raise anything
            raise _told(error, scope, where, lines, heard) from None


def _told(error: Exception, scope: Variables, where: Mark, lines: bool, heard: Listening) -> ConfigError:
    import jinja2

    from deployer.load import sandbox

    at = _line(error, where, lines)
    if isinstance(error, sandbox.UndefinedVariable):
        hint = undefined.advice(error.name, scope if error.is_variable else None, error.known)
        found = undefined.NotDefined(str(error), where=at, hint=hint)
        found.inside = "" if error.is_variable else error.name
        return found
    if isinstance(error, jinja2.TemplateSyntaxError):
        at = Mark(where.file, error.lineno, 0) if lines else where
        return ConfigError(f"the template is wrong: {error.message}", where=at)
    if isinstance(error, jinja2.TemplateError | RecursionError):
        said = "it failed; what it has seen is not shown (no_log)" if heard.touched else str(error)
        return ConfigError(f"the template is wrong: {said}", where=at)
    told = "" if heard.touched else " ".join(str(error).split())
    of = "".join(f"{name}: " for name in getattr(error, "__notes__", ()))
    said = f"{of}{type(error).__name__}{': ' * bool(told)}{told[:_MOST]}{'…' * (len(told) > _MOST)}"
    return ConfigError(f"the template is wrong: {said}", where=at)


def _line(error: BaseException, where: Mark, lines: bool) -> Mark:
    """Return the template file's line an error comes from."""
    trace, line = error.__traceback__, 0
    while trace is not None:
        template = trace.tb_frame.f_globals.get("__jinja_template__")
        if template is not None:
            line = line or template.get_corresponding_lineno(trace.tb_lineno)
        trace = trace.tb_next
    return Mark(where.file, line) if lines and line else where
