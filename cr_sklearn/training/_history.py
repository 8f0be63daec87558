"""History of a training: curves by epoch, and how it ended."""

from dataclasses import dataclass, field, replace

import numpy as np


@dataclass
class TrainingHistory:
    """Curves by epoch and member, and how the training ended.

    Attributes
    ----------
    loss : list of ndarray of shape (members,)
        Weighted mean data loss of the training rows, without penalty.
    dreg : list of ndarray of shape (members,)
        Weighted mean of ``sum_l ||S^l||_F^2``, before multiplication by the strength;
        NaN when no member has a penalty.
    validation_loss : list of ndarray of shape (members,)
        Empty without validation rows.
    interrupted : bool
        Whether Ctrl-C ended the training.
    stopped : bool
        Whether a rule or a callback did.
    n_iter_all : int or None
        Epochs after which some members stopped for good; None if all went on.
    best_epoch : int or None
        The epoch of the lowest mean validation loss, where averages are validated.
    optimizer_state : list of dict of ndarray
        Moments of AdamW at the end, by parameter.
    """

    loss: list = field(default_factory=list)
    dreg: list = field(default_factory=list)
    validation_loss: list = field(default_factory=list)
    interrupted: bool = False
    stopped: bool = False
    n_iter_all: int = None
    best_epoch: int = None
    optimizer_state: list = None

    def after(self, earlier):
        """Return this history, of means, behind that of the epochs before."""
        best_epoch = self.best_epoch
        if best_epoch is not None:
            best_epoch += len(earlier.loss)
        curves = {
            name: getattr(earlier, name) + getattr(self, name)
            for name in ("loss", "dreg", "validation_loss")
        }
        n_iter_all = earlier.n_iter_all
        return replace(self, **curves, best_epoch=best_epoch, n_iter_all=n_iter_all)

    def mean(self):
        """Average the curves over members."""
        curves = {
            name: [float(np.mean(losses)) for losses in getattr(self, name)]
            for name in ("loss", "dreg", "validation_loss")
        }
        return replace(self, **curves)

    def attributes(self, estimator, goes_on):
        """Return the attributes of an estimator that tell of its training.

        Parameters
        ----------
        estimator : BaseChainzRule
        goes_on : bool
            Whether this training follows an earlier one, whose curves come first.
        """
        earlier = estimator if goes_on else None
        loss = [*getattr(earlier, "loss_curve_", []), *self.loss]
        validation = None
        if estimator.early_stopping:
            # As long as the others, with NaN for epochs without such rows.
            n_before = len(loss) - len(self.loss)
            before = getattr(earlier, "validation_loss_curve_", None)
            validation = [*(before or [np.nan] * n_before), *self.validation_loss]
            validation += [np.nan] * (len(loss) - len(validation))
        return {
            "loss_curve_": loss,
            "dreg_curve_": [*getattr(earlier, "dreg_curve_", []), *self.dreg],
            "validation_loss_curve_": validation,
            "n_iter_": len(loss),
            "_n_iter_all": self.n_iter_all,
            "interrupted_": self.interrupted,
        }
