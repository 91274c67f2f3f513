"""What the architecture queries start from: targets that together reach every package of their layer. layers_test.py says what is missing."""

ROOTS = {
    "bus": [
        "//bus",
        "//bus/kafka",
        "//bus/memory:memory_bus",
        "//bus/rabbitmq",
    ],
    "fault_test": [
        "//ops:sim_main",
        "//tests/example:one_sim",
    ],
    "property": [
        "//stages/property:register",
    ],
    "sim": [
        "//sim/guard",
        "//sim/guard:interpose",
        "//sim/mutants:planted_main",
        "//sim/observed:observation",
        "//sim/report:page",
        "//sim/report:words",
        "//sim/story",
        "//sim:simulator",
        "//sim/testing:ledger_port",
    ],
    "stages": [
        "//stages:feeder",
        "//stages:instance",
        "//stages:pipeline",
        "//stages:recording",
        "//stages:stage",
        "//stages:worker",
    ],
}
