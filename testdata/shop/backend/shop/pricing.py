"""What an order costs. All amounts are whole cents: floats lose them."""

from dataclasses import dataclass

# (from this quantity, percent off), best first.
BULK_DISCOUNTS = ((50, 10), (10, 5))
VAT_PERCENT = 20


@dataclass(frozen=True)
class Price:
    """The lines printed on a receipt."""

    net_cents: int
    discount_cents: int
    vat_cents: int

    @property
    def total_cents(self) -> int:
        """What the customer pays."""
        return self.net_cents - self.discount_cents + self.vat_cents


def discount_percent(quantity: int) -> int:
    """Return the bulk discount for a quantity of one product."""
    for minimum, percent in BULK_DISCOUNTS:
        if quantity >= minimum:
            return percent
    return 0


def percent_of(cents: int, percent: int) -> int:
    """Return a share of an amount, half a cent rounded up as on an invoice."""
    return (cents * percent + 50) // 100


def price(unit_cents: int, quantity: int, vat_percent: int = VAT_PERCENT) -> Price:
    """Price a quantity of one product."""
    if unit_cents < 0:
        raise ValueError(f"unit price must not be negative, got {unit_cents}")
    if quantity < 1:
        raise ValueError(f"quantity must be at least 1, got {quantity}")
    net = unit_cents * quantity
    discount = percent_of(net, discount_percent(quantity))
    return Price(net, discount, percent_of(net - discount, vat_percent))
