"""Each check finds what is planted for it, and leaves alone what only looks alike. A check that cannot fail is none."""

import os
import tempfile
import unittest

import determinism
import sources
import style
import tidy

# What must be found, by rule; each line is planted into a deterministic source by itself.
PLANTED = {
    "clock": [
        "auto t = std::chrono::system_clock::now();",
        "auto t = std::chrono::steady_clock :: now();",
        "using C = std::chrono::high_resolution_clock; auto t = std::chrono::high_resolution_clock::now();",
        "time_t t = time(nullptr);",
        "time_t t = std::time(nullptr);",
        "time_t t = ::time(&t);",
        "gettimeofday(&tv, nullptr);",
        "clock_gettime(CLOCK_MONOTONIC, &ts);",
        "auto t = absl::Now();",
        "auto c = std::clock();",
    ],
    "sleep": [
        "sleep(1);",
        "usleep(10);",
        "nanosleep(&ts, nullptr);",
        "std::this_thread::sleep_for(d);",
        "std::this_thread::sleep_until(t);",
        "absl::SleepFor(d);",
    ],
    "thread": [
        "std::thread t(f);",
        "std::jthread t(f);",
        "auto r = std::async(f);",
        "pthread_create(&t, nullptr, f, nullptr);",
        "std::sort(std::execution::par, a, b);",
    ],
    "random": [
        "std::random_device d;",
        "int x = rand() % 6;",
        "int x = std::rand();",
        "srand(1);",
        "std::uniform_int_distribution<int> d(0, 5);",
        "std::normal_distribution<> d;",
        "std::shuffle(v.begin(), v.end(), g);",
        "std::mt19937 g(1);",
        "absl::BitGen g;",
    ],
    "environment": [
        'const char* home = getenv("HOME");',
        'const char* home = std::getenv("HOME");',
    ],
    "libm": [
        "#include <cmath>",
        "# include <math.h>",
        "double x = std::pow(a, 0.75);",
        "double x = std::log(a) + b;",
        "float x = std :: expf (a);",
        "double x = ::sqrt(a);",
        "double x = std::atan2(a, b);",
    ],
    "unordered": [
        "std::unordered_map<int, int> m; for (const auto& [k, v] : m) f(k);",
        "std::unordered_set<std::string> names_; for (auto& n : this->names_) f(n);",
        "void f(const std::unordered_map<int, std::vector<int>>& m) { for (auto& e : m) g(e); }",
        "std::unordered_map<int, std::map<int, int>> m{}; for (auto it = m.begin(); it != m.end(); ++it) f(*it);",
        "absl::flat_hash_map<int, int> m; for (auto e : m) f(e);",
        "using Index = std::unordered_map<int, int>; Index index; for (auto e : index) f(e);",
        "struct S { std::unordered_set<int> s; }; void f(S* x) { for (int i : x->s) g(i); }",
        "std::unordered_map<int, int> a_, b_; std::vector<int> v(a_.cbegin(), a_.cend());",
    ],
}

# What looks like one and is none.
INNOCENT = [
    "// system_clock::now() is banned here, and so are sleep(1) and std::thread",
    "/* rand() */ int strand(int); int x = strand(1);",
    'f("getenv(HOME) time(nullptr) std::async");',
    'const char* s = R"(std::thread t; sleep(1);)";',
    "MonotonicTime t = clock.Now();",
    "auto t = envelope.time(); auto u = record.time(0);",
    "Random random(7); random.Bits(1, {});",
    "LogPartition log(pool); b.log(1); Power::exp(2); x = std::min(a, b); std::expected(1); std::abs(-1);",
    "// std::pow(x, y) is banned here, and so is <cmath>",
    "int64_t operand(int); x = operand(2); y = brand(3);",
    "ThreadPool thread(2); // a std::mutex is fine",
    "std::map<int, int> m; for (auto& e : m) f(e);",
    "std::unordered_map<int, int> m; auto it = m.find(1); if (it != m.end()) f(it->second);",
    "std::unordered_map<int, int> m; for (int i = 0; i < 3; ++i) m[i] = i;",
    "std::unordered_map<int, int> m; std::vector<int> v; for (int i : v) f(m.at(i));",
    "int million = 1'000'000; char c = '\"'; for (auto& e : vector) f(e);",
    "std::vector<std::unordered_map<int, int>> maps; for (auto& e : list) f(e);",
]


def rules_in(path, text, headers=None):
    return {rule for _, rule, _ in determinism.check(path, text, (headers or {}).get)}


