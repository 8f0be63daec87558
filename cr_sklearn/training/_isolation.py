"""Training as torch does by default, whatever the caller has set."""

import os
from contextlib import ExitStack, contextmanager

# The process that imported this; a copy made by fork is another.
_PROCESS = os.getpid()


class TrainingInterrupted(KeyboardInterrupt):
    """Ctrl-C ended a training; the estimator has the best weights up to then."""


@contextmanager
def isolated_torch(device):
    """Set torch's modes to their defaults, and back at the end.

    Parameters
    ----------
    device : str
        On which the networks train.
    """
    # torch is imported where it is needed: importing the package, or unpickling a model
    # and predicting with it, must not wait for it.
    import torch

    n_threads = torch.get_num_threads()
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        if torch.empty(0).device.type != "cpu":
            # Only then: under it each of torch's operations takes longer.
            stack.enter_context(torch.device("cpu"))
        for kind in {"cpu", str(device).partition(":")[0]} & {"cpu", "cuda"}:
            if torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        if os.getpid() != _PROCESS:
            # The threads of the process before did not come along: to wait for them
            # would be for ever.
            torch.set_num_threads(1)
            stack.callback(torch.set_num_threads, n_threads)
        yield


def check_device(device, dtype="auto"):
    """Return the torch device of that name.

    Raises
    ------
    ValueError
        If torch does not know it, if it is not there, or has not this dtype.
    """
    import torch

    try:
        place = torch.empty(0, device=device).device
        if dtype != "auto":
            torch.empty(0, device=place, dtype=getattr(torch, dtype))
        return place
    except (RuntimeError, AssertionError, NotImplementedError, TypeError) as error:
        raise ValueError(
            f"device={device!r} can't be used here with dtype={dtype!r}: {error}. "
            "device='cpu' always can."
        ) from error
