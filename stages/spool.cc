#include "stages/spool.h"

#include <sys/stat.h>

#include <cerrno>

#include "bus/digest.h"
#include "stages/durable_file.h"
#include "stages/spool_path.h"

namespace millrace::stages {

absl::Status FolderSpool::Keep(std::string_view id, std::string_view body) {
  if (mkdir(folder_.c_str(), 0777) != 0 && errno != EEXIST)
    return ErrnoStatus(errno, "cannot make the folder " + folder_);
  return WriteFileAtomically(SpoolPath(folder_, id), body);
}

std::string SpoolPath(const std::string& folder, std::string_view id) {
  char name[32];
  bus::WriteHex(bus::DigestOf(id), name);
  return folder + "/" + std::string(name, sizeof(name)) + ".body";
}

}  // namespace millrace::stages
