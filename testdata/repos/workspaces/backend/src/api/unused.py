def nobody_imports_this() -> int:
    return 1
