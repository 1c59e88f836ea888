from importlib.metadata import version

from money import euros


def main() -> str:
    return f"{version('api')} costs {euros(3)}"
