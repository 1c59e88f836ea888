import unittest


class Api(unittest.TestCase):
    def test_sum(self) -> None:
        self.assertEqual(1 + 2, 3)
