"""The types of fields are what Python takes their annotations for."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any, get_args, get_type_hints

from deployer import modules
from deployer.fields import Doc, describe
from deployer.fleet import AuditWords, FleetSettings, NotifyWords


def schemas(hint: Any) -> set[type]:
    """Return all dataclasses that a value of a type may hold."""
    if not (isinstance(hint, type) and is_dataclass(hint)):
        return {found for inner in get_args(hint) for found in schemas(inner)}
    return {hint} | {found for field in describe(hint) for found in schemas(field.type)}


def test_types_are_what_python_takes_annotations_for() -> None:
    roots = [*map(modules.class_of, modules.names()), FleetSettings, AuditWords, NotifyWords]
    every = {found for root in roots for found in schemas(root)}
    assert len(every) > len(roots)
    for cls in every:
        hints, whole = get_type_hints(cls), get_type_hints(cls, include_extras=True)
        assert {one.name: one.type for one in describe(cls)} == {
            one.name: hints[one.name] for one in fields(cls) if one.init
        }
        for found in describe(cls):
            notes = getattr(whole[found.name], "__metadata__", ())
            doc = next((note for note in notes if isinstance(note, Doc)), Doc(""))
            assert replace(found.doc, check=None) == replace(doc, check=None)  # some checks are made by a call
