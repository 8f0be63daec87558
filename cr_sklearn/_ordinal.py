"""ChainzRuleOrdinalRegressor."""

import numpy as np
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_is_fitted

from cr_sklearn._labelled import LabelledChainzRule
from cr_sklearn._state import of_one_fit
from cr_sklearn.heads._ordinal import PREDICT_RULES, OrdinalHead
from cr_sklearn.heads._targets import is_numeric


class ChainzRuleOrdinalRegressor(LabelledChainzRule):
    r"""Ordinal regression by learnable polynomials, regularised by their Jacobians.

    For classes with an order: star ratings, grades, stages. Each network of the packed
    ensemble has one output, the latent f(x), and thresholds that can't cross:

    .. math:: P(y \le k \mid x) = F(\theta_k - f(x)), \qquad
              \theta_1 < \dots < \theta_{K-1}

    .. math:: \frac{1}{\sum_i w_i} \sum_i w_i \Big[
              -\log\big(F(\theta_{y_i} - f) - F(\theta_{y_i - 1} - f)\big)
              + \lambda \sum_l \lVert S^l(x_i) \rVert_F^2 \Big], \qquad
              S^l = \partial h^l / \partial x

    The likelihood is exact; DREG penalises the Jacobian of the latent and of the layers
    before it. Networks are summed as margins :math:`f - \theta_k`, so that the ensemble
    is one such model again. Network, encoding and training are those of
    :class:`ChainzRuleClassifier`, and so is the model of two classes with "logit".

    "Ordinal regression" is the statistical term. To scikit-learn this is a classifier:
    folds are stratified, ``score`` is the accuracy, and what works with probabilities
    of classes works here. :func:`cr_sklearn.metrics.ordinal_scorer` has the scores that
    know the order.

    Source: arXiv 2605.24340 and 2605.15463 for the network; McCullagh 1980, Regression
    models for ordinal data, section 2, for the model. NOTE[DIFF] The first threshold
    takes the place of the output's bias. Thresholds start near where the classes have
    their shares in the training rows, and further apart.

    Parameters
    ----------
    hidden_layer_sizes : "auto" or array-like of int, default="auto"
        Neurons of each hidden layer. "auto" is two layers, of 32 neurons for up to 800
        rows and of 64 from 4,000 on. ``()`` gives a linear model.
    link : {"logit", "probit", "cloglog"}, default="logit"
        The distribution F: logistic (proportional odds), normal, or 1 - exp(-exp(x))
        (proportional hazards: steps from class to class as discrete times).
    categories : "auto" or array-like of shape (n_classes,), default="auto"
        All labels that y may bring, from lowest to highest, such as half stars. "auto"
        sorts whole numbers and takes the order of an ordered pandas Categorical, polars
        Enum or Arrow dictionary; the order of other labels is never guessed. Labels
        without rows are left out. Tools that
        re-code labels (BaggingClassifier, VotingClassifier, StackingClassifier,
        CalibratedClassifierCV with method="temperature", cross_val_predict of
        probabilities, imbalanced-learn's BalancedBaggingClassifier) do it in
        alphabetical order, of which "auto" can't know: with them, encode y by rank,
        0, 1, ..., beforehand. Given ``categories`` turn the mistake into an error.
    predict_rule : {"median", "argmax", "mean"}, default="median"
        Label that is predicted: the lowest class with at least half of the probability
        up to it, which has the least expected distance in ranks; the most probable
        class; or the class nearest to the mean rank, which has the least expected
        squared distance. On 22 data sets the median was first of the three by MAE and
        by quadratic weighted kappa, and argmax by accuracy. May be changed after the
        fit.
    degree : int, default=3
        Degree of the polynomials, at least 1. Other activations ignore it.
    dreg_strength : "auto" or float, default="auto"
        Weight :math:`\lambda` of the penalty; 0 turns it off. "auto" trains networks of
        four strengths from 0.0002 to 0.08, and linear ones of two, on every inner fold
        (``cv``), all side by side in one packed run, and weights these candidates by
        what they predict for the rows held out; see Notes. Above 2,000 rows there is
        one strength fewer for each doubling, from a weaker one on. The two strengths
        that predict best after a few hundred steps go on; networks of the others stay
        as they are. With ``early_stopping`` all go on. Without inner folds, and in
        ``partial_fit``, it is 0.01.
    cv : "auto", int, cross-validation generator, iterable or None, default="auto"
        Inner folds of ``dreg_strength="auto"``. "auto" gives 5 stratified folds, 3
        below 50 rows, and none below 15 rows or 3 rows of a class. Above 1,000 rows
        they are smaller, down to an eighth of the rows, and from 2,000 on four of them
        are used: other rows train in all networks. An int gives that
        many, stratified, and None 5; with ``groups`` in ``fit`` they keep groups
        together. The row
        of a class that has no other trains in every fold. Copies of a row stay in one
        fold where chance would not bring them: a column of nearly continuous values
        tells. A splitter or a list of (train, test) positions may hold rows out several
        times or never. Every fold adds a network for each candidate.
    activation : {"polynomial", "relu", "gelu", "silu", "tanh"}, default="polynomial"
        Activation of the hidden layers. DREG works with any of them.
    n_estimators : "auto" or int, default="auto"
        Networks in the ensemble. "auto" is 8 where the strength is fixed. With inner
        folds there are as many as folds times candidates kept, whatever is given. They
        are trained side by side as one packed network and differ in initial weights,
        order of rows and
        random tangents. Their margins are summed by ``estimator_weights_``.
    max_iter : "auto" or int, default="auto"
        Epochs. With inner folds epochs at most, 112 by "auto": the step size is
        constant until the loss of the rows held out, by averages of the weights over
        half an epoch, no longer falls; then it falls to zero in 0.4 times the epochs
        up to the best one. Each network ends with the averages that are best for the
        rows held out from it. The linear networks, and all without inner folds, train
        for a fixed number, of which "auto" is 20, and 40 if a network trains on at most
        256 rows.
    batch_size : "auto" or int, default="auto"
        Rows per step, at most those that a network trains on. "auto" is 2.2 times the
        square root of their number, but at least 48 and at most 256; four times as many
        for the linear networks of ``dreg_strength="auto"``.
    learning_rate_init : float, default=0.02
        Step size of AdamW. Where the number of epochs is fixed it falls to zero along a
        cosine, from ten times as much for the linear networks of
        ``dreg_strength="auto"``. Weights that meet the inputs take smaller steps where
        the mean squared norm q of the encoded rows is more than 128: by (128 / q)^1.5,
        and 1/16 at least.
    early_stopping : bool, default=False
        Hold out a stratified ``validation_fraction`` of the rows. Each network ends
        with the weights of its own best epoch on them.
    validation_fraction : float, default=0.1
        Share of rows held out, in (0, 1). Used with early stopping.
    n_iter_no_change : int, default=10
        Epochs without an improvement of ``tol`` after which a network stops. Used
        with early stopping.
    tol : float, default=1e-4
        Least improvement of the validation loss that counts. Used with early stopping.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, as in scikit-learn: the same as these factors of
        ``sample_weight``, but that a class of weight 0 keeps its place in ``classes_``.
    categorical_features : "from_dtype", array-like or None, default="from_dtype"
        Booleans, positions or names of columns that are categorical. Beside these, and
        with "from_dtype" alone, columns of a dataframe that hold categories, strings or
        booleans are. None: no column is. Of a column of more
        than 32 categories the rarer ones share an indicator, with those that training
        has not seen, and smoothed log-odds of the target stand beside the indicators,
        out of fold in training. A column of text that looks like numbers, dates or
        names of rows brings a warning, unless it is declared here or by its dtype.
    n_bins : "auto" or int, default="auto"
        Bins of the piecewise linear encoding that stands beside each numeric column: a
        ramp for each, between quantiles, with which a smooth network can see
        thresholds; frequent values have a place of their own. "auto" is one for each
        100 rows, but at least 8 and at most 32. All columns together have at most 512,
        beside those of frequent values. Ramps are rounded at their
        ends, so that derivatives are continuous. 0 leaves them out; the predictions are
        then infinitely differentiable in the numeric columns.
    device : str, default="cpu"
        Device on which torch trains, such as "cuda" or "mps". Rows are moved there
        once; random numbers are drawn on the CPU. The fitted model is in NumPy arrays
        and predicts anywhere. On CUDA products are in full float32 unless torch is told
        to use TF32 (``torch.set_float32_matmul_precision``); float64 then agrees with
        the CPU to 1e-5, float32 as far as rounding carries in training. MPS has no
        float64.
    dtype : {"auto", "float32", "float64"}, default="auto"
        Precision of training. "auto" is float64 if one batch holds all rows, where,
        with the exact stream, weighting a row by 2 equals giving it twice to the last
        digits, and float32 otherwise.
    random_state : int, RandomState instance or None, default=None
        Seeds initial weights, order of rows, random tangents. The same
        int gives the same model.
    warm_start : bool, default=False
        Let the next ``fit`` go on from the fitted weights and encoding, with a new
        schedule.
    verbose : int, default=0
        1 shows a progress bar, 2 prints a line per epoch as well.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Sorted class labels, of the rows with a positive weight. scikit-learn's scorers
        rely on this order, and columns of ``predict_proba`` follow it.
    categories_ : ndarray of shape (n_classes,)
        The same labels from lowest to highest rank.
    thresholds_ : ndarray of shape (n_classes - 1,)
        Thresholds of the ensemble, rising: ``P(y <= categories_[k])`` is
        ``F(thresholds_[k] - predict_latent(X))``.
    n_features_in_ : int
        Columns seen in ``fit``.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, if all of them are strings.
    n_iter_ : int
        Epochs trained.
    loss_curve_ : list of float
        Negative log-likelihood of the training rows by epoch, mean over the networks.
    dreg_curve_ : list of float
        Penalty :math:`\sum_l \lVert S^l \rVert_F^2` by epoch, before multiplication
        with its strength.
    validation_loss_curve_ : list of float or None
        Negative log-likelihood of the rows held out, with early stopping.
    dreg_strength_ : float
        The :math:`\lambda` used; with "auto" the weighted geometric mean.
    dreg_path_ : dict of ndarray of shape (n_candidates,)
        Only with inner folds. By ``"dreg_strength"`` and whether the networks are
        ``"linear"``, of the rows held out: their ``"log_loss"``, ``"tail_ratio"`` and
        mean ``"sensitivity"``, the latter two on up to 1000 rows; and the ``"weight"``
        that the candidate got.
    oof_score_ : float
        Only with inner folds, and not after ``warm_start`` or ``partial_fit``. Accuracy
        of the predictions for the rows held out, by networks that have not seen them,
        weighted by ``sample_weight`` and ``class_weight``; the single row of a class
        counts as missed. It is optimistic, since the weights of the candidates were
        chosen on these rows: by six points where 20 columns of 200 rows are noise. Of
        large tables some 131,000 rows have a part in this and in that choice.
    interrupted_ : bool
        Whether Ctrl-C ended the training. It also ends in ``KeyboardInterrupt``; the
        estimator then has the best weights up to that moment.
    estimator_weights_ : ndarray of shape (n_estimators,)
        Weights of the networks in the sum of their margins. Their sum is 1 with a fixed
        strength; with inner folds it is the calibration scale.
    coefs_ : tuple of ndarray of shape (n_estimators, n_in, n_out)
        Weights of the layers, the output's last. These and the other weights are
        those that predict: to change them changes the predictions.
    intercepts_ : tuple of ndarray of shape (n_estimators, n_out)
        Biases of the layers; the last are each network's thresholds with a minus,
        (n_estimators, n_classes - 1).
    skip_coef_ : ndarray of shape (n_estimators, n_encoded, 1)
        Linear map from the encoded inputs to the output.
    polynomial_coefs_ : tuple of ndarray of shape (n_estimators, degree, n_units)
        Coefficients of z, z^2, ... of every neuron; empty for other activations.

    Notes
    -----
    ``dreg_strength="auto"`` stacks the out-of-fold margins :math:`f_s - \theta_{s,k}`
    of the candidates as :class:`ChainzRuleClassifier` stacks logits. Weights are not
    negative, so that thresholds stay in order; the problem is convex for each link,
    since these likelihoods are log-concave.

    Latent and thresholds have the unit of the link, as do ``jacobian`` and
    ``sensitivity``: with "logit", log-odds of a class above each threshold.

    There is no ``decision_function``: with more than two classes scikit-learn expects
    scores by class from it, and ``predict_latent`` is one number for all.

    See Also
    --------
    ChainzRuleClassifier : For classes without an order.
    cr_sklearn.metrics.ordinal_scorer : Scores that know the order.

    Examples
    --------
    >>> import numpy as np
    >>> from cr_sklearn import ChainzRuleOrdinalRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(300, 3))
    >>> taste = X @ [2.0, 1.0, 0.0] + rng.logistic(size=300)
    >>> y = np.array(["poor", "fair", "good"])[np.digitize(taste, [-1.0, 1.0])]
    >>> model = ChainzRuleOrdinalRegressor(
    ...     categories=["poor", "fair", "good"], random_state=0
    ... ).fit(X, y)
    >>> model.predict([[-2.0, 0.0, 0.0], [0.0, 0.0, 0.0], [2.0, 1.0, 0.0]])
    array(['poor', 'fair', 'good'], dtype='<U4')
    >>> model.classes_  # and the columns of predict_proba
    array(['fair', 'good', 'poor'], dtype='<U4')
    >>> model.jacobian([[0.0, 0.0, 0.0]]).shape
    (1, 1, 3)
    """

    _parameter_constraints = {
        **LabelledChainzRule._parameter_constraints,
        "link": [StrOptions({"logit", "probit", "cloglog"})],
        "categories": [StrOptions({"auto"}), "array-like"],
        "predict_rule": [StrOptions(set(PREDICT_RULES))],
    }

    def __init__(
        self,
        hidden_layer_sizes="auto",
        *,
        link="logit",
        categories="auto",
        predict_rule="median",
        degree=3,
        dreg_strength="auto",
        cv="auto",
        activation="polynomial",
        n_estimators="auto",
        max_iter="auto",
        batch_size="auto",
        learning_rate_init=0.02,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        tol=1e-4,
        class_weight=None,
        categorical_features="from_dtype",
        n_bins="auto",
        device="cpu",
        dtype="auto",
        random_state=None,
        warm_start=False,
        verbose=0,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.link = link
        self.categories = categories
        self.predict_rule = predict_rule
        self.degree = degree
        self.dreg_strength = dreg_strength
        self.cv = cv
        self.activation = activation
        self.n_estimators = n_estimators
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.class_weight = class_weight
        self.categorical_features = categorical_features
        self.n_bins = n_bins
        self.device = device
        self.dtype = dtype
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose

    _head_class = OrdinalHead

    def _make_head(self):
        # set_params prepares the next fit and must not reinterpret this one.
        return self._head_class(
            self.link,
            None if isinstance(self.categories, str) else self.categories,
            self.predict_rule,
            self.class_weight,
            known=getattr(self, "classes_", ()),
        )

    @property
    def _fitted_head(self):
        # The rule may be set after the fit, whose networks do not depend on it.
        return self._head.with_rule(self.predict_rule)

    @property
    def thresholds_(self):
        """Thresholds of the ensemble, in rank order."""
        return -(self.estimator_weights_ @ self.intercepts_[-1])

    @of_one_fit
    def predict_cumproba(self, X):
        r"""Predict :math:`P(y \le k)`, the probability of each class or a lower one.

        Parameters
        ----------
        X : array-like or dataframe of shape (n_samples, n_features)

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            Columns in rank order, as ``categories_``; the last is 1.
        """
        return self._from_outputs(X, lambda margins: self._head.cumulative(margins))

    @of_one_fit
    def predict_expected(self, X, scores=None):
        """Predict the expected score of each row, which may lie between the classes.

        Parameters
        ----------
        X : array-like or dataframe of shape (n_samples, n_features)
        scores : array-like of shape (n_classes,), default=None
            Worth of each class, in rank order. None takes the categories
            themselves if they are numbers, else the ranks 0, 1, ...

        Returns
        -------
        expected : ndarray of shape (n_samples,)
            In units of the scores.

        Raises
        ------
        ValueError
            If scores has another shape or is not finite.
        """
        check_is_fitted(self)
        if scores is not None:
            scores = np.asarray(scores, dtype=float)
            if scores.shape != self.categories_.shape or not np.isfinite(scores).all():
                raise ValueError(
                    f"scores must hold a finite number for each of the categories "
                    f"{self.categories_.tolist()}, got {scores.tolist()}."
                )
        elif is_numeric(self.categories_):
            scores = self.categories_.astype(float)
        else:
            scores = np.arange(len(self.categories_))
        return self._from_outputs(
            X, lambda margins: self._head.expected(margins, scores)
        )

    @of_one_fit
    def predict_latent(self, X):
        """Predict the latent f(x) of the ensemble, on the scale of ``thresholds_``.

        Parameters
        ----------
        X : array-like or dataframe of shape (n_samples, n_features)

        Returns
        -------
        latent : ndarray of shape (n_samples,)
            Rises with the rank. :meth:`jacobian` is its derivative.
        """
        margins = self._outputs(X)
        if not len(self.thresholds_):  # of one class
            return np.zeros(len(margins))
        return margins[:, 0] + self.thresholds_[0]
