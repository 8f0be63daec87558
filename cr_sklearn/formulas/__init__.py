"""Formulas that training, prediction and export share, each written once.

Every function takes an array namespace ``xp`` first: :mod:`._numpy`, :mod:`._torch`, or
the ONNX graph of :mod:`cr_sklearn.export`. Nothing here imports torch but
:mod:`._torch`.
"""