class DeterminismTest(unittest.TestCase):
    def test_finds_what_is_planted(self):
        self.assertEqual(set(PLANTED), set(determinism.RULES) | {"unordered"}, "every rule has plants")
        for rule, lines in PLANTED.items():
            for line in lines:
                with self.subTest(rule=rule, line=line):
                    self.assertEqual(rules_in("bus/x.cc", "int a;\n" + line + "\n"), {rule})

    def test_leaves_the_innocent_alone(self):
        for line in INNOCENT:
            with self.subTest(line=line):
                self.assertEqual(rules_in("stages/x.cc", line + "\n"), set())

    def test_tests_may_use_threads_and_their_folder_but_not_sleep(self):
        self.assertEqual(rules_in("bus/x_test.cc", 'std::thread t(f); std::getenv("TEST_TMPDIR");\n'), set())
        self.assertEqual(rules_in("bus/x_test.cc", "std::this_thread::sleep_for(d);\n"), {"sleep"})

    def test_members_declared_in_headers(self):
        walk = "void X::F() { for (auto& e : members_) f(e); }\n"
        header = {"bus/x.h": "class X { std::unordered_map<int, int> members_; };\n"}
        self.assertEqual(rules_in("bus/x.cc", '#include "bus/x.h"\n' + walk, header), {"unordered"})
        # A name of another header counts where it is reached through an object, not where it stands alone and is another thing.
        other = {"bus/y.h": "struct Y { std::unordered_map<int, int> members_; };\n"}
        self.assertEqual(rules_in("bus/x.cc", '#include "bus/y.h"\n' + walk, other), set())
        through = "void F(Y& y) { for (auto& e : y.members_) f(e); }\n"
        self.assertEqual(rules_in("bus/x.cc", '#include "bus/y.h"\n' + through, other), {"unordered"})

    def test_lines_are_right(self):
        text = '/* two\nlines */ auto s = R"(\n\n)";\nsleep(1);\n'
        self.assertEqual([line for line, _, _ in determinism.check("bus/x.cc", text, {}.get)], [5])

    def test_scope(self):
        for path in ("bus/a.cc", "bus/memory/b.h", "stages/property/c.cc", "sim/d.h"):
            self.assertTrue(determinism.is_deterministic(path), path)
        for path in ("ops/main.cc", "tests/x.cc", "bus/BUILD", "stages/a.proto"):
            self.assertFalse(determinism.is_deterministic(path), path)


class StyleTest(unittest.TestCase):
    def rules(self, check):
        return [rule for _, rule, _ in check]

    def test_text(self):
        self.assertEqual(self.rules(style.check_text("a", "fine\n")), [])
        self.assertEqual(self.rules(style.check_text("a", "")), [])
        self.assertEqual(self.rules(style.check_text("a", "x")), ["newline"])
        self.assertEqual(self.rules(style.check_text("a", "x\n\n")), ["newline"])
        self.assertEqual(self.rules(style.check_text("a", "x\r\n")), ["newline"])
        self.assertEqual(self.rules(style.check_text("a", "x \n")), ["space"])
        self.assertEqual(self.rules(style.check_text("a", "\tx\n")), ["tab"])
        self.assertEqual(self.rules(style.check_text("a", "\udcff\n")), ["utf8"])
        self.assertEqual(self.rules(style.check_text("a", "// TO" + "DO: later\n")), ["unfinished"])

    def test_guard(self):
        guarded = "#ifndef MILLRACE_BUS_A_B_H_\n#define MILLRACE_BUS_A_B_H_\n#endif  // MILLRACE_BUS_A_B_H_\n"
        self.assertEqual(self.rules(style.check_guard("bus/a-b.h", guarded)), [])
        self.assertEqual(len(self.rules(style.check_guard("bus/other.h", guarded))), 3)

    def test_build(self):
        self.assertEqual(self.rules(style.check_build("BUILD", 'a(\n    b = [\n        "c",\n    ],\n)\n')), [])
        self.assertEqual(self.rules(style.check_build("BUILD", 'a(\n    b = "c" +\n          "d",\n)\n')), [])
        self.assertEqual(self.rules(style.check_build("BUILD", "a(\n  b = 1,\n)\n")), ["indent"])

    def test_data_is_not_text(self):
        self.assertTrue(style.is_text("bus/a.md", ""))
        self.assertFalse(style.is_text("stages/property/data/a.md", ""))


