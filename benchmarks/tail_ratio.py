"""tau, settled: ``python -m benchmarks.tail_ratio``.

What the tail ratio is for which gradient, on fractions of Pima; how it depends on the
rows of a batch; and whether it, or the mean norm, finds errors on shifted data better
than the largest probability does.
"""

import argparse
from itertools import product
from pathlib import Path

from benchmarks import extra_packages

with extra_packages():
    import numpy as np
    import pandas as pd
    from joblib import Parallel, delayed
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold, train_test_split
    from sklearn.preprocessing import StandardScaler
    from tqdm import tqdm

    from benchmarks import report, tail_ratio_report
    from benchmarks.data import data_folder, load_pima, load_tabular
    from benchmarks.models import MODELS
    from benchmarks.protocols import repeated_holdout
    from cr_sklearn import ChainzRuleClassifier
    from cr_sklearn.inference._tail_ratio import tail_ratio

GRADIENTS = ("logit", "probability", "loss")
FRACTIONS = (0.1, 0.25, 0.5, 1.0)
N_TEST, N_SEEDS = 154, 6
# The papers' networks are single ones of a fixed strength.
_SINGLE = {"n_estimators": 1, "n_bins": 0}
NETWORKS = {
    "ChainzRule": MODELS["chainzrule"].make,
    "ChainzRule, one network": lambda seed: ChainzRuleClassifier(
        dreg_strength=0.01, random_state=seed, **_SINGLE
    ),
    **{MODELS[k].label: MODELS[k].make for k in ("relu", "relu_dropout", "relu_decay")},
    "ReLU, one network": lambda seed: MODELS["relu"].make(seed).set_params(**_SINGLE),
    "Logistic regression (degree 1)": lambda seed: ChainzRuleClassifier(
        hidden_layer_sizes=(), dreg_strength=0.01, random_state=seed, **_SINGLE
    ),
}
BATCH_SIZES = (20, 50, 100, 200, 500, 2000)
N_BOOTSTRAP = 2000
SETS = (
    "phoneme",
    "pmlb_magic",
    "pmlb_ring",
    "pmlb_waveform_40",
    "mlb_Satellite",
    "contraceptive",
    "credit_g",
    "bank_marketing",
)
MAX_ROWS = 3000
# Standard deviations of Gaussian noise on every numeric column of the test rows.
NOISE = (0.0, 0.5, 1.0, 2.0)
FAR = "far along the first component"
SHIFTS = (*(f"noise {level:g}" for level in NOISE), FAR)
BATCH_ROWS, N_BATCHES = 100, 40
# A batch is bad if its error rate is this much above that of unshifted rows.
EXCESS = 0.05


def gradient_norms(model, X, codes=None):
    """Norms of a model's gradients by the inputs, row by row.

    Parameters
    ----------
    model : ChainzRuleClassifier
    X : DataFrame
    codes : ndarray of shape (n,), default=None
        Positions of the true classes, for the gradient of the loss.

    Returns
    -------
    dict of ndarray of shape (n,)
        Of the logits, the probabilities and, with ``codes``, of the cross-entropy, in
        units of the standard deviations of the columns.
    """
    proba, logit = model.predict_proba(X, return_sensitivity=True)
    jacobian = np.nan_to_num(model.jacobian(X) * _scales(model))
    if proba.shape[1] == 2:  # one logit, the difference of two
        jacobian = np.concatenate([np.zeros_like(jacobian), jacobian], axis=1)
    mean = np.einsum("nk,nkd->nd", proba, jacobian)
    by_class = proba[:, :, None] * (jacobian - mean[:, None])
    norms = {
        "logit": logit,
        "probability": np.linalg.norm(by_class, axis=(1, 2)),
    }
    if codes is not None:
        of_true = jacobian[np.arange(len(codes)), codes]
        norms["loss"] = np.linalg.norm(mean - of_true, axis=1)
    return norms


