"""The search for a DREG strength: candidates, inner folds, stacking out of fold."""
