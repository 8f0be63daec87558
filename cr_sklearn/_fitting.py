"""From validated rows to fitted attributes: encode, train, choose, store."""

import functools
import os
from abc import abstractmethod
from functools import partial
from numbers import Integral

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state

from cr_sklearn._rows import TrainingPart
from cr_sklearn.encoding._encoder import TabularEncoder
from cr_sklearn.inference._network import FittedNetwork
from cr_sklearn.training._automatic import AutomaticMixin
from cr_sklearn.training._callbacks import FitProgress
from cr_sklearn.training._copies import original_rows
from cr_sklearn.training._sample import RowSample, move_weights
from cr_sklearn.training._settings import TrainingHistory

# The process that imported this; a copy made by fork is another.
_PROCESS = os.getpid()
_MAX_SEED = np.iinfo(np.int32).max
# What "auto" is for tables too small for inner folds, and in partial_fit.
_AUTO_STRENGTH = 0.01
# The encoding of partial_fit learns again when it has seen so many times the rows,
# and each row brings so many of those seen before: fewer let rows in order take over.
_MORE, _AGAIN = 1.25, 4
# Classes of fewer rows get their share of the probabilities by a shift of the outputs.
_RARE = 10


def by_own_settings(method):
    """Make a method that trains ignore what its caller has set in torch."""

    @functools.wraps(method)
    def undisturbed(self, *args, **kwargs):
        # torch is imported where it is needed: importing the package, or unpickling
        # a model and predicting with it, must not wait for it.
        from cr_sklearn.training._loop import own_settings

        with own_settings(self.device, is_forked=os.getpid() != _PROCESS):
            return method(self, *args, **kwargs)

    return undisturbed


class TrainingInterrupted(KeyboardInterrupt):
    """Ctrl-C ended a training; the estimator has the best weights up to then."""


