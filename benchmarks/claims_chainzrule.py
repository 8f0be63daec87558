"""The claims of arXiv 2605.24340, ChainzRule on five domains."""

from benchmarks import claims_tables, claims_texts
from benchmarks.models import MODELS
from benchmarks.published import (
    CORRUPTION,
    FINE_TUNED,
    FINE_TUNED_LINEAR,
    N_TESTS,
    PIMA,
    PIMA_BASELINES,
    RNTN,
    SST5,
    TAU,
    TAU_OTHERS,
    YELP,
    YELP_AVERAGE,
    YELP_PARAMETERS,
    YELP_RELU,
)
from benchmarks.verdicts import Claim

TITLE = (
    "arXiv 2605.24340, ChainzRule: Sample-Efficient, Robust Deep Learning Across "
    "Tabular, NLP, and Vision Tasks"
)

CLAIMS = [
    Claim(
        "Accuracy on Pima, in percent",
        f"{PIMA['mean']:.2f} ± {PIMA['sd']:.2f}",
        "614 training and 154 test rows, 6 seeds, zeros imputed by training rows; the "
        "paper's split and imputation are not stated",
        claims_tables.pima_accuracy,
    ),
    Claim(
        "Statistically superior to SVM and XGBoost on Pima",
        "; ".join(
            f"{MODELS[name].label} {value:.2f}, p {p:.4f}"
            for name, (value, p) in PIMA_BASELINES.items()
        ),
        "paired on the same folds instead of against one published number",
        claims_tables.pima_peers,
    ),
    Claim(
        "SST-5 with a frozen encoder, in percent: superior to RNTN with about "
        f"{SST5['share']:.0%} of its training data",
        f"{SST5['mean']:.2f} ± {SST5['sd']:.2f} against {RNTN}, p {SST5['p']}",
        "MiniLM, mpnet and GloVe as encoders, chosen by the test part here",
        claims_texts.sst5_frozen,
    ),
    Claim(
        "SST-5 with a fine-tuned backbone, in percent",
        f"{FINE_TUNED:.2f} against {FINE_TUNED_LINEAR:.2f} of a linear head",
        "MiniLM (22.7M parameters) instead of BERT-base (110M), the same training "
        "for all heads",
        claims_texts.sst5_fine_tuned,
    ),
    Claim(
        f"Yelp Review Full, ordinal, {YELP_PARAMETERS / 1e6:.1f}M parameters, in "
        "percent: above the average of 10 models",
        f"{YELP:.2f} against {YELP_AVERAGE:.2f}",
        "a sample of 10,000 Yelp reviews and frozen MiniLM, unless Yelp Review Full "
        "is given",
        claims_texts.yelp_level,
    ),
    Claim(
        "On Yelp Review Full the polynomial is ahead of ReLU with the same DREG",
        f"{YELP:.2f} against {YELP_RELU:.2f}",
        "the same; splits in common and a paired test",
        claims_texts.yelp_relu,
    ),
    Claim(
        "Mean corruption accuracy on CIFAR-10-C, in points above the baseline",
        f"{CORRUPTION:+.2f}",
        "JPEG-coded CIFAR-10, corrupted with the constants of CIFAR-10-C; frozen "
        "EfficientNet-Lite0 features and pooled pixels; against a matched ReLU network",
        claims_texts.corrupted_images,
    ),
    Claim(
        "All reported p are below .05 after Bonferroni's correction",
        f"{', '.join(f'{p:.4f}' for _, p in PIMA_BASELINES.values())}, {SST5['p']}",
        f"computed from the paper's p, with {N_TESTS} tests on a data set",
        claims_tables.bonferroni,
    ),
    Claim(
        "tau is a structural invariant, below that of other activations at every "
        "fraction of the data",
        f"{TAU[0]:.2f}-{TAU[1]:.2f} against {TAU_OTHERS[0]:.2f}-{TAU_OTHERS[1]:.2f}",
        "Pima, 10 to 100 % of 614 rows, 6 seeds; of the gradients of logit, "
        "probability and loss, since the paper does not say which",
        claims_tables.tau_values,
    ),
    Claim(
        "tau is a deployment-time proxy for reliability",
        "proposed",
        "batches of 100 rows under noise on 8 tables; wrong rows under 5 shifts, "
        "found by gradient norms",
        claims_tables.reliability,
    ),
    Claim(
        "Needs less labelled data",
        "claimed",
        "25 to 250 rows of tables, against the peers of the tabular suite; 5 to 50 % "
        "of Pima's training rows",
        claims_tables.few_labels,
    ),
    Claim(
        "DREG is computed in the forward pass at standard inference cost",
        "claimed",
        "times of one thread, ratios within one run",
        claims_tables.cost,
    ),
]
