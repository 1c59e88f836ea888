"""What is left on the shelf."""

REORDER_BELOW = 5


class OutOfStock(Exception):
    """Raised when more is ordered than is there."""

    def __init__(self, available: int, wanted: int) -> None:
        super().__init__(f"only {available} left, {wanted} wanted")


def reserve(available: int, wanted: int) -> int:
    """Take a quantity off the shelf and return what remains."""
    if wanted < 1:
        raise ValueError(f"quantity must be at least 1, got {wanted}")
    if wanted > available:
        raise OutOfStock(available, wanted)
    return available - wanted


def needs_reorder(available: int) -> bool:
    """Tell whether the buyers should order more."""
    return available < REORDER_BELOW
