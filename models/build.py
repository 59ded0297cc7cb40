"""Networks and objectives from specifications: each specification names its class."""

from collections.abc import Mapping
from importlib import import_module

from torch import nn

from models.objective import Objective
from models.specs.base import NetworkSpec, ObjectiveSpec, Spec


def build_network(spec: NetworkSpec) -> nn.Module:
    """A network, newly initialized."""
    return _class_of(spec)(spec)


def build_objective(spec: ObjectiveSpec, needs: Mapping[str, nn.Module] | None = None) -> Objective:
    """The objective with all its networks, newly initialized.

    `needs` are the trained networks that it builds on, by their roles in the recipe, in evaluation mode.
    """
    return _class_of(spec)(spec, needs or {})


def _class_of(spec: Spec) -> type:
    module, _, name = spec.builds.partition(":")
    return getattr(import_module(module), name)
