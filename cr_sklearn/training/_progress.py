"""Progress bar and lines of a training."""

from skorch.callbacks import Callback
from tqdm.auto import tqdm

from cr_sklearn.training._stopping import StopTraining


class TrainingProgress(Callback):
    """Progress bar, lines per epoch, and the estimator's own callbacks.

    Parameters
    ----------
    verbose : int
        0 is silent, 1 shows a progress bar, 2 and more a line per epoch as well.
    n_epochs : int
        Of all phases of the training, at most.
    hooks : object or None
        With methods ``begin_epoch()`` and ``end_epoch() -> stop``.
    """

    def __init__(self, verbose, n_epochs, hooks):
        self.verbose = verbose
        self.hooks = hooks
        self.n_done = 0
        self._bar = None
        if verbose > 0:
            self._bar = tqdm(total=n_epochs, desc="fit", unit="epoch")

    def on_epoch_begin(self, net, **kwargs):
        if self.hooks is not None:
            self.hooks.begin_epoch()

    def on_epoch_end(self, net, **kwargs):
        self.n_done += 1
        if self._bar is not None:
            epoch = net.history[-1]
            names = ("train_loss", "dreg", "validation_loss")
            shown = {
                name: f"{epoch[name].mean():.4f}" for name in names if name in epoch
            }
            self._bar.update()
            self._bar.set_postfix(shown)
            if self.verbose > 1:
                line = ", ".join(f"{name} = {text}" for name, text in shown.items())
                self._bar.write(f"Epoch {self.n_done}: {line}")
        if self.hooks is not None and self.hooks.end_epoch():
            raise StopTraining

    def close(self):
        """Leave the bar at the epochs that there were."""
        if self._bar is not None:
            self._bar.total = self.n_done
            self._bar.close()
