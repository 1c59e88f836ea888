import iniconfig


def test_installed() -> None:
    assert iniconfig.IniConfig
