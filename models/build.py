"""From a specification to its module: each specification names the class that it stands for."""

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

    needs: the trained networks that it builds on, by the roles that its recipe gives them, in evaluation mode.
    """
    return _class_of(spec)(spec, needs or {})


def _class_of(spec: Spec) -> type:
    module, _, name = spec.builds.partition(":")
    return getattr(import_module(module), name)
