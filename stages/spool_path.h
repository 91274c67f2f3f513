// Where FolderSpool (stages/spool.h) keeps a body, for whoever looks for it later.
#ifndef MILLRACE_STAGES_SPOOL_PATH_H_
#define MILLRACE_STAGES_SPOOL_PATH_H_

#include <string>
#include <string_view>

namespace millrace::stages {

std::string SpoolPath(const std::string& folder, std::string_view id);

}  // namespace millrace::stages

#endif  // MILLRACE_STAGES_SPOOL_PATH_H_
