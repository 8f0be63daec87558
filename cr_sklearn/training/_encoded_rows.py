"""Encoded rows for training: once for small tables, batch by batch for large ones."""

import numpy as np
import torch

from cr_sklearn.encoding._columns import ArrayColumns
from cr_sklearn.formulas import _torch as xp
from cr_sklearn.formulas._encodings import FAR_OUT, Trapezoids, bound, ramp
from cr_sklearn.training._batches import EncodedRows
from cr_sklearn.training._between import SwitchRows

# Rows that are encoded at a time.
_ROWS_AT_ONCE = 2048


def encode_rows(encoder, rows, template, max_bytes, statistics=None):
    """Encode rows as tensors, moved once.

    Parameters
    ----------
    encoder : TabularEncoder
        Fitted on these rows.
    rows : TrainingRows
    template : Tensor
        Tensor with the dtype and device of the result.
    max_bytes : int
        Encoded tables up to this size are kept.
    statistics : ndarray of shape (n, n_statistics) or None, default=None
        In place of those that the encoder gives.
    """
    n_rows = len(rows.target)
    if n_rows * encoder.n_encoded_ * template.element_size() > max_bytes:
        x = TableInputs(encoder, rows.columns, template, statistics)
        levels = x.levels
    else:
        levels = _no_levels(encoder, n_rows)
        x = torch.empty((n_rows, encoder.n_encoded_), dtype=template.dtype)
        for some, encoded in _encoded_batches(encoder, rows.columns):
            if statistics is not None:
                encoded[:, _statistics_of(encoder)] = statistics[some]
            x[some] = torch.from_numpy(encoded)
            levels[some] = encoder.switches_.levels(encoded)
        x = x.to(template.device)
    switches = None
    if encoder.switches_.n_switches:
        switches = SwitchRows.from_arrays(encoder.switches_, levels, template)
    return EncodedRows.from_arrays(
        x, rows.target, rows.weight, template=template, switches=switches
    )