def pima(n_jobs, fractions=FRACTIONS, n_seeds=N_SEEDS):
    """Tau and mean norm by network, training rows, seed and gradient."""
    X, y = load_pima()
    splits = repeated_holdout(y, N_TEST, n_seeds, fractions)
    tasks = list(product(NETWORKS, splits))
    rows = _parallel(_pima_fit, [(name, split, X, y) for name, split in tasks], n_jobs)
    return pd.DataFrame([row for part in rows for row in part])


def _pima_fit(name, split, X, y):
    model = NETWORKS[name](split.seed).fit(X.iloc[split.train], y.iloc[split.train])
    test = X.iloc[split.test]
    norms = gradient_norms(model, test, y.to_numpy()[split.test])
    accuracy = model.score(test, y.iloc[split.test])
    return [
        {
            "network": name,
            "fraction": split.fraction,
            "seed": split.seed,
            "gradient": gradient,
            "tau": tail_ratio(norms[gradient]),
            "mean_norm": norms[gradient].mean(),
            "accuracy": accuracy,
        }
        for gradient in GRADIENTS
    ]


def batches(n_bootstrap=N_BOOTSTRAP):
    """Tau of the logit gradient by rows of a batch, drawn from Pima's held-out rows."""
    X, y = load_pima()
    held_out = []
    for train, test in StratifiedKFold(5).split(X, y):
        model = ChainzRuleClassifier(random_state=0).fit(X.iloc[train], y.iloc[train])
        held_out.append(model.sensitivity(X.iloc[test]))
    norms, rng = np.concatenate(held_out), np.random.default_rng(0)
    lines = []
    for size in BATCH_SIZES:
        taus = [tail_ratio(rng.choice(norms, size)) for _ in range(n_bootstrap)]
        low, middle, high = np.quantile(taus, [0.025, 0.5, 0.975])
        lines.append({"rows": size, "median": middle, "low": low, "high": high})
    return pd.DataFrame(lines)


def shifts(n_jobs, sets=SETS, n_seeds=N_SEEDS, max_rows=MAX_ROWS):
    """AUROC of finding errors by set, seed, shift and score.

    Returns
    -------
    DataFrame
        ``level`` is "row" (which predictions are wrong) or "batch" (which batches of
        100 rows, of all levels of noise together, have an error rate that is 5 points
        above that of unshifted rows).
    """
    folder = data_folder() / "tabular"
    tasks = [(folder, name, seed, max_rows) for name in sets for seed in range(n_seeds)]
    rows = _parallel(_shift_fit, tasks, n_jobs)
    return pd.DataFrame([row for part in rows for row in part])


def _shift_fit(folder, name, seed, max_rows):
    X, y = load_tabular(folder, name, max_rows)
    numeric = X.select_dtypes("number").columns
    codes = np.unique(y, return_inverse=True)[1]
    train, test = train_test_split(
        np.arange(len(X)), test_size=0.4, stratify=codes, random_state=seed
    )
    rng = np.random.default_rng(seed)
    model = ChainzRuleClassifier(random_state=seed).fit(X.iloc[train], codes[train])
    scale = X.iloc[train][numeric].std()
    found, by_noise = {}, []
    for level in NOISE:
        noisy = X.iloc[test].copy()
        noise = level * rng.standard_normal((len(test), len(numeric)))
        noisy[numeric] = noisy[numeric] + noise * scale.to_numpy()
        found[f"noise {level:g}"] = _scores(model, noisy, codes[test])
        by_noise.append(found[f"noise {level:g}"])
    near, far = _far_apart(X[numeric])
    # A class that only the far rows have can't be learnt.
    far = far[np.isin(codes[far], codes[near])]
    model = ChainzRuleClassifier(random_state=seed).fit(X.iloc[near], codes[near])
    found[FAR] = _scores(model, X.iloc[far], codes[far])
    lines = [
        {"level": "row", "shift": shift, "score": score, "auroc": auroc}
        for shift, scores in found.items()
        for score, auroc in _row_aurocs(scores).items()
    ]
    lines += [
        {"level": "batch", "shift": "all noise", "score": score, "auroc": auroc}
        for score, auroc in _batch_aurocs(by_noise, rng).items()
    ]
    return [{"dataset": name, "seed": seed, **line} for line in lines]


