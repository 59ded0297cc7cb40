"""The base of all specifications: values that describe networks and objectives, comparable, and storable as JSON.

A specification names its class (`builds`), and `models.build` imports that class only when it builds it, so reading
specifications needs no torch. A field marked [I] is not given by its paper: the default is our reading, and another
value is another recipe.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, ClassVar, Literal, Self

ColorSpace = Literal["lab", "rgb"]
"""The colour space of a network's output: ab under the given lightness, or RGB."""

AB_SCALE = 128.0
"""a and b of Lab divided by this lie in [-1, 1] for every sRGB colour [I: paper 000 gives no scale]."""

KINDS: dict[str, type["Spec"]] = {}
"""Every specification by the name of its class, the kind of stored ones; see `models.kinds`."""


@dataclass(frozen=True)
class Spec:
    """A frozen dataclass whose fields are JSON values, tuples of them, or other specifications."""

    builds: ClassVar[str] = ""
    """Its module and class, as "models.frames.network:ConvNet"; empty for values without a class."""

    def __init_subclass__(cls) -> None:
        KINDS[cls.__name__] = cls

    def sized(self, *, width: int | None, resolution: int) -> Self:
        """The same specification at another width (None: its own), for pictures of `resolution` pixels.

        By default every part is sized, and a field `width` is replaced.
        """
        return replace(
            self,
            **{name: part.sized(width=width, resolution=resolution) for name, part in self._parts().items()},
            **({"width": width} if width and any(field.name == "width" for field in fields(self)) else {}),
        )

    def fitted(self, titles: tuple[str, ...]) -> Self:
        """The same specification for a training set: empty fields `titles` get its titles, in this order."""
        own = {"titles": titles} if getattr(self, "titles", None) == () else {}
        return replace(self, **{name: part.fitted(titles) for name, part in self._parts().items()}, **own)

    def _parts(self) -> dict[str, "Spec"]:
        parts = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: part for name, part in parts.items() if isinstance(part, Spec)}


@dataclass(frozen=True)
class NetworkSpec(Spec):
    """A network. Its class takes this specification as its one argument and is randomly initialized."""

    takes_references: ClassVar[bool] = False
    """True for a network that takes colours from references."""


@dataclass(frozen=True)
class ObjectiveSpec(Spec):
    """The specification of an objective: its networks, the weights of its losses, its optimizers."""

    model: ClassVar[str] = "generator"
    """The field, and the key of `Objective.networks`, of the network that the training is for."""

    @property
    def network(self) -> NetworkSpec:
        """The network that the training is for, and that its checkpoint holds."""
        return getattr(self, self.model)

    def joined(self, needs: Mapping[str, NetworkSpec]) -> Self:
        """The same objective with the specifications of the trained networks that it builds on, by their roles."""
        return self


@dataclass(frozen=True)
class Adam(Spec):
    """Adam's settings; the defaults are those of paper 001 (section 5), which follows Salimans et al. (2016)."""

    learning_rate: float = 2e-4
    beta1: float = 0.5
    beta2: float = 0.999
    drops: tuple[float, ...] = ()
    """Shares of the budget, in (0, 1); after each of them the learning rate is divided by 10."""


def spec_to_json(spec: Spec) -> dict[str, Any]:
    """A specification as JSON values, each with its kind."""
    return {"kind": type(spec).__name__, **{field.name: _to_json(getattr(spec, field.name)) for field in fields(spec)}}


def _to_json(value: Any) -> Any:
    if isinstance(value, Spec):
        return spec_to_json(value)
    if isinstance(value, tuple):
        return [_to_json(item) for item in value]
    if is_dataclass(value):
        raise TypeError(f"{type(value).__name__} is no Spec, so it could not be read back")
    return value