class TableInputs:
    """A table that is encoded as rows are asked for; answers as a tensor of them does.

    The encoding of :class:`TabularEncoder`, whose ramps take eight times the memory of
    the columns that they come from. An array of floats is not copied.

    Parameters
    ----------
    encoder : TabularEncoder
        Fitted on these columns.
    columns : FrameColumns or ArrayColumns
    template : Tensor
        Tensor with the dtype and device of the result.

    Attributes
    ----------
    levels : ndarray of int16 of shape (n_rows, n_switches)
        From :meth:`Switches.levels`.
    """

    def __init__(self, encoder, columns, template, statistics=None):
        self.shape = (columns.n_rows, encoder.n_encoded_)
        self.dtype, self.device = template.dtype, template.device
        # The encoding is in float64, which MPS has not.
        place = (
            torch.device("cpu") if template.device.type == "mps" else template.device
        )
        self._place = place

        def constant(values):
            return torch.tensor(values, dtype=torch.float64, device=place)

        self._center, self._scale = constant(encoder.center_), constant(encoder.scale_)
        self._fit_ramps(encoder.ramps_, constant)
        self._indicator_mean = constant(encoder.indicator_mean_).to(self.dtype)
        self._numeric = _numeric_tensor(columns, encoder.numeric_features_).to(place)
        # Of one byte each; 2 for none, which is encoded as zeros.
        mean = encoder.indicator_mean_
        indicators = torch.empty((columns.n_rows, len(mean)), dtype=torch.uint8)
        self.levels = _no_levels(encoder, columns.n_rows)
        places = _statistics_of(encoder)
        self._statistics = torch.empty(
            (columns.n_rows, places.stop - places.start), dtype=self.dtype
        )
        columns_of = slice(len(encoder.center_), places.start)
        if columns_of.stop > columns_of.start or self._statistics.shape[1]:
            for rows, encoded in _encoded_batches(encoder, columns):
                self.levels[rows] = encoder.switches_.levels(encoded)
                self._statistics[rows] = torch.from_numpy(encoded[:, places]).to(
                    self.dtype
                )
                values = np.rint(encoded[:, columns_of] + mean).astype(np.uint8)
                values[encoded[:, columns_of] == 0.0] = 2
                indicators[rows] = torch.from_numpy(values)
        if statistics is not None:
            self._statistics = torch.as_tensor(statistics, dtype=self.dtype)
        self._statistics = self._statistics.to(place)
        self._indicators = indicators.to(place)
        self._is_complete = not (indicators == 2).any()

    def index_select(self, dim, index):
        """Encode rows, as a tensor of shape (len(index), n_encoded)."""
        encoded = torch.empty(
            (len(index), self.shape[1]), dtype=self.dtype, device=self._place
        )
        parts = index.to(self._place).split(_ROWS_AT_ONCE)
        for rows, part in zip(encoded.split(_ROWS_AT_ONCE), parts, strict=True):
            self._encode(dim, part, out=rows)
        return encoded.to(self.device)

    def _encode(self, dim, index, out):
        numeric = self._numeric.index_select(dim, index).double()
        v = numeric.sub_(self._center).div_(self._scale).clamp_(-FAR_OUT, FAR_OUT)
        n_numeric, start = v.shape[1], self.shape[1] - self._n_ramps
        if self._n_ramps:
            by_ramp = v.index_select(1, self._columns).unsqueeze(2)
            ramps = ramp(xp, by_ramp, self._slopes, self._ramp_mean)
            ramps = ramps.nan_to_num_().flatten(1)
            if self._filled is not None:
                ramps = ramps.index_select(1, self._filled)
            out[:, start:] = ramps
        stop = n_numeric + len(self._indicator_mean)
        indicators = self._indicators.index_select(dim, index).to(self.dtype)
        torch.sub(indicators, self._indicator_mean, out=out[:, n_numeric:stop])
        if not self._is_complete:
            out[:, n_numeric:stop].masked_fill_(indicators == 2.0, 0.0)
        out[:, stop:start] = self._statistics.index_select(dim, index)
        out[:, :n_numeric] = bound(xp, v).nan_to_num_()

    def _fit_ramps(self, ramps, constant):
        """Lay out ramps as (columns, most ramps of a column)."""
        columns, counts = np.unique(ramps.source_, return_counts=True)
        self._n_ramps = len(ramps.source_)
        if not self._n_ramps:
            return
        there = np.arange(counts.max()) < counts[:, None]
        self._columns = torch.as_tensor(columns, device=self._place)
        self._filled = None
        if not there.all():
            self._filled = torch.as_tensor(np.flatnonzero(there), device=self._place)

        def spread(values):
            matrix = np.ones(there.shape)
            matrix[there] = values
            return constant(matrix)

        self._slopes = Trapezoids(*map(spread, ramps.slopes_))
        self._ramp_mean = spread(ramps.mean_)


def _statistics_of(encoder):
    """Return the encoded columns that are statistics."""
    start = len(encoder.center_) + len(encoder.indicator_mean_)
    return slice(start, encoder.n_standardised)


def _no_levels(encoder, n_rows):
    return np.full((n_rows, encoder.switches_.n_switches), -1, dtype=np.int16)


def _numeric_tensor(columns, features):
    if isinstance(columns, ArrayColumns) and len(features) == columns.n_features:
        array = columns.native
        if array.dtype in (np.float32, np.float64) and min(array.strides) >= 0:
            return torch.from_numpy(np.asarray(_Writable(array)))
    return torch.from_numpy(np.array(columns.numeric(features)))


class _Writable:
    """An array for torch, which refuses those that must not be written to.

    Arrays of dataframes and of shared memory often are. Nothing here writes to it.
    """

    def __init__(self, array):
        self._owner = array
        interface = array.__array_interface__
        self.__array_interface__ = {**interface, "data": (interface["data"][0], False)}


def _encoded_batches(encoder, columns):
    """Yield the place of each batch of rows, and its encoding."""
    for batch in columns.batches(_ROWS_AT_ONCE):
        encoded, _ = encoder.transform(batch)
        yield slice(batch.first_row, batch.first_row + batch.n_rows), encoded
