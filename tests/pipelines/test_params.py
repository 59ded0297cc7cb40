"""Parameters of all stages."""

import importlib
import pkgutil

import pytest
from pydantic import BaseModel

import pipelines

MODULES = [
    importlib.import_module(module.name)
    for module in pkgutil.walk_packages(pipelines.__path__, "pipelines.")
    if module.name.endswith("params")
]
PARAMS = {kind for module in MODULES for kind in vars(module).values() if isinstance(kind, type)} - {BaseModel}


@pytest.mark.parametrize("kind", sorted((k for k in PARAMS if issubclass(k, BaseModel)), key=lambda k: k.__name__))
def test_defaults_of_float_fields_are_floats(kind: type[BaseModel]):
    # Digests name tables and trainings: 8 and 8.0 are different texts, and a value that somebody sets becomes 8.0.
    wrong = {
        name: field.default
        for name, field in kind.model_fields.items()
        if "float" in str(field.annotation) and type(field.default) is int
    }
    assert wrong == {}
