// The program around a pipeline's stages: every command, for whatever registrars it is given. `millrace_pipeline`
// (ops/pipeline.bzl) writes the main that calls it.
//
//   int main(int argc, char** argv) {
//     return millrace::ops::MillraceMain(argc, argv, {{&orders::RegisterStages}}, "orders/orders.textproto");
//   }
//
// Returns the exit code. `default_config`: the runfiles path of the pipeline that is meant where none is given, or
// empty. `next_registrars`: those of the next version of the stages, for simulated deployments (sim's new-version); nothing
// else uses them.
#ifndef MILLRACE_OPS_MAIN_H_
#define MILLRACE_OPS_MAIN_H_

#include <string_view>
#include <vector>

#include "stages/registry.h"

namespace millrace::ops {

int MillraceMain(int argc, char** argv, const std::vector<stages::Registrar>& registrars,
                 std::string_view default_config, const std::vector<stages::Registrar>& next_registrars = {});

}  // namespace millrace::ops

#endif  // MILLRACE_OPS_MAIN_H_
