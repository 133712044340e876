"""A module's reference page, made from its class: what `deployer modules show` prints and ``docs/modules.md`` holds."""

from __future__ import annotations

import inspect
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from deployer.fields import Field, describe
from deployer.modules import Module


def reference(name: str, module: type[Module]) -> str:
    """Return the page of one module in Markdown."""
    parts = [f"## {name}", inspect.getdoc(module) or "", *(_argument(field) for field in describe(module))]
    if module.EXAMPLE:
        parts.append(f"```yaml\n{module.EXAMPLE.rstrip()}\n```")
    return "\n\n".join(parts[:2]) + "\n\n" + "\n".join(parts[2:-1]) + f"\n\n{parts[-1]}"


def _argument(field: Field) -> str:
    need = "required" if field.required else f"default `{_value(field.default)}`" if field.default is not None else ""
    words = ", ".join(word for word in (_kind(field.type), need, _alias(field)) if word)
    return f"- **{field.name}** ({words}): {field.doc.text}"


def _alias(field: Field) -> str:
    return f"also called `{field.doc.alias}`" if field.doc.alias else ""


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "[]" if value == () else "{}" if value == {} else str(value)


def _kind(hint: Any) -> str:
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _kind(args[0])
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(_kind(arg) for arg in args if arg is not type(None)))
    if origin is Literal:
        return " | ".join(f"`{arg}`" for arg in args)
    if origin is tuple:
        return f"list of {_kind(args[0])}"
    names = {str: "text", int: "number", float: "number", bool: "true or false"}
    if isinstance(origin, type) or origin:
        return "mapping"
    return names.get(hint, getattr(hint, "__name__", "value").lower().replace("blob", "file").replace("secret", "text"))
