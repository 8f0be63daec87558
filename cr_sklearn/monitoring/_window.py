"""Window of the latest rows, as counts."""

# A window is this many pieces, so that it takes the same memory for rows one by one.
_N_PIECES = 20


class Window:
    """The latest rows, at least so many once they have come.

    Parameters
    ----------
    pieces : list of Counts
        From old to new.
    """

    def __init__(self, pieces):
        self.pieces = pieces

    def add(self, counts, size):
        """Put rows into the window and older ones out of it.

        Parameters
        ----------
        counts : Counts
        size : int or None
            Rows that stay, at least. None: those that came last.
        """
        if size is None:
            self.pieces = [counts]
            return
        pieces = list(self.pieces)
        if pieces and pieces[-1].n_rows * _N_PIECES < size:
            counts = pieces.pop() + counts
        pieces.append(counts)
        n_rows = sum(piece.n_rows for piece in pieces)
        while n_rows - pieces[0].n_rows >= size:
            n_rows -= pieces.pop(0).n_rows
        self.pieces = pieces
