// The program around a pipeline's stages that only simulates: it links no client of any broker. `millrace_pipeline`
// (ops/pipeline.bzl) writes the main that calls it, for fault tests.
//
// Returns the exit code. `default_config`: the runfiles path of the pipeline that is meant where none is given, or
// empty. `next_registrars`: as for MillraceMain (ops/main.h).
#ifndef MILLRACE_OPS_SIM_MAIN_H_
#define MILLRACE_OPS_SIM_MAIN_H_

#include <string_view>
#include <vector>

#include "stages/registry.h"

namespace millrace::ops {

int SimMain(int argc, char** argv, const std::vector<stages::Registrar>& registrars, std::string_view default_config,
            const std::vector<stages::Registrar>& next_registrars = {});

}  // namespace millrace::ops

#endif  // MILLRACE_OPS_SIM_MAIN_H_
