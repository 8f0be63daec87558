"""Progress bar and lines of a training."""

from skorch.callbacks import Callback
from tqdm.auto import tqdm

from cr_sklearn.training._stopping import StopTraining


class TrainingProgress(Callback):
    """Progress bar, lines per epoch, and the estimator's own callbacks."""

    def __init__(self, settings, progress):
        self.settings = settings
        self.progress = progress
        self._bar = None

    def on_train_begin(self, net, **kwargs):
        if self.settings.verbose > 0:
            self._bar = tqdm(
                total=self.settings.n_epochs,
                initial=self.settings.done,
                desc="fit",
                unit="epoch",
            )

    def on_epoch_begin(self, net, **kwargs):
        if self.progress is not None:
            self.progress.begin_epoch()

    def on_epoch_end(self, net, **kwargs):
        if self._bar is not None:
            epoch = net.history[-1]
            names = ("train_loss", "dreg", "validation_loss")
            shown = {
                name: f"{epoch[name].mean():.4f}" for name in names if name in epoch
            }
            self._bar.update()
            self._bar.set_postfix(shown)
            if self.settings.verbose > 1:
                line = ", ".join(f"{name} = {text}" for name, text in shown.items())
                number = self.settings.done + len(net.history)
                self._bar.write(f"Epoch {number}: {line}")
        if self.progress is not None and self.progress.end_epoch():
            raise StopTraining

    def on_train_end(self, net, **kwargs):
        if self._bar is not None:
            self._bar.close()