GOOD_HEADER = """// Says what it is; see docs/there.md.
#ifndef MILLRACE_BUS_GOOD_H_
#define MILLRACE_BUS_GOOD_H_

int Good();

#endif  // MILLRACE_BUS_GOOD_H_
"""


class TreeTest(unittest.TestCase):
    """The checks as a whole, over trees of files."""

    def wrong(self, files):
        with tempfile.TemporaryDirectory() as root:
            for path, text in files.items():
                os.makedirs(os.path.join(root, os.path.dirname(path)), exist_ok=True)
                with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                    file.write(text)
            return tidy.check_tree(root)

    def good(self):
        return {
            "bus/good.h": GOOD_HEADER,
            "docs/there.md": "See [the header](../bus/good.h#top) and [elsewhere](https://example.com/x).\n",
            "README.md": "Start in `bus/good.h`, then `bus/*.h`, `//bus:good`, `//bus/...`, run `ops/run --out docs/there.md`.\n",
            "ops/run": "#!/usr/bin/env bash\necho fine\n",
            ".clang-format": "BasedOnStyle: Google\nColumnLimit: 120\n",
            "out/left/over.h": "\tnot ours",
            "bazel-out/generated.h": "\tnot ours",
        }

    def test_a_good_tree(self):
        self.assertEqual(self.wrong(self.good()), [])

    def test_planted_files(self):
        planted = {
            "guard": {"bus/bad.h": "int Bad();\n"},
            "format": {"ops/bad.cc": "int   Bad( ) ;\n"},
            "path": {"ARCHITECTURE.md": "Read `bus/missing.h`.\n"},
            "link": {"docs/bad.md": "[gone](gone.md)\n"},
            "bash": {"ops/bad": "#!/bin/bash\nif true; then\n"},
            "sleep": {"sim/bad.cc": "void F() { sleep(1); }\n"},
            "abseil-lock": {"ops/bad.cc": "void F() { absl::MutexLock l(&m); }\n"},
            "newline": {"bus/BUILD": "x = 1"},
            "indent": {"bus/BUILD": "x(\n  y = 1,\n)\n"},
        }
        for rule, files in planted.items():
            with self.subTest(rule=rule):
                wrong = self.wrong({**self.good(), **files})
                self.assertGreater(len(wrong), 0)
                for line in wrong:
                    self.assertIn(f"[{rule}]", line)

    def test_every_kind_of_path_in_documents(self):
        for text in ("`bus/gone.h`", "`//gone/...`", "`//gone:target`", "`bus/gone/*.h`", "`docs/gone/`", "`ops/gone --flag`"):
            with self.subTest(text=text):
                wrong = self.wrong({**self.good(), "README.md": text + "\n", "bus/other/keep": ""})
                self.assertEqual(len(wrong), 1, wrong)
                self.assertIn("[path]", wrong[0])

    def test_comments_name_what_exists(self):
        header = GOOD_HEADER.replace("docs/there.md", "docs/gone.md")
        wrong = self.wrong({**self.good(), "bus/good.h": header})
        self.assertEqual(wrong, ["bus/good.h:1: [path] docs/gone.md does not exist"])

    def test_allow_list(self):
        bad = {**self.good(), "bus/memory/face.cc": "void F() { sleep(1); }\n"}
        self.assertEqual(len(self.wrong(bad)), 1)
        allow = "# a comment\n\nbus/memory/face.*: sleep: it is the thread-safe face\n"
        self.assertEqual(self.wrong({**bad, tidy.ALLOW_LIST: allow}), [])

    def test_allowances_need_a_use_and_a_reason(self):
        for line in ("bus/*: sleep: nothing sleeps\n", "bus/*: sleep:\n", "bus/* sleep\n"):
            with self.subTest(line=line):
                wrong = self.wrong({**self.good(), tidy.ALLOW_LIST: line})
                self.assertEqual(len(wrong), 1, wrong)
                self.assertIn("[allow]", wrong[0])

    def test_walk_is_complete_and_ordered(self):
        with tempfile.TemporaryDirectory() as root:
            for path in ("b/c.h", "b/a.h", "a.h", ".git/config", ".ci/run"):
                os.makedirs(os.path.join(root, os.path.dirname(path)), exist_ok=True)
                open(os.path.join(root, path), "w", encoding="utf-8").close()
            self.assertEqual(list(sources.walk(root)), ["a.h", ".ci/run", "b/a.h", "b/c.h"])


if __name__ == "__main__":
    unittest.main()
