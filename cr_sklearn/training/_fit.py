"""A fit, step by step: encode, hold rows out, build, train, choose."""

import numpy as np
from sklearn.utils import check_random_state

from cr_sklearn.encoding._target_statistics import folds
from cr_sklearn.inference._derivatives import outputs_and_sensitivity
from cr_sklearn.inference._fitted_network import FittedNetwork
from cr_sklearn.search._copies import original_rows
from cr_sklearn.training._build import MAX_SEED, build, hold_out, make_search
from cr_sklearn.training._callbacks import FitProgress
from cr_sklearn.training._history import TrainingHistory
from cr_sklearn.training._isolation import TrainingInterrupted
from cr_sklearn.training._partial_fit import Start, first_call, later_call


class Fit:
    """The steps from validated rows to fitted attributes.

    Parameters
    ----------
    estimator : BaseChainzRule
        For its parameters, and the model that it was before.
    head : Head
    rows : TrainingRows
        With the codes of the head.
    user_data : dict
        ``X``, ``y`` and ``sample_weight`` as the user gave them, for callbacks.

    Attributes
    ----------
    start : Start
        Encoding and weights to begin with.
    held_out : TrainingRows or None
        For early stopping.
    search : Search or None
        Candidates on inner folds.
    training : Training
    """

    def __init__(self, estimator, head, rows, user_data):
        self.estimator, self.head, self.rows = estimator, head, rows
        self.random_state = check_random_state(estimator.random_state)
        # Drawn also without folds, so that networks do not depend on it.
        self.fold_seed = self.random_state.randint(MAX_SEED)
        self.start = self.held_out = self.search = self.training = None
        self._progress = FitProgress(estimator, self._attributes_so_far, **user_data)

    def encode(self, goes_on=False):
        """Learn the encoding of the columns, or go on with that of an earlier fit."""
        self.start = self._earlier() if goes_on else Start(self._new_encoder())

    def encode_more(self, is_first):
        """Take over the encoding for one more call of partial_fit, or learn it."""
        if is_first:
            self.start = first_call(self._new_encoder(), self.rows, self.fold_seed)
        else:
            earlier = self._earlier()._replace(
                optimizer_state=self.estimator._optimizer_state,
                sample=self.estimator._sample,
                is_partial=True,
            )
            self.start = later_call(earlier, self.rows, self.fold_seed)

    def split(self):
        """Hold rows out: for early stopping, and in the inner folds of a search."""
        estimator, rows = self.estimator, self.rows
        searches = estimator.dreg_strength == "auto" and self.start.network is None
        if searches or estimator.early_stopping:
            is_categorical = self.start.encoder.is_categorical_
            original = original_rows(rows.columns, is_categorical, rows.target)
            self.rows = rows._replace(original=original)
        if estimator.early_stopping:
            self.rows, self.held_out = hold_out(
                estimator, self.head, self.rows, self.random_state
            )
        self._fit_target()
        if searches:
            self.search = make_search(estimator, self.head, self.rows, self.fold_seed)

    def _fit_target(self):
        """Learn what levels tell of the target, unless an earlier fit has."""
        options = self.estimator._options
        if self.start.network is not None or not options.target_statistics:
            return
        rows = self.rows
        original = np.arange(len(rows.target))
        if rows.original is not None:
            original = rows.original
        statistics = self.start.encoder.fit_target(
            rows.columns,
            self.head.shares(rows.target),
            rows.weight,
            folds(original, self.fold_seed),
        )
        self.start = self.start._replace(statistics=statistics)

    def train(self):
        """Build the networks and train them."""
        self.training = build(
            self.estimator,
            self.head,
            self.rows,
            self.start,
            search=self.search,
            validation_rows=self.held_out,
            random_state=self.random_state,
            progress=self._progress,
        )
        self._progress.begin(self.training.n_epochs)
        self.training.run()

    def attributes(self):
        """Return the fitted attributes, with the networks that the search chose."""
        history, start, estimator = self.training.history, self.start, self.estimator
        goes_on = start.network is not None
        network = self._networks()
        return {
            **self._attributes_of(start.encoder, network, self.training.strengths),
            "_is_chosen": goes_on and estimator._is_chosen,
            "_sample": start.sample,
            # Kept for the next of many small batches; a fit ends with steps of length
            # zero.
            "_optimizer_state": history.optimizer_state if start.is_partial else None,
            **history.attributes(estimator, goes_on),
            **(self._chosen(network) if self.search else {}),
        }

    def end(self):
        """Tell callbacks, and end in KeyboardInterrupt after Ctrl-C.

        The estimator has its attributes by now.

        Raises
        ------
        TrainingInterrupted
        """
        self._progress.end()
        if self.training.history.interrupted:
            raise TrainingInterrupted(
                f"Ctrl-C after {self.estimator.n_iter_} epochs. The estimator keeps "
                "the best weights up to then and can predict; interrupted_ is True."
            )

    def constant_attributes(self):
        """Return the attributes of a model of a constant target: no training."""
        encoder = self._new_encoder()
        network = FittedNetwork(
            coefs=[],
            intercepts=[self.head.constant_outputs()],
            skip_coef=np.zeros((1, encoder.n_encoded_, 1)),
            polynomial_coefs=[],
            activation=self.estimator.activation,
            member_weights=np.ones(1),
        )
        return {
            **self._attributes_of(encoder, network, np.zeros(1)),
            "_is_chosen": False,
            "_sample": None,
            "_optimizer_state": None,
            **TrainingHistory().attributes(self.estimator, goes_on=False),
        }

    def _new_encoder(self):
        estimator = self.estimator
        encoder = estimator._encoder_class(
            estimator.categorical_features, estimator.n_bins
        )
        return encoder.fit(self.rows.columns, self.rows.weight)

    def _earlier(self):
        """Return the fitted model as the start of another training."""
        return Start(self.estimator._encoder, self.estimator._network.members)

    def _attributes_so_far(self):
        """Return attributes with the networks as they are in training."""
        return self._attributes_of(
            self.start.encoder, self._networks(), self.training.strengths
        )

    def _networks(self):
        """Return all networks as they are, by the weights that they start with."""
        start, weights = self.start, None
        if start.network is not None:
            weights = start.network.member_weights
            if not start.is_partial:  # their scale was that of the earlier rows
                weights = weights / weights.sum()
        return self.training.snapshot(weights)

    def _attributes_of(self, encoder, network, strengths):
        return {
            **self.head.fitted_attributes(),
            "_head": self.head,
            "_encoder": encoder,
            "_network": network.function(),
            "_strengths": strengths,
            "dreg_strength_": _geometric_mean(strengths),
        }

    def _chosen(self, network):
        """Keep the networks of the strengths that predict well out of fold."""
        head, rows, training = self.head, self.rows, self.training
        choice = self.search.choose(
            network,
            self.search.outputs(training.packs, training.rows.x),
            head.make_criterion(),
            rows,
            self._sensitivities,
        )
        outputs, shift = choice.outputs, head.correct(choice.outputs, rows, choice.rows)
        network = network.take(choice.members)._replace(member_weights=choice.weights)
        if shift is not None:
            outputs = outputs + shift
            *hidden, last = network.intercepts
            last = last + shift / choice.weights.sum()
            network = network._replace(intercepts=[*hidden, last])
        return {
            "_network": network.function(),
            "_is_chosen": True,
            "_strengths": training.strengths[choice.members],
            "dreg_strength_": choice.dreg_strength,
            "dreg_path_": choice.path,
            "oof_score_": head.oof_score(outputs, rows, choice.rows),
        }

    def _sensitivities(self, networks, positions):
        encoder = self.start.encoder
        encoded, standardised = encoder.transform(self.rows.columns.take(positions))
        return [
            outputs_and_sensitivity(
                self.head, encoder, one.function(), encoded, standardised
            )[1]
            for one in networks
        ]


def _geometric_mean(strengths):
    """Return the geometric mean; equal values, also zeros, are their own."""
    if (strengths == strengths[0]).all():
        return float(strengths[0])
    return float(np.exp(np.log(strengths).mean()))
