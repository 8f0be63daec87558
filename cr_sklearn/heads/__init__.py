"""Kinds of targets, an object each: everything in which estimators differ."""
