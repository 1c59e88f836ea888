from pathlib import Path


def test_system_package() -> None:
    assert Path("/etc/system-package").read_text() == "installed\n"
    assert Path.cwd() == Path("/srv")