def _scores(model, X, codes):
    """What may tell an error, by row, and which predictions are wrong."""
    proba = model.predict_proba(X)
    norms = gradient_norms(model, X)
    return pd.DataFrame(
        {
            "1 - largest probability": 1.0 - proba.max(axis=1),
            "logit norm": norms["logit"],
            "probability norm": norms["probability"],
            "wrong": model.classes_[proba.argmax(axis=1)] != codes,
        }
    )


def _row_aurocs(scores):
    wrong = scores["wrong"]
    if wrong.nunique() < 2:
        return {}
    scores = scores.drop(columns="wrong")
    return {name: roc_auc_score(wrong, score) for name, score in scores.items()}


def _batch_aurocs(tables, rng):
    """Of batches drawn from rows of every level of noise."""
    usual = tables[0]["wrong"].mean()
    lines = []
    for table in tables:
        for _ in range(N_BATCHES):
            batch = table.iloc[rng.integers(len(table), size=BATCH_ROWS)]
            norms = batch["logit norm"].to_numpy()
            lines.append(
                {
                    "1 - largest probability": batch["1 - largest probability"].mean(),
                    "tau": tail_ratio(norms),
                    "mean logit norm": norms.mean(),
                    "mean probability norm": batch["probability norm"].mean(),
                    "wrong": batch["wrong"].mean() > usual + EXCESS,
                }
            )
    return _row_aurocs(pd.DataFrame(lines))


def _far_apart(numeric):
    """Rows of the lowest 60 % and of the highest 20 % along the first component."""
    values = StandardScaler().fit_transform(numeric.fillna(numeric.median()))
    _, _, components = np.linalg.svd(values, full_matrices=False)
    order = np.argsort(values @ components[0])
    n = len(order)
    return np.sort(order[: int(0.6 * n)]), np.sort(order[int(0.8 * n) :])


def _scales(model):
    """Standard deviations of the columns; 0 where there are none."""
    encoder = model._encoder
    scales = np.zeros(model.n_features_in_)
    scales[encoder.numeric_features_] = (
        encoder.scale_ * encoder.deviation_[: len(encoder.scale_)]
    )
    return scales


def _parallel(function, tasks, n_jobs):
    jobs = Parallel(n_jobs, return_as="generator")(
        delayed(function)(*task) for task in tasks
    )
    return list(tqdm(jobs, total=len(tasks), desc=function.__name__.strip("_")))


def main(argv=None):
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.tail_ratio",
        description=__doc__.partition("\n")[2].strip(),
    )
    parser.add_argument("--jobs", type=int, default=2, help="processes (2)")
    parser.add_argument(
        "--quick", action="store_true", help="two sets, two seeds, no report in docs"
    )
    parser.add_argument(
        "--publish",
        action="store_true",
        help="also write benchmarks/results/tail_ratio_*.csv and docs/tail_ratio.md",
    )
    parser.add_argument(
        "--report-only",
        action="store_true",
        help="measure nothing, write docs/tail_ratio.md from the committed tables",
    )
    parser.add_argument("--out", type=Path, default=Path("reports", "tail_ratio"))
    args = parser.parse_args(argv)
    if args.publish and args.quick:
        parser.error("--publish is for the full run, not with --quick")
    if args.report_only:
        tail_ratio_report.publish(*tail_ratio_report.published())
        return
    small = {"n_seeds": 2} if args.quick else {}
    sets = {"sets": SETS[:2]} if args.quick else {}
    tables = {
        "pima": pima(args.jobs, **small),
        "batches": batches(),
        "shifts": shifts(args.jobs, **small, **sets),
    }
    made_by = (
        f"{report.command_line('tail_ratio', argv)}; "
        f"{report.environment(['cr_sklearn', 'sklearn', 'torch'])}"
    )
    tail_ratio_report.write(args.out, tables, made_by)
    if args.publish:
        tail_ratio_report.publish(tables, made_by)
    print((args.out / "report.md").read_text())


if __name__ == "__main__":
    with extra_packages():
        main()
