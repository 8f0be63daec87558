"""What "auto" stands for in the settings of a training."""

import numpy as np

from cr_sklearn.training._settings import TrainingSettings

# The reasons are in the classifier's docstring.
_MIN_AUTO_BATCH, _MAX_AUTO_BATCH = 48, 1024
_AUTO_STEPS_PER_EPOCH = 24
_AUTO_EPOCHS = 20
# Few rows make few steps in an epoch.
_SMALL_AUTO_EPOCHS, _SMALL_ROWS = 40, 256
# Of all rows and networks that train side by side.
_MAX_EXACT_TANGENTS = 2**15
# A linear network is a convex problem: fewer and longer steps do.
_LINEAR_BATCHES, _LINEAR_STEP = 4, 2.0


class AutomaticMixin:
    """From parameters and the number of rows to settings."""

    def _batch_size(self, n_rows):
        batch_size = self.batch_size
        if batch_size == "auto":
            batch_size = n_rows // _AUTO_STEPS_PER_EPOCH
            batch_size = min(max(batch_size, _MIN_AUTO_BATCH), _MAX_AUTO_BATCH)
        return min(batch_size, n_rows)

    def _n_epochs(self, mode, n_rows):
        if mode == "partial_fit":
            return 1
        if self.max_iter == "auto":
            return _SMALL_AUTO_EPOCHS if n_rows <= _SMALL_ROWS else _AUTO_EPOCHS
        return self.max_iter

    def _training_settings(self, mode, n_epochs, n_rows, network, strengths, main):
        from cr_sklearn.nn import n_tangent_dims

        batch_size = self._batch_size(n_rows)
        stream = self.dreg_stream
        if stream == "auto":
            n_tangents = network.members * batch_size * n_tangent_dims(network)
            # A linear network has the same Jacobian everywhere.
            exact = not network.activations or (
                batch_size == n_rows and n_tangents <= _MAX_EXACT_TANGENTS
            )
            stream = "exact" if exact else "projected"
        linear = not (network.activations or main)
        return TrainingSettings(
            max_iter=n_epochs,
            batch_size=batch_size * (_LINEAR_BATCHES if linear else 1),
            learning_rate_init=(
                self.learning_rate_init * (_LINEAR_STEP if linear else 1.0)
            ),
            schedule="constant" if mode == "partial_fit" else "cosine",
            weight_decay=self.weight_decay,
            dreg_strength=strengths,
            dreg_stream=stream,
            first_epoch=getattr(self, "n_iter_", 0) if mode != "fit" else 0,
            tol=self.tol,
            n_iter_no_change=self.n_iter_no_change,
            verbose=int(self.verbose) if main else 0,
        )

    def _hidden_layers(self):
        hidden = np.atleast_1d(self.hidden_layer_sizes)
        if hidden.ndim != 1 or (hidden <= 0).any() or (hidden % 1 != 0).any():
            raise ValueError(
                "hidden_layer_sizes must hold integers > 0, got "
                f"{self.hidden_layer_sizes!r}."
            )
        return hidden.astype(int).tolist()
