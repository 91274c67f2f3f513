"""What the architecture queries start from: targets that together reach every package of their layer. layers_test.py says what is missing."""

ROOTS = {
    "bus": [
        "//bus",
    ],
    "sim": [
    ],
    "stages": [
    ],
}