class FitMixin(AutomaticMixin):
    """The way from rows to fitted attributes, for estimators of any target.

    Subclasses encode the target and say how outputs are judged.
    """

    @abstractmethod
    def _output_layer(self, target, weight, n_classes):
        """``n_outputs``, and ``thresholds`` if there are any, of the network."""

    @abstractmethod
    def _constant_outputs(self):
        """Outputs (1, n) of the only class."""

    @abstractmethod
    def _make_criterion(self):
        """Data loss of the network's outputs and encoded targets."""

    @abstractmethod
    def _shift(self, outputs, weight, shares):
        """Return what to add to the outputs so that classes have these shares."""

    @abstractmethod
    def _predict_codes(self, outputs):
        """Positions of the predicted classes for outputs of the network."""

    @by_own_settings
    def _prepare(self, rows, target, *, classes, user_data, mode="fit"):
        """Encode the rows and build the networks.

        Parameters
        ----------
        rows : TrainingRows
        target : ndarray of shape (n,)
            Encoded target.
        classes : ndarray of shape (n_classes,)
            Labels in the order of their codes.
        user_data : dict
            ``X``, ``y`` and ``sample_weight`` as the user gave them, for callbacks.
        mode : {"fit", "warm_start", "partial_fit"}
            The latter two go on from the fitted weights and encoding; partial_fit for
            one epoch, with the optimiser where it was.

        Returns
        -------
        PreparedFit
        """
        from cr_sklearn.training._encoded_rows import encoded_rows
        from cr_sklearn.training._halving import PreparedFit

        go_on = mode != "fit" and hasattr(self, "_network")
        random_state = check_random_state(self.random_state)
        # Drawn also where there are no folds, so that networks do not depend on it.
        fold_seed = random_state.randint(_MAX_SEED)
        optimizer_state = self._optimizer_state if mode == "partial_fit" else None
        training = TrainingPart(rows.columns, target, rows.weight)
        fitted = sample = again = None
        if go_on:
            rows.columns.is_fitted = True
            encoder, fitted, sample = self._encoder, self._network.members, self._sample
            if mode == "partial_fit" and sample is not None:
                # Rows that come in order would make the networks forget others.
                again = sample.draw(_AGAIN * len(target), fold_seed)
                sample = sample.add(training, fold_seed)
                if sample.n_seen >= _MORE * sample.n_learned:
                    encoder, sample = sample.encoder(encoder)
                    fitted = move_weights(
                        fitted, sample.columns, self._encoder, encoder
                    )
                    if encoder.n_encoded_ != self._encoder.n_encoded_:
                        optimizer_state = None
        else:
            encoder = TabularEncoder(self.categorical_features, self.n_bins)
            encoder.fit(rows.columns, rows.weight)
            if mode == "partial_fit":
                sample = RowSample.first(training, fold_seed)
        output_layer = self._output_layer(target, rows.weight, len(classes))
        held_out = original = None
        holds_out = self.early_stopping and mode != "partial_fit"
        searches = self.dreg_strength == "auto" and mode == "fit"
        if holds_out or searches:
            original = original_rows(rows.columns, encoder.is_categorical_, target)
        if holds_out:
            in_training, in_held_out = self._hold_out(target, original, random_state)
            training, held_out = training.take(in_training), training.take(in_held_out)
            rows, original = rows.take(in_training), original[in_training]
        n_rows = len(training.target) + (len(again.target) if again else 0)
        search = None
        if searches:
            search = self._strength_search(
                rows, training.target, original, classes, fold_seed
            )
        if search:
            n_rows = search.n_rows
        packs, groups = self._build_packs(
            search, go_on, n_rows, encoder.n_encoded_, output_layer, random_state
        )
        member_weights = None
        if go_on:
            packs.load(fitted, self.activation)
            member_weights = fitted.member_weights
            if mode == "warm_start":  # their scale was that of the earlier rows
                member_weights = member_weights / member_weights.sum()

        def fitted_attributes():
            return {
                "_encoder": encoder,
                "_strengths": packs.strengths,
                "dreg_strength_": _typical(packs.strengths),
                "_network": packs.dump(self.activation, member_weights).folded(),
            }

        like = packs.networks[-1].skip
        n_epochs = self._n_epochs(mode, n_rows)
        training_rows = encoded_rows(encoder, training, like)
        if again:
            training_rows = training_rows.and_also(encoded_rows(encoder, again, like))
        promising = None
        if search and held_out is None:
            promising = partial(
                search.promising,
                x=training_rows.x,
                criterion=self._make_criterion(),
                target=training.target,
                weight=training.weight,
            )

        def finish(history):
            self._forget_held_out()
            self._is_chosen = bool(search) or (go_on and self._is_chosen)
            for name, value in fitted_attributes().items():
                setattr(self, name, value)
            self._store_history(history, go_on)
            self._sample = sample
            # Kept for the next of many small batches; a fit ends with steps of length
            # zero.
            self._optimizer_state = (
                history.optimizer_state if mode == "partial_fit" else None
            )
            if search:
                outputs = search.outputs(packs.networks, training_rows.x)
                self._choose(search, outputs, training, original)
            return self

        return PreparedFit(
            packs=packs,
            settings=[
                self._training_settings(
                    mode, n_epochs, n_rows, network, packs.strengths[members], main
                )
                for network, members, main in packs.by_shape()
            ],
            criterion=self._make_criterion().to(like.device),
            rows=training_rows,
            groups=groups,
            validation_rows=held_out and encoded_rows(encoder, held_out, like),
            optimizer_state=optimizer_state,
            progress=FitProgress(self, n_epochs, fitted_attributes, **user_data),
            promising=promising,
            finish=finish,
        )

    def _store_constant(self, rows):
        """Store a network of zeros, which answers the only class that there is."""
        self._encoder = TabularEncoder(self.categorical_features, self.n_bins)
        self._encoder.fit(rows.columns, rows.weight)
        self._network = FittedNetwork(
            coefs=[],
            intercepts=[self._constant_outputs()],
            skip_coef=np.zeros((1, self._encoder.n_encoded_, 1)),
            polynomial_coefs=[],
            activation=self.activation,
            member_weights=np.ones(1),
        ).folded()
        self._strengths, self.dreg_strength_ = np.zeros(1), 0.0
        self._is_chosen, self._sample, self._optimizer_state = False, None, None
        self._forget_held_out()
        self._store_history(TrainingHistory(), go_on=False)

    def _forget_held_out(self):
        """Drop what rows held out from other networks told."""
        for name in ("dreg_path_", "oof_score_"):
            self.__dict__.pop(name, None)

    @by_own_settings
    def _train(self, prepared):
        """Train, and store the fitted attributes.

        Raises
        ------
        TrainingInterrupted
            When all that was trained is stored.
        """
        from cr_sklearn.training._halving import train_packs

        history = train_packs(prepared)
        prepared.finish(history)
        prepared.progress.end()
        if history.interrupted:
            raise TrainingInterrupted(
                f"Ctrl-C after {self.n_iter_} epochs. The estimator keeps the best "
                "weights up to then and can predict; interrupted_ is True."
            )
        return self

    def _strength_search(self, rows, target, original, classes, seed):
        """Inner folds of the rows that train, or None where they are too few."""
        from cr_sklearn.training._folds import given_folds, inner_folds
        from cr_sklearn.training._selection import StrengthSearch

        cv = self.cv
        if rows.groups is None and (cv is None or isinstance(cv, Integral)):
            folds = inner_folds(cv, target, original, classes, seed)
        else:
            folds = given_folds(
                cv,
                rows.columns.native,
                rows.y,
                rows.groups,
                rows.kept,
                rows.n_given,
                seed,
            )
        if folds is None:
            return None
        return StrengthSearch(folds, deep=np.size(self.hidden_layer_sizes) > 0)

    def _member_strengths(self, go_on):
        if go_on and self._is_chosen:
            n_members = len(self._strengths)
        else:
            n_members = self.n_estimators
        if self.dreg_strength != "auto":
            return np.full(n_members, float(self.dreg_strength))
        if go_on and len(self._strengths) == n_members:
            return self._strengths
        return np.full(n_members, _AUTO_STRENGTH)

    def _choose(self, search, outputs, training, original):
        """Keep the networks of the strengths that predict well out of fold."""

        def sensitivities(networks, rows):
            encoded, standardised = self._encoder.transform(training.columns.take(rows))
            return [
                self._outputs_and_sensitivity(one.folded(), encoded, standardised)[1]
                for one in networks
            ]

        _, target, weight = training
        network = self._network.members
        choice = search.choose(
            network, outputs, self._make_criterion(), target, weight, sensitivities
        )
        # Linear ones last, which then cost nothing at prediction.
        order = np.argsort(search.is_linear[choice.members], kind="stable")
        chosen = choice.members[order]
        kept = network.take(chosen)._replace(member_weights=choice.weights[order])
        self._network = kept.folded()
        self._strengths = search.strengths[chosen]
        self.dreg_strength_ = choice.strength
        self.dreg_path_ = choice.path
        _, distinct = np.unique(original, return_index=True)
        n_rows = np.bincount(target[distinct], minlength=len(self._labels))
        outputs = choice.outputs
        if n_rows.min() < _RARE:
            # A handful of rows has no say in the weights, and a single one no part:
            # without this, probabilities of its class would be wrong by a factor.
            shares = np.bincount(target, weight, minlength=len(n_rows))
            shares = np.maximum(shares, 0.5 * weight.mean())
            shift = self._shift(outputs, weight[choice.rows], shares)
            outputs = outputs + shift
            *hidden, last = kept.intercepts
            last = last + shift / kept.member_weights.sum()
            self._network = kept._replace(intercepts=[*hidden, last]).folded()
        hits = self._predict_codes(outputs) == target[choice.rows]
        # The single row of a class is held out by no fold, and would not be found.
        singles = np.isin(target, np.flatnonzero(n_rows == 1))
        total = weight[choice.rows].sum() + weight[singles].sum()
        self.oof_score_ = float(hits @ weight[choice.rows] / total)

    def _hold_out(self, target, original, random_state):
        """Rows that train and rows held out, copies of a row on one side."""
        _, first, original = np.unique(original, return_index=True, return_inverse=True)
        try:
            parts = train_test_split(
                np.arange(len(first)),
                test_size=self.validation_fraction,
                stratify=target[first],
                random_state=random_state,
            )
        except ValueError as error:
            raise ValueError(
                f"early_stopping=True with validation_fraction="
                f"{self.validation_fraction!r} can't hold out a stratified part of "
                f"{len(target)} rows: {error}"
            ) from error
        if len(first) == len(target):
            return parts
        return [np.flatnonzero(np.isin(original, part)) for part in parts]

    def _build_packs(
        self, search, go_on, n_rows, n_encoded, output_layer, random_state
    ):
        """Networks by shape, and the rows of each inner fold."""
        from cr_sklearn.training._loop import check_device, initial_network
        from cr_sklearn.training._packs import Packs

        hidden, groups = self._hidden_layers(), None
        strengths = search.strengths if search else self._member_strengths(go_on)
        seeds = random_state.randint(_MAX_SEED, size=len(strengths))
        shapes = [(np.arange(len(strengths)), hidden)]
        if search:
            shapes = search.packs(hidden)
            fold_seeds = random_state.randint(_MAX_SEED, size=len(search.folds))
            groups = search.groups(fold_seeds.tolist())
        device, dtype = check_device(self.device, self.dtype), self.dtype
        if dtype == "auto":
            whole = self._batch_size(n_rows) == n_rows and device.type != "mps"
            dtype = "float64" if whole else "float32"

        def build(hidden, seeds):
            return initial_network(
                n_encoded,
                hidden,
                **output_layer,
                activation=self.activation,
                degree=self.degree,
                dropout=self.dropout,
                seeds=seeds,
                dtype=dtype,
                device=device,
            )

        return Packs(build, shapes, strengths, seeds), groups

    def _store_history(self, history, go_on):
        earlier = self if go_on else None
        self.loss_curve_ = [*getattr(earlier, "loss_curve_", []), *history.loss]
        self.dreg_curve_ = [*getattr(earlier, "dreg_curve_", []), *history.dreg]
        validation = None
        if self.early_stopping:
            # As long as the others, with NaN for epochs without such rows.
            n_before = len(self.loss_curve_) - len(history.loss)
            before = getattr(earlier, "validation_loss_curve_", None)
            validation = [*(before or [np.nan] * n_before), *history.validation_loss]
            validation += [np.nan] * (len(self.loss_curve_) - len(validation))
        self.validation_loss_curve_ = validation
        self.n_iter_ = len(self.loss_curve_)
        self._n_iter_all = history.n_iter_all
        self.interrupted_ = history.interrupted


def _typical(strengths):
    """Geometric mean, of which a single value is the limit, zero included."""
    if (strengths == strengths[0]).all():
        return float(strengths[0])
    return float(np.exp(np.log(strengths).mean()))
