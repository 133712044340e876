"""The JSON Schema of a frozen dataclass whose fields are documented, for editors and the reference page."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import is_dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from deployer.fields import describe
from deployer.model import Blob, Secret

_JSON: Mapping[Any, str] = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    Secret: "string",
    Blob: "string",
}


def json_schema(hint: Any) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a dataclass or of one field's type, for editors."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return json_schema(args[0])
    if origin in (Union, types.UnionType):
        return {"anyOf": [json_schema(arg) for arg in args]}
    if origin is Literal:
        return {"enum": list(args)}
    if origin is tuple:
        return {"type": "array", "items": json_schema(args[0])}
    if origin in (Mapping, dict) or (isinstance(origin, type) and issubclass(origin, Mapping)):
        return {"type": "object", "additionalProperties": json_schema(args[1])}
    if hint is type(None):
        return {"type": "null"}
    if hint in _JSON:
        return {"type": _JSON[hint]}
    if is_dataclass(hint) and isinstance(hint, type):
        properties = {f.name: json_schema(f.type) | {"description": f.doc.text} for f in describe(hint)}
        required = [f.name for f in describe(hint) if f.required]
        return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    return {}
