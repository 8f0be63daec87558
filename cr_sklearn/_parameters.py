"""Values that the parameters of all estimators may have."""

from numbers import Integral, Real

from sklearn.utils._param_validation import Interval, StrOptions

from cr_sklearn.formulas._activations import ACTIVATIONS

PARAMETER_CONSTRAINTS = {
    "hidden_layer_sizes": [
        "array-like",
        StrOptions({"auto"}),
        Interval(Integral, 1, None, closed="left"),
    ],
    "degree": [Interval(Integral, 1, None, closed="left")],
    "dreg_strength": [StrOptions({"auto"}), Interval(Real, 0, None, closed="left")],
    "cv": [StrOptions({"auto"}), "cv_object"],
    "activation": [StrOptions(set(ACTIVATIONS))],
    "n_estimators": [
        StrOptions({"auto"}),
        Interval(Integral, 1, None, closed="left"),
    ],
    "max_iter": [
        Interval(Integral, 1, None, closed="left"),
        StrOptions({"auto"}),
    ],
    "batch_size": [
        StrOptions({"auto"}),
        Interval(Integral, 1, None, closed="left"),
    ],
    "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
    "early_stopping": ["boolean"],
    "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
    "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
    "tol": [Interval(Real, 0, None, closed="left")],
    "categorical_features": ["array-like", StrOptions({"from_dtype"}), None],
    "n_bins": [Interval(Integral, 0, None, closed="left"), StrOptions({"auto"})],
    "device": [str],
    "dtype": [StrOptions({"auto", "float32", "float64"})],
    "random_state": ["random_state"],
    "warm_start": ["boolean"],
    "verbose": ["verbose"],
}
