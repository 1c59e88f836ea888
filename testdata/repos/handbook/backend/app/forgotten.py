def nobody_imports_this() -> int:
    answer = 42
    return answer
