#!/usr/bin/env bash
# Runs a command without address space randomisation, where that is allowed. GCC 12's thread sanitizer does not start where the kernel moves
# mappings by more than 28 bits (vm.mmap_rnd_bits), as newer kernels do by default; containers may forbid to turn it off, and then rarely need to.
if setarch --addr-no-randomize true 2>/dev/null; then exec setarch --addr-no-randomize "$@"; fi
exec "$@"
