"""The networks that are compared on MNIST, and the choice of their settings."""

from itertools import product
from typing import NamedTuple

from benchmarks.variants import WithoutSkip
from cr_sklearn.encoding._encoder import TabularEncoder

# Mean and standard deviation of all training pixels.
CENTER, SCALE = 33.3, 78.6
# Those of the widest table that is encoded at once; MNIST has 172 MB.
_MAX_BYTES = 2**28
REFERENCE = "chainzrule"
STEPS = (0.01, 0.02, 0.04, 0.08)
# What each regulariser is tried at; step sizes are compared at the second value.
VALUES = {
    "dreg_strength": (0.0001, 0.0003, 0.001, 0.003),
    None: (None, None),
}


class Family(NamedTuple):
    """Networks of one activation and one regulariser, which may be None."""

    label: str
    activation: str
    regulariser: str | None


FAMILIES = {
    REFERENCE: Family("ChainzRule (cubic, DREG)", "polynomial", "dreg_strength"),
    "relu": Family("ReLU", "relu", None),
}
LABELS = {name: family.label for name, family in FAMILIES.items()}


class PixelEncoder(TabularEncoder):
    """Encoder of columns that share one unit."""

    @staticmethod
    def center_and_scale(column, weight):
        """Return the centre, the scale, and whether the column varies."""
        return CENTER, SCALE, column.max() > column.min()


class PixelNetwork(WithoutSkip):
    """Network of pixels that share one unit, without the linear map to the outputs.

    A unit for each pixel would blow up those near the border, which are hardly ever
    dark, and gradients with them. The linear map has more weights than small networks.
    """

    # Images are encoded once, or small networks would wait for that.
    _options = WithoutSkip._options._replace(max_encoded_bytes=_MAX_BYTES)
    _encoder_class = PixelEncoder


class Candidate(NamedTuple):
    """A family at a width with settings; called with a seed, an unfitted network.

    ``value`` is that of the regulariser, None where there is none.
    """

    family: str
    width: int
    step: float
    value: float | None

    @property
    def name(self):
        """What files of fits call it."""
        return f"{self.family} {self.width} step {self.step} value {self.value}"

    def __call__(self, seed):
        family = FAMILIES[self.family]
        settings = {"dreg_strength": 0.0}
        if family.regulariser:
            settings[family.regulariser] = self.value
        return PixelNetwork(
            (self.width, self.width),
            activation=family.activation,
            learning_rate_init=self.step,
            n_estimators=1,
            n_bins=0,
            random_state=seed,
            **settings,
        )


def step_candidates(widths):
    """Every family at every width and step size."""
    return [
        Candidate(name, width, step, VALUES[family.regulariser][1])
        for width, (name, family), step in product(widths, FAMILIES.items(), STEPS)
    ]


def value_candidates(chosen):
    """The other values of the regularisers, with the chosen step sizes."""
    return [
        one._replace(value=value)
        for one in chosen
        for value in VALUES[FAMILIES[one.family].regulariser]
        if value != one.value
    ]


def choose(candidates, accuracy):
    """The most accurate candidate of each family and width, the first of equals.

    Parameters
    ----------
    candidates : list of Candidate
    accuracy : dict of str to float
        By the candidates' names.

    Raises
    ------
    ValueError
        If there is no accuracy of some.
    """
    best = {}
    for one in candidates:
        if one.name not in accuracy:
            raise ValueError(
                f"Settings can't be chosen without the fit of {one.name!r}: run "
                "without --report-only."
            )
        group = one.family, one.width
        if group not in best or accuracy[one.name] > accuracy[best[group].name]:
            best[group] = one
    return list(best.values())
