"""What is read from callgrind's files, written out here as it writes them."""

import unittest

from callgrind import Profile

# main calls publish twice and wait once; publish calls encode. Names are numbers from their second mention on.
FILE = """# callgrind format
version: 1
positions: line
events: Ir
summary: 190

fl=(1) main.cc
fn=(1) main(int, char**)
10 5
+2 15
cfi=(2) peer.cc
cfn=(2) Peer::Publish(int)
calls=2 40
* 120
cfn=(3) Peer::Wait()
calls=1 60
-1 50

fl=(2)
fn=(2)
40 60
cfn=(4) Encode(int)
calls=2 70
41 60

fn=(4)
70 60

fn=(3)
60 50
"""


class CallgrindTest(unittest.TestCase):
    def setUp(self):
        self.profile = Profile(FILE.splitlines(keepends=True))

    def test_total_is_what_functions_do_themselves(self):
        self.assertEqual(self.profile.total, 190)
        self.assertEqual(self.profile.own["main(int, char**)"], 20)
        self.assertEqual(self.profile.own["Encode(int)"], 60)

    def test_inside_a_function_is_all_that_it_calls(self):
        self.assertEqual(self.profile.inside("Peer::Publish"), 120)
        self.assertEqual(self.profile.inside("Encode"), 60)
        self.assertEqual(self.profile.inside("Peer::Publish", "Peer::Wait"), 170)

    def test_nothing_is_counted_twice(self):
        self.assertEqual(self.profile.inside("Peer::Publish", "Encode"), 120)

    def test_what_is_not_called_costs_nothing(self):
        self.assertEqual(self.profile.inside("Peer::Settle"), 0)


if __name__ == "__main__":
    unittest.main()
