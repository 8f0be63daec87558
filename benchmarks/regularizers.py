"""DREG against other regularisers: the grid of its follow-up paper, arXiv 2606.23942.

``python -m benchmarks.regularizers`` trains 4 activations x 6 regularisers on 8 data
sets with 5 seeds, on all training rows and on a tenth of them, and scores them on
unseen rows as they are and with noise. Strengths are the same for all sets: DREG's is
that of the paper, the others' were chosen on four further sets, which the full run
trains on too, to show it. Needs CR_SKLEARN_DATA and the encoders.
"""

from functools import partial
from pathlib import Path

from benchmarks import extra_packages

with extra_packages("papers"):
    import numpy as np
    import pandas as pd
    import torch
    from sklearn.model_selection import train_test_split
    from sklearn.pipeline import make_pipeline

    from benchmarks import command, regularizers_report
    from benchmarks.evaluation import Scoring
    from benchmarks.protocols import Experiment, Split
    from benchmarks.regularized_networks import RegularizedNetworks, Training
    from benchmarks.regularizer_sets import DEVELOPMENT, SOURCES, load, standardiser
    from benchmarks.timing import ratios, take_turns

ROWS = Path("reports", "regularizers", "rows.csv")
PACKAGES = ["cr_sklearn", "sklearn", "torch"]
QUICK_SETS = ["pima", "mnist", "yelp"]
ACTIVATIONS = ["polynomial", "relu", "gelu", "tanh"]
# Candidates of each strength, and of the step size of all.
STRENGTHS = {
    "none": [0.0],
    "decay": [0.1, 0.3, 1.0, 3.0],
    "dropout": [0.1, 0.2, 0.3, 0.5],
    "spectral": [0.0],
    "igpen": [0.03, 0.1, 0.3, 1.0],
    "dreg": [10**-3.5, 10**-3, 10**-2.5, 10**-2],
}
LEARNING_RATES = [0.001, 0.003, 0.01]
# Regularisers whose networks try all step sizes.
VARIED = ["none", "dreg"]
# The best overall on the development sets, but for DREG, whose strength is the paper's.
USED = {
    "none": 0.0,
    "decay": 1.0,
    "dropout": 0.3,
    "spectral": 0.0,
    "igpen": 0.1,
    "dreg": 10**-2.5,
}
# The best there for clean inputs and no regulariser.
LEARNING_RATE = 0.003
FRACTIONS = (1.0, 0.1)
N_SEEDS = 5
SCORES = ["accuracy", "noisy_accuracy", "diverged"]
# Standard deviation of the noise on standardised inputs.
NOISE = 0.5
# Inputs of the steps that are timed, and their number in a round.
COST_FEATURES = (8, 64, 784)
COST_STEPS, COST_ROUNDS, QUICK_ROUNDS = 20, 15, 3


def _score(model, X, y, labels, probabilities):
    inputs = model[:-1].transform(X)
    noise = np.random.default_rng(0).standard_normal(inputs.shape)
    noisy = model[-1].predict(inputs + NOISE * noise)
    values = {
        "accuracy": (labels == y[:, None]).mean(axis=0),
        "noisy_accuracy": (noisy == y[:, None]).mean(axis=0),
        "diverged": model[-1].diverged_,
    }
    return {
        f"{name}_{seed}": float(values[name][seed])
        for name in SCORES
        for seed in range(N_SEEDS)
    }


# One column for each of the networks that are trained side by side.
SCORING = Scoring(
    [f"{name}_{seed}" for name in SCORES for seed in range(N_SEEDS)], _score
)


def grid(sets):
    """Experiments of the comparison: both fractions of every set."""
    settings = {
        f"{activation} {name}": (activation, name, USED[name], LEARNING_RATE)
        for activation in ACTIVATIONS
        for name in USED
    }
    return _experiments(sets, "comparison", settings)


def development(sets):
    """Experiments by which strengths and step size were chosen."""
    settings = {
        f"{activation} {name} {strength:.3g} {rate:g}": (
            activation,
            name,
            strength,
            rate,
        )
        for activation in ACTIVATIONS
        for name, strengths in STRENGTHS.items()
        for strength in strengths
        for rate in LEARNING_RATES
        if rate == LEARNING_RATE or (name in VARIED and strength == USED[name])
    }
    return _experiments(sets, "development", settings)


