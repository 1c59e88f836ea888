"""The receipt a customer gets."""

from shop.store import Order


def money(cents: int) -> str:
    """Format cents, for example 123456 as 1,234.56 EUR."""
    return f"{cents // 100:,}.{cents % 100:02d} EUR"


def render(order: Order) -> str:
    """Write the receipt of an order as plain text."""
    lines = [
        f"Order {order.id}",
        f"{order.quantity} x {order.sku}: {money(order.net_cents)}",
    ]
    if order.discount_cents:
        lines.append(f"Discount: -{money(order.discount_cents)}")
    lines.append(f"VAT: {money(order.vat_cents)}")
    lines.append(f"Total: {money(order.total_cents)}")
    return "\n".join(lines) + "\n"
