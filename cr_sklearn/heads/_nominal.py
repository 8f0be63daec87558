"""Classes without an order."""

import numpy as np
from scipy.special import softmax

from cr_sklearn.heads._labels import LabelHead

# Of the iteration that gives classes their shares, which converges linearly.
_MAX_SHIFTS, _SHIFT_TOLERANCE = 200, 1e-9


class NominalHead(LabelHead):
    """Cross-entropy of logits: one for two classes, else one for each class."""

    def output_layer(self, target, weight):
        return {"n_outputs": 1 if self._is_binary else len(self.labels)}

    def shares(self, target):
        codes = [1] if self._is_binary else np.arange(len(self.labels))
        return (target[:, None] == codes).astype(float)

    def make_criterion(self):
        from cr_sklearn.nn import CrossEntropy

        return CrossEntropy()

    def contrast(self, xp, by_output):
        r"""Compare logits with each other: what they have in common changes nothing.

        .. math:: \sqrt{2} \Big( g_k - \frac{1}{K} \sum_l g_l \Big), \qquad
                  \lVert \cdot \rVert^2
                  = \frac{2}{K} \sum_{k < l} \lVert g_k - g_l \rVert^2

        Of two classes it is the change of the one difference of logits.
        """
        if self._is_binary:
            return by_output
        mean = xp.expand_dims(xp.sum_(by_output, 1), 1) / float(len(self.labels))
        return np.sqrt(2.0) * (by_output - mean)

    def shift(self, outputs, weight, shares):
        weight, shares = weight / weight.sum(), shares / shares.sum()
        is_binary = outputs.shape[1] == 1
        logits = np.pad(outputs, ((0, 0), (1, 0))) if is_binary else outputs
        shift = np.zeros(logits.shape[1])
        for _ in range(_MAX_SHIFTS):
            step = np.log(shares / (weight @ softmax(logits + shift, axis=1)))
            shift += step
            if np.abs(step).max() < _SHIFT_TOLERANCE:
                break
        return shift[1:] - shift[0] if is_binary else shift

    def codes(self, xp, outputs):
        if self._is_binary:
            return xp.as_integer(outputs[:, 0] > 0.0)
        return xp.argmax(outputs, axis=1)

    def probabilities(self, xp, outputs):
        if self._is_binary:
            return xp.sigmoid(xp.concat([-outputs, outputs], axis=1))
        return xp.softmax(outputs, axis=1)

    def probability_jacobian(self, outputs, jacobian):
        probabilities = self.predict_proba(outputs)
        if self._is_binary:
            jacobian = np.concatenate([-jacobian, jacobian], axis=1)
            return probabilities.prod(axis=1)[:, None, None] * jacobian
        mean = np.einsum("nk,nki->ni", probabilities, jacobian)
        return probabilities[:, :, None] * (jacobian - mean[:, None])

    @property
    def latent_name(self):
        """Name of the outputs in a figure."""
        return f"log-odds of {self.classes[1]}" if self._is_binary else "logits"

    @property
    def _is_binary(self):
        return len(self.labels) == 2
