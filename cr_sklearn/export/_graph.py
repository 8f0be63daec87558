"""An ONNX graph that grows by one operation at a time."""

import numpy as np
from onnx import TensorProto, compose, helper, numpy_helper

# The first in which strings can be compared, and its version of the file format.
OPSET = 19
IR_VERSION = 9


class Graph:
    """Nodes and constants of a graph whose numbers are double precision.

    Parameters
    ----------
    reserved : iterable of str
        Names that inputs and outputs have and nothing else may take.

    Attributes
    ----------
    nodes : list of NodeProto
    constants : list of TensorProto
    opsets : dict of str to int
        Version of each set of operations that the nodes come from.
    """

    def __init__(self, reserved):
        self._taken = set(reserved)
        self.nodes, self.constants = [], []
        self.opsets = {"": OPSET}

    def add(self, operation, *inputs, output=None, **attributes):
        """Append a node.

        Parameters
        ----------
        operation : str
        *inputs : str or array-like
            Names of tensors, or constants.
        output : str, default=None
            Name of the result; None makes one up.
        **attributes
            Attributes of the operation.

        Returns
        -------
        str
            Name of the result.
        """
        names = [
            value if isinstance(value, str) else self.constant(value)
            for value in inputs
        ]
        output = output or self._new_name(operation)
        self.nodes.append(helper.make_node(operation, names, [output], **attributes))
        return output

    def constant(self, values):
        """Store an array and return its name."""
        values = np.asarray(values)
        name = self._new_name("constant")
        if values.dtype.kind in "OU":
            tensor = helper.make_tensor(
                name,
                TensorProto.STRING,
                values.shape,
                [value.encode("utf-8") for value in values.ravel().tolist()],
            )
        else:
            tensor = numpy_helper.from_array(values, name)
        self.constants.append(tensor)
        return name

    def include(self, model, outputs):
        """Take over the nodes of another model, whose inputs keep their names.

        Parameters
        ----------
        model : ModelProto
        outputs : str
            The one output of it that is wanted.

        Returns
        -------
        str
            The name that it has here.
        """
        prefix = f"{self._new_name('steps')}/"
        part = compose.add_prefix(model, prefix, rename_inputs=False)
        self.nodes += part.graph.node
        self.constants += part.graph.initializer
        for opset in part.opset_import:
            version = max(opset.version, self.opsets.get(opset.domain, 0))
            self.opsets[opset.domain] = version
        return prefix + outputs

    def _new_name(self, stem):
        name, number = stem, 0
        while name in self._taken:
            number += 1
            name = f"{stem}_{number}"
        self._taken.add(name)
        return name