def _experiments(sets, protocol, settings):
    return [
        Experiment(
            name,
            protocol,
            data.X,
            data.y,
            [_split(data, fraction)],
            {
                model: partial(_make, data.kind, fraction, chosen)
                for model, chosen in settings.items()
            },
        )
        for fraction in FRACTIONS
        for name, data in sets.items()
    ]


def _split(data, fraction):
    """All training rows: each network takes its own fraction of them."""
    train, test = train_test_split(
        np.arange(len(data.y)), test_size=1 / 3, stratify=data.y, random_state=0
    )
    return Split(0, 0, fraction, 0, train, test)


def _make(kind, fraction, chosen, seed):
    activation, regularizer, strength, learning_rate = chosen
    return make_pipeline(
        standardiser(kind),
        RegularizedNetworks(
            activation,
            regularizer,
            strength,
            learning_rate=learning_rate,
            fraction=fraction,
            n_seeds=N_SEEDS,
            random_state=seed,
        ),
    )


def by_network(rows):
    """One row for each network, of the rows of fits."""
    settings = rows["model"].str.split(" ", expand=True)
    names = ["activation", "regularizer", "strength", "learning_rate"]
    settings = settings.set_axis(names[: settings.shape[1]], axis=1)
    key = pd.concat([rows[["dataset", "fraction"]], settings], axis=1)
    parts = [
        key.assign(
            seed=seed,
            fit_seconds=rows["fit_seconds"] / N_SEEDS,
            **{name: rows[f"{name}_{seed}"] for name in SCORES},
        )
        for seed in range(N_SEEDS)
    ]
    return pd.concat(parts, ignore_index=True)


def cost(rounds):
    """Time of a training step of one network by regulariser, as ratios to none.

    Returns
    -------
    DataFrame
        By number of inputs ``d``, ``activation`` and ``regularizer``: ``milliseconds``
        and ``ratio``.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        tables = [
            _cost(n_features, activation, rounds)
            for n_features in COST_FEATURES
            for activation in ("polynomial", "gelu")
        ]
    finally:
        torch.set_num_threads(before)
    return pd.concat(tables, ignore_index=True)


def _cost(n_features, activation, rounds):
    strengths = {**USED, "dreg_exact": USED["dreg"]}
    variants = {
        name: _steps(n_features, activation, name, strength)
        for name, strength in strengths.items()
    }
    table = ratios(take_turns(variants, rounds), "none")
    table["milliseconds"] /= COST_STEPS
    table = table.rename(columns={"variant": "regularizer"})
    return table.assign(d=n_features, activation=activation)


def _steps(n_features, activation, regularizer, strength):
    """A function that takes some steps on random rows."""
    model = RegularizedNetworks()
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(1, model.batch_size, n_features, generator=generator)
    y = torch.randint(10, (1, model.batch_size), generator=generator)
    training = Training(
        n_features,
        10,
        activation=activation,
        regularizer=regularizer,
        strength=strength,
        hidden_layer_sizes=model.hidden_layer_sizes,
        learning_rate=LEARNING_RATE,
        n_steps=10**6,
        generators=[generator],
    )

    def run():
        for _ in range(COST_STEPS):
            training.step(x, y)

    return run


def main(argv=None):
    options = command.parser(
        "regularizers",
        __doc__.splitlines()[0],
        quick=f"{', '.join(QUICK_SETS)} alone, and no development sets",
        rows=ROWS,
    )
    args = command.parse(options, argv)
    names = QUICK_SETS if args.quick else SOURCES
    sets = {name: command.loaded(load, SOURCES[name]) for name in names}
    further = {} if args.quick else DEVELOPMENT
    others = {name: command.loaded(load, source) for name, source in further.items()}
    # Development first: the choice is known before what it is for.
    fits = command.fit(args, development(others) + grid(sets), SCORING)
    chosen_on = fits["protocol"] == "development"
    result = regularizers_report.Result(
        by_network(fits[~chosen_on]),
        by_network(fits[chosen_on]),
        cost(QUICK_ROUNDS if args.quick else COST_ROUNDS),
        sets,
    )
    made_by = command.made_by(args, argv, PACKAGES)
    command.report_on(args, regularizers_report, result, made_by)


if __name__ == "__main__":
    with extra_packages("papers"):
        main()
