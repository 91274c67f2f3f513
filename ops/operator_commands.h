// The commands for operators; see ops/program.h.
#ifndef MILLRACE_OPS_OPERATOR_COMMANDS_H_
#define MILLRACE_OPS_OPERATOR_COMMANDS_H_

#include "ops/program.h"

namespace millrace::ops {

void AddTopologyCommand(const Program& program, CLI::App& app, int* exit_code);
void AddLagCommand(const Program& program, CLI::App& app, int* exit_code);
void AddDlqCommand(const Program& program, CLI::App& app, int* exit_code);
void AddOffsetsCommand(const Program& program, CLI::App& app, int* exit_code);
void AddJudgeCommand(const Program& program, CLI::App& app, int* exit_code);

}  // namespace millrace::ops

#endif  // MILLRACE_OPS_OPERATOR_COMMANDS_H_
