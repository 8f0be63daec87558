"""One fit on simulated rows in a process of its own; prints a line of JSON."""

import argparse
import gc
import json
import time
from pathlib import Path

import torch

from benchmarks.simulation import bayes_accuracy, simulate
from cr_sklearn import ChainzRuleClassifier

N_TINY_ROWS, N_FRESH_ROWS = 200, 10_000
_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class PeakMemory:
    """How far the resident memory of this process rises above where it is now.

    By the kernel's own mark of the highest (``VmHWM``), which is set back at the start:
    a thread that samples would miss what lives for a moment, and ``ru_maxrss`` starts
    at the mark of the process that started this one. Linux alone has it.
    """

    def __init__(self):
        self._start = None
        if _CLEAR.exists():
            _CLEAR.write_text("5", encoding="ascii")
            self._start = _status("VmRSS")

    def extra_bytes(self):
        """Bytes above the start, or None where the system does not tell."""
        return None if self._start is None else _status("VmHWM") - self._start


def measure(n_rows):
    """Fit the default classifier, and judge it by what can be known.

    Parameters
    ----------
    n_rows : int

    Returns
    -------
    dict
        ``n_rows``, ``seconds`` and ``n_iter`` (epochs) of the fit, ``extra_bytes`` at
        its peak, ``data_bytes``, and ``accuracy`` on 10,000 fresh rows, with
        ``bayes_accuracy``, that of the rule itself on the same.
    """
    # Imports and pools of memory are not the fit's.
    ChainzRuleClassifier(random_state=0).fit(*simulate(N_TINY_ROWS, seed=2))
    X, y = simulate(n_rows, seed=0)
    gc.collect()
    memory = PeakMemory()
    start = time.perf_counter()
    model = ChainzRuleClassifier(random_state=0).fit(X, y)
    seconds = time.perf_counter() - start
    extra_bytes = memory.extra_bytes()
    fresh, target = simulate(N_FRESH_ROWS, seed=1)
    return {
        "n_rows": n_rows,
        "seconds": seconds,
        "n_iter": model.n_iter_,
        "extra_bytes": extra_bytes,
        "data_bytes": X.nbytes + y.nbytes,
        "accuracy": model.score(fresh, target),
        "bayes_accuracy": bayes_accuracy(fresh, target),
    }


def _status(name):
    """An entry of this process's status, in bytes."""
    for line in _STATUS.read_text(encoding="ascii").splitlines():
        if line.startswith(f"{name}:"):
            return 1024 * int(line.split()[1])
    raise ValueError(f"{_STATUS} has no entry {name}.")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", type=int)
    parser.add_argument("--threads", type=int, required=True, help="of torch")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    print(json.dumps(measure(args.rows)))


if __name__ == "__main__":
    main()
