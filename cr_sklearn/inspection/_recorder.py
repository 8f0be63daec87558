"""Sensitivities of chosen rows, recorded while an estimator trains."""

from cr_sklearn.inference._tail_ratio import tail_ratio


class SensitivityRecorder:
    """Callback that records tail ratio and mean sensitivity after every epoch.

    For ``set_callbacks``, which scikit-learn has from 1.9 on. What is recorded is that
    of the networks as they are then, all with the same weight: those of
    ``dreg_strength="auto"`` get their weights at the end of the fit.

    Parameters
    ----------
    X : array-like or dataframe of shape (n_samples, n_features)
        Rows to be judged by: some hundred are enough, and best ones held out.

    Attributes
    ----------
    tail_ratio_curve_ : list of float
        By epoch of the last fit, as ``estimator.tail_ratio(X)``.
    sensitivity_curve_ : list of float
        Mean of ``estimator.sensitivity(X)``, in logits per standard deviation.

    See Also
    --------
    TrainingDisplay : Draws the curves.

    Examples
    --------
    >>> import pytest; _ = pytest.importorskip("sklearn.callback")
    >>> from sklearn.datasets import load_iris
    >>> from cr_sklearn import ChainzRuleClassifier
    >>> from cr_sklearn.inspection import SensitivityRecorder
    >>> X, y = load_iris(return_X_y=True)
    >>> recorder = SensitivityRecorder(X)
    >>> model = ChainzRuleClassifier(max_iter=5, random_state=0)
    >>> model = model.set_callbacks(recorder).fit(X, y)
    >>> len(recorder.tail_ratio_curve_)
    5
    """

    def __init__(self, X):
        self.X = X

    def setup(self, estimator, context):
        """Forget an earlier fit."""
        self.tail_ratio_curve_, self.sensitivity_curve_ = [], []

    def teardown(self, estimator, context):
        """Do nothing: there is nothing to close."""

    def on_fit_task_begin(self, estimator, context):
        """Do nothing: there is nothing to record yet."""

    def on_fit_task_end(self, estimator, context, *, fitted_estimator):
        """Record an epoch."""
        if context.task_name == "epoch":
            sensitivity = fitted_estimator.sensitivity(self.X)
            self.tail_ratio_curve_.append(tail_ratio(sensitivity))
            self.sensitivity_curve_.append(float(sensitivity.mean()))
