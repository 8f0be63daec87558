"""Encoded rows for training: once for small tables, batch by batch for large ones."""

import numpy as np
import torch

from cr_sklearn._batches import Rows
from cr_sklearn._columns import ArrayColumns
from cr_sklearn._encoding import BOUND, FAR_OUT
from cr_sklearn._piecewise import RISE

# Encoded tables up to this size are kept: 16 million numbers in float32.
_MAX_BYTES = 2**26
# Rows that are encoded at a time.
_ROWS_AT_ONCE = 2048


def encoded_rows(encoder, part, like):
    """Rows of a table as tensors like another, moved once.

    Parameters
    ----------
    encoder : TabularEncoder
        Fitted on these rows.
    part : TrainingPart
    like : Tensor
        Of the dtype and on the device of the result.

    Returns
    -------
    Rows
    """
    n_rows = len(part.target)
    if n_rows * encoder.n_encoded_ * like.element_size() > _MAX_BYTES:
        x = TableInputs(encoder, part.columns, like)
    else:
        x = torch.empty((n_rows, encoder.n_encoded_), dtype=like.dtype)
        for rows in _pieces(n_rows):
            encoded, _ = encoder.transform(part.columns.take(rows))
            x[rows] = torch.from_numpy(encoded)
        x = x.to(like.device)
    return Rows.from_arrays(x, part.target, part.weight, like=like)


class TableInputs:
    """A table that is encoded as rows are asked for; answers like a tensor of them.

    The encoding of :class:`~cr_sklearn._encoding.TabularEncoder`, whose ramps take
    eight times the memory of the columns that they come from. An array of floats is
    not copied.

    Parameters
    ----------
    encoder : TabularEncoder
        Fitted on these columns.
    columns : FrameColumns or ArrayColumns
    like : Tensor
        Of the dtype and on the device of the result.
    """

    def __init__(self, encoder, columns, like):
        self.shape = (columns.n_rows, encoder.n_encoded_)
        self.dtype, self.device = like.dtype, like.device

        def constant(values):
            return torch.as_tensor(values, dtype=torch.float64, device=self.device)

        self._center, self._scale = constant(encoder.center_), constant(encoder.scale_)
        ramps = encoder.ramps_
        self._source = torch.as_tensor(ramps.source_, device=self.device)
        self._lower = constant(ramps.lower_)
        self._slope = constant(1.0 / (ramps.upper_ - ramps.lower_))
        self._ramp_mean = constant(ramps.mean_)
        self._indicator_mean = constant(encoder.indicator_mean_).to(self.dtype)
        self._numeric = _numeric_tensor(columns, encoder.numeric_features_).to(
            self.device
        )
        # Of one byte each; the encoding has seen all of their categories.
        mean = encoder.indicator_mean_
        indicators = torch.empty((columns.n_rows, len(mean)), dtype=torch.uint8)
        if len(mean):
            own = slice(len(encoder.center_), encoder.n_standardised)
            for rows in _pieces(columns.n_rows):
                encoded, _ = encoder.transform(columns.take(rows))
                values = np.rint(encoded[:, own] + mean).astype(np.uint8)
                indicators[rows] = torch.from_numpy(values)
        self._indicators = indicators.to(self.device)

    def index_select(self, dim, index):
        """Encoded rows, a tensor of shape (len(index), n_encoded)."""
        encoded = torch.empty(
            (len(index), self.shape[1]), dtype=self.dtype, device=self.device
        )
        for rows, part in zip(
            encoded.split(_ROWS_AT_ONCE), index.split(_ROWS_AT_ONCE), strict=True
        ):
            self._encode(dim, part, out=rows)
        return encoded

    def _encode(self, dim, index, out):
        numeric = self._numeric.index_select(dim, index).double()
        values = numeric.sub_(self._center).div_(self._scale).clamp_(-FAR_OUT, FAR_OUT)
        ramps = values.index_select(1, self._source)
        ramps = ramps.sub_(self._lower).mul_(self._slope).clamp_(0.0, 1.0)
        ramps = ramps.sub_(self._ramp_mean).mul_(RISE).nan_to_num_()
        indicators = self._indicators.index_select(dim, index).to(self.dtype)
        bounded = values / torch.hypot(torch.ones_like(values), values / BOUND)
        n_numeric, n_ramps = values.shape[1], ramps.shape[1]
        out[:, :n_numeric] = bounded.nan_to_num_()
        end = out.shape[1] - n_ramps
        torch.sub(indicators, self._indicator_mean, out=out[:, n_numeric:end])
        out[:, end:] = ramps


def _numeric_tensor(columns, features):
    if isinstance(columns, ArrayColumns) and len(features) == columns.n_features:
        array = columns.native
        # Torch does not take others without a copy.
        if array.dtype.kind == "f" and array.flags.writeable:
            return torch.from_numpy(array)
    return torch.from_numpy(columns.numeric(features))


def _pieces(n_rows):
    starts = range(0, n_rows, _ROWS_AT_ONCE)
    return [slice(start, min(start + _ROWS_AT_ONCE, n_rows)) for start in starts]
