"""The models of the cold start: those of the tabular suite that are quick enough."""

from benchmarks import tabular_models
from benchmarks.tabular_models import DEFAULT, ON_REQUEST

REFERENCE = "chainzrule"
# With many categories CatBoost would take 40 s a fit.
CATBOOST_SECONDS = 10


def _catboost(seed):
    model = tabular_models.MODELS["catboost"].make(seed)
    return model.set_params(seconds=CATBOOST_SECONDS)


# Seconds of a fit, even on 25 rows: as much time as all others together.
TOO_SLOW = ["realmlp"]
MODELS = {name: tabular_models.MODELS[name] for name in DEFAULT if name not in TOO_SLOW}
MODELS["catboost"] = MODELS["catboost"]._replace(
    settings="its defaults, told which columns are categories; missing values as they "
    f"are; no new tree after {CATBOOST_SECONDS} s",
    make=_catboost,
)
LEFT_OUT = [tabular_models.MODELS[name].label for name in [*TOO_SLOW, *ON_REQUEST]]
SLOW = [name for name in tabular_models.SLOW if name in MODELS]
