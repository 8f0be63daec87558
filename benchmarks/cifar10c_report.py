from typing import NamedTuple
class Result(NamedTuple):
    rows: object
