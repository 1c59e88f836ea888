def euros(amount: int) -> str:
    return f"{amount} EUR"
