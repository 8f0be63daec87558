"""What switching a column to another of its values does to a prediction."""

import numpy as np

from cr_sklearn.encoding._levels import LevelCodes
from cr_sklearn.formulas import _numpy as xp

# Encoded values that are so near are the same.
_NEAR = 1e-9


class TwoValued:
    """Numeric columns of two values, and what switching them does.

    Attributes
    ----------
    source : ndarray of int of shape (n_pairs,)
        The user's columns.
    """

    def __init__(self, encoder, origin):
        position = encoder.two_valued_
        n_levels = 2 * len(position)
        source = origin.source[encoder.numeric_features_[position]]
        # What several columns are made of is not switched by one of them.
        given = origin.source[origin.source >= 0]
        kept = np.isin(source, given[np.bincount(given)[given] == 1])
        self.source, self._position = source[kept], position[kept]
        self._value = encoder.switches_.value[:n_levels].reshape(-1, 2)[kept]
        self._share = encoder.switches_.share[:n_levels].reshape(-1, 2)[kept]

    def switch(self, encoded, here, response):
        """Return the change to the other value and the deviation, (n, n_pairs) each.

        Parameters
        ----------
        encoded : ndarray of shape (n, n_encoded)
        here : ndarray of shape (n, k)
            Their responses.
        response : callable
            ``encoded -> (n, k)``, of which norms are taken.
        """
        change = np.empty((len(encoded), len(self.source)))
        deviation = np.empty_like(change)
        for pair, (position, values, share) in enumerate(
            zip(self._position, self._value, self._share, strict=True)
        ):
            own, moved, there = encoded[:, position], encoded.copy(), []
            for value in values:
                moved[:, position] = value
                there.append(response(moved))
            distance = np.array([np.linalg.norm(one - here, axis=1) for one in there])
            # A third value switches to both.
            weight = share[:, None] * (np.abs(own - values[:, None]) > _NEAR)
            change[:, pair] = (weight * distance).sum(axis=0) / weight.sum(axis=0)
            both = np.linalg.norm(there[1] - there[0], axis=1)
            deviation[:, pair] = np.sqrt(share.prod()) * both
        return change, deviation


class Levels:
    """Levels of categorical columns, with their frequencies in a table."""

    def __init__(self, table, max_levels):
        self._table = table
        self._max_levels = max_levels

    def switch(self, columns, feature, outputs, response, contrast):
        """Measure what the levels of a column do to the outputs.

        Parameters
        ----------
        columns : FrameColumns or ArrayColumns
            The rows.
        feature : int
        outputs : ndarray of shape (n, n_outputs)
            For the rows as they are.
        response : callable
            ``table -> outputs``.
        contrast : callable
            See :meth:`Head.contrast`.

        Returns
        -------
        change : ndarray of shape (n,)
            Mean norm of the change to another level; NaN where there is none.
        deviation : ndarray of shape (n,)
            Standard deviation over the levels.
        """
        levels, codes = self._table.factorize(feature)
        codes, rows, counts = np.unique(codes, return_index=True, return_counts=True)
        frequent = np.argsort(-counts, kind="stable")[: self._max_levels]
        row_levels, row_codes = columns.factorize(feature)
        present = LevelCodes(levels, columns.label(feature)).of(row_levels)
        present = [*(-2 if code is None else code for code in present), -1]
        present = np.array(present)[row_codes]
        change, others = np.zeros(len(outputs)), np.zeros(len(outputs))
        mean, square = np.zeros(outputs.shape), np.zeros(len(outputs))
        for code, row, share in zip(
            codes[frequent],
            rows[frequent],
            counts[frequent] / counts[frequent].sum(),
            strict=True,
        ):
            difference = response(columns.with_value(feature, self._table, row))
            difference = contrast(xp, difference - outputs)
            squares = np.einsum("nk,nk->n", difference, difference)
            mean += share * difference
            square += share * squares
            is_other = present != code
            change += share * is_other * np.sqrt(squares)
            others += share * is_other
        change = np.divide(
            change, others, out=np.full(len(outputs), np.nan), where=others > 0
        )
        variance = square - np.einsum("nk,nk->n", mean, mean)
        return change, np.sqrt(np.maximum(variance, 0.0))
