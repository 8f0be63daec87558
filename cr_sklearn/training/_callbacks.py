"""Bridge to :mod:`sklearn.callback`, which exists from scikit-learn 1.9 on."""

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # scikit-learn < 1.9

    class CallbackSupportMixin:
        """Stands in where scikit-learn has no callbacks."""

    def with_callbacks(method):
        """Return ``method`` as it is."""
        return method


class FitProgress:
    """Tells an estimator's callbacks about each epoch of its fit.

    Does nothing, at no cost, when the estimator has no callbacks.

    Parameters
    ----------
    estimator : estimator instance
        The estimator being fitted, inside a method with ``with_callbacks``.
    fitted_attributes : callable
        Returns the attributes, as a dict, that turn a copy of the estimator into one
        fitted up to the moment of the call. Called only by callbacks that ask.
    X, y, sample_weight
        The user's training data, handed on to the callbacks.
    """

    def __init__(self, estimator, fitted_attributes, X, y, sample_weight):
        self._hook_arguments = {
            "estimator": estimator,
            "X": X,
            "y": y,
            "metadata": (
                None if sample_weight is None else {"sample_weight": sample_weight}
            ),
            "reconstruction_attributes": fitted_attributes,
        }
        self._estimator = estimator
        self._fit = self._epoch = None

    def begin(self, n_epochs):
        """Announce a fit of so many epochs."""
        if getattr(self._estimator, "_skl_callbacks", None):
            self._fit = self._estimator._init_callback_context(max_subtasks=n_epochs)
            self._fit.call_on_fit_task_begin(**self._hook_arguments)

    def begin_epoch(self):
        """Announce the next epoch."""
        if self._fit is not None:
            self._epoch = self._fit.subcontext(task_name="epoch")
            self._epoch.call_on_fit_task_begin(**self._hook_arguments)

    def end_epoch(self):
        """Close the epoch; return whether a callback asks to stop."""
        if self._epoch is None:
            return False
        epoch, self._epoch = self._epoch, None
        return bool(epoch.call_on_fit_task_end(**self._hook_arguments))

    def end(self):
        """Close the fit, with the epoch that an interrupt left open."""
        if self._fit is not None:
            self.end_epoch()
            self._fit.call_on_fit_task_end(**self._hook_arguments)
