"""Which variants a task is compressed to. Needs the standard library alone."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Pruning:
    """One kind of pruning: its levels in percent, each with what `recovery` takes
    (Tuning: points below dense; Distillation: steps; none: nothing is recovered);
    `quantized` is the level that is shipped as INT8 too."""

    levels: tuple = ()
    quantized: int | None = None
    recovery: object = None


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What a task is compressed to, beside its INT8 variant."""

    unstructured: Pruning = Pruning()
    block4: Pruning = Pruning()
    structured: Pruning = Pruning()

    def kinds(self):
        """(kind, pruning) in the order of the variants."""
        return [(field.name, getattr(self, field.name)) for field in dataclasses.fields(self)]

    def recovered_by(self, recovery):
        """The same levels, all recovered by `recovery`."""
        return Recipe(**{kind: dataclasses.replace(pruning, recovery=recovery) for kind, pruning in self.kinds()})


@dataclasses.dataclass(frozen=True)
class Variant:
    """One variant to export: `kind` and `level` (a share) as in variant.json;
    `quantized` says that the export makes it INT8."""

    name: str
    kind: str
    level: float
    quantized: bool = False


DENSE = (Variant("dense", "dense", 0), Variant("int8", "int8", 0, quantized=True))


def pruned(kind, level, pruning):
    """The variants of one level (percent) of `pruning`: floats and, where it is the level for that, INT8."""
    found = [Variant(f"{kind}-{level}", kind, level / 100)]
    if level == pruning.quantized:
        found.append(Variant(f"{kind}-{level}-int8", f"{kind}+int8", level / 100, quantized=True))
    return found


def variants(recipe):
    """All of a recipe, dense first."""
    found = list(DENSE)
    for kind, pruning in recipe.kinds():
        for level, *_ in pruning.levels:
            found += pruned(kind, level, pruning)
    return found
