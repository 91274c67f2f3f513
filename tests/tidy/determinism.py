"""Bans in deterministic code: what would make two runs of one plan differ, or stop a thread that the simulator needs.

Time, randomness and threads come in through constructors (bus/clock.h, bus/random.h). Exceptions stand in allow.txt, each with its reason.
"""

import re

import sources

DETERMINISTIC = ("bus/", "stages/", "sim/")

# A call by its plain name: not a member, not part of another name.
_PLAIN = r"(?<![\w.>:])(?:std\s*::\s*|::\s*)?"

RULES = {
    "clock": r"\b(?:system|steady|high_resolution|utc|file)_clock\s*::\s*now\b"
    r"|\b(?:gettimeofday|clock_gettime|timespec_get|localtime|localtime_r|mktime)\s*\("
    r"|" + _PLAIN + r"time\s*\(\s*(?:nullptr|NULL|0|&\s*\w+)\s*\)"
    r"|\bstd\s*::\s*(?:time|clock)\s*\("
    r"|\babsl\s*::\s*(?:Now|GetCurrentTimeNanos)\b",
    "sleep": r"\b(?:sleep|usleep|nanosleep|clock_nanosleep|sleep_for|sleep_until|SleepFor)\s*\(",
    "thread": r"\bstd\s*::\s*(?:jthread|thread|async)\b|\bpthread_create\b|\bstd\s*::\s*execution\b",
    "random": r"\brandom_device\b|\bstd\s*::\s*\w+_distribution\b|\bstd\s*::\s*(?:shuffle|random_shuffle|sample)\b"
    r"|" + _PLAIN + r"s?rand\s*\(|\bsrandom\s*\(|\b(?:default_random_engine|mt19937|mt19937_64|minstd_rand0?)\b"
    r"|\b(?:getrandom|arc4random|drand48)\b|\babsl\s*::\s*(?:Insecure)?BitGen\b",
    "environment": r"\b(?:secure_)?getenv\s*\(|\bsetenv\s*\(",
    # Their last bits differ between machines and versions of the library.
    "libm": r"#[ \t]*include[ \t]*<(?:cmath|math\.h|tgmath\.h|ctgmath|complex)>"
    r"|(?:\bstd\s*::|(?<![\w>:])::)\s*(?:pow|log|log2|log10|log1p|exp|exp2|expm1|sqrt|cbrt|hypot|a?sinh?|a?cosh?|a?tanh?|atan2|erfc?|[lt]gamma)[fl]?\s*\(",
}
_COMPILED = {rule: re.compile(pattern) for rule, pattern in RULES.items()}

# Tests of what threads share need threads, and the environment says where tests may write. The other bans hold for tests too, which else would pass
# today and fail tomorrow.
_ONLY_IN_PRODUCTION = {"environment", "thread"}

_UNORDERED = re.compile(r"\b(?:std\s*::\s*unordered_(?:multi)?(?:map|set)|absl\s*::\s*(?:flat|node)_hash_(?:map|set))\s*<")
_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+"([^"]+)"', re.MULTILINE)


def is_deterministic(path):
    return path.startswith(DETERMINISTIC) and path.endswith((".h", ".cc"))


def _is_test(path):
    return re.search(r"_(test|testing|benchmark|bench)\.(h|cc)$", path) is not None


def _after_template(code, at):
    """The index behind the '>' that closes the '<' before at."""
    depth = 1
    while at < len(code) and depth > 0:
        if code[at] == "<":
            depth += 1
        elif code[at] == ">" and code[at - 1] != "-":
            depth -= 1
        at += 1
    return at


def unordered_names(code):
    """Names of variables, members and parameters declared with an unordered container, also through a local alias."""
    names, aliases = set(), set()
    for match in _UNORDERED.finditer(code):
        rest = code[_after_template(code, match.end()) :]
        alias = re.search(r"using\s+(\w+)\s*=\s*$", code[: match.start()])
        if alias:
            aliases.add(alias.group(1))
            continue
        name = re.match(r"\s*(?:const\b\s*)?[&*]*\s*(\w+)\s*[;={(,)\[]", rest)
        if name and not rest.lstrip().startswith("::"):
            names.add(name.group(1))
    for alias in aliases:
        names.update(re.findall(r"\b%s\b\s*(?:const\b\s*)?[&*]*\s*(\w+)\s*[;={,)]" % alias, code))
    return names - {"const", "return"}


_FOR = re.compile(r"\bfor\s*\(")
_PATH_TO_NAME = re.compile(r"^[*(\s]*(?P<owner>(?:\w+\s*(?:\.|->|::)\s*|this\s*->\s*)*)(?P<name>\w+)[)\s]*$")


def _range_expressions(code):
    """Yields (index, expression) for each range-for."""
    for match in _FOR.finditer(code):
        depth, at, colon = 1, match.end(), None
        while at < len(code) and depth > 0:
            c = code[at]
            if c in "([{":
                depth += 1
            elif c in ")]}":
                depth -= 1
            elif c == ";":
                colon = None
                break
            elif c == ":" and depth == 1 and colon is None and code[at - 1] != ":" and code[at + 1 : at + 2] != ":":
                colon = at + 1
            at += 1
        if colon is not None:
            yield match.start(), code[colon : at - 1]


def _iterations(code, own, foreign):
    """Indices where an unordered container is walked: `own` names anywhere, `foreign` ones (of included headers) only as members."""
    for index, expression in _range_expressions(code):
        path = _PATH_TO_NAME.match(expression)
        if path and (path.group("name") in own or (path.group("owner") and path.group("name") in foreign)):
            yield index
    for match in re.finditer(r"(\w+\s*(?:\.|->)\s*)?\b(\w+)\s*(?:\.|->)\s*c?begin\s*\(\s*\)", code):
        if match.group(2) in own or (match.group(1) and match.group(2) in foreign):
            yield match.start()


def check(path, text, read_header):
    """Yields (line, rule, what) for a deterministic file. `read_header(path)` gives the text of a project header, or None."""
    code = sources.code_only(text)
    for rule, pattern in _COMPILED.items():
        if rule in _ONLY_IN_PRODUCTION and _is_test(path):
            continue
        for match in pattern.finditer(code):
            yield sources.line_of(code, match.start()), rule, " ".join(match.group(0).split())
    own, foreign = unordered_names(code), set()
    stem = re.sub(r"(_test)?\.(cc|h)$", "", path)
    # Includes are literals, which `code` has blanked.
    for header in _INCLUDE.findall(text):
        header_text = read_header(header)
        if header_text is None:
            continue
        names = unordered_names(sources.code_only(header_text))
        if header == stem + ".h":
            own |= names
        else:
            foreign |= names
    for index in _iterations(code, own, foreign):
        yield sources.line_of(code, index), "unordered", "iteration over an unordered container"
