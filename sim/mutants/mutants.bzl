"""Programs with one bug each, planted in production sources."""

load("@rules_cc//cc:defs.bzl", "cc_binary")

def planted_bug(name, sources, seeds_max = 2000):
    """A program that has the bug of `name`.edit, and a test that seeds find it.

    The edited sources are objects of the program itself, so that the linker takes them and never the archives' members of the same name: where it
    took both, it would complain of what is defined twice.

    Args:
      name: of the edit file, without its ending.
      sources: labels of the production sources (.cc) that it edits.
      seeds_max: how many seeds the test may try.
    """
    paths = [source[len("//"):].replace(":", "/") for source in sources]
    edited = [name + ".edited/" + path for path in paths]
    description = name + ".edited/planted_bug.cc"
    native.genrule(
        name = name + "_edited",
        testonly = True,
        srcs = [name + ".edit"] + sources,
        outs = edited + [description],
        cmd = "python3 $(execpath plant.py) $(execpath {name}.edit) $(RULEDIR)/{name}.edited --bug $(execpath {description}) {sources}".format(
            name = name,
            description = description,
            sources = " ".join(["{}=$(execpath {})".format(path, source) for path, source in zip(paths, sources)]),
        ),
        tools = ["plant.py"],
    )
    cc_binary(
        name = name,
        testonly = True,
        srcs = edited + [description],
        data = [":pipelines"],
        # Edited sources include headers that are private to their libraries.
        features = ["-layering_check"],
        visibility = ["//ops:__pkg__"],
        deps = [":planted_main"],
    )
    native.sh_test(
        name = name + "_test",
        size = "medium",
        srcs = ["planted_test.sh"],
        args = [
            "$(rootpath {})".format(name),
            "--seeds_max",
            str(seeds_max),
            "--shrink",
            "0",
        ],
        data = [name],
    )
