#include "stages/durable_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

#include "absl/strings/str_cat.h"

namespace millrace::stages {
namespace {

absl::Status WriteAll(int fd, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t wrote = write(fd, bytes.data(), bytes.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return ErrnoStatus(errno, absl::StrCat("cannot write to ", path));
    bytes.remove_prefix(static_cast<size_t>(wrote));
  }
  return absl::OkStatus();
}

// A new name is durable only when its folder is.
absl::Status SyncFolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  const int fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return ErrnoStatus(errno, absl::StrCat("cannot open the folder ", folder));
  const int result = fsync(fd);
  const int error = errno;
  close(fd);
  // Some file systems have no fsync for folders, and say so with EINVAL: there is nothing more to be done on them.
  if (result != 0 && error != EINVAL) return ErrnoStatus(error, absl::StrCat("cannot sync the folder ", folder));
  return absl::OkStatus();
}

}  // namespace

absl::Status ErrnoStatus(int error, std::string_view doing) {
  const std::string message = absl::StrCat(absl::string_view(doing.data(), doing.size()), ": ", strerror(error));
  switch (error) {
    case ENOENT:
      return absl::NotFoundError(message);
    case EACCES:
    case EPERM:
    case EROFS:
      return absl::PermissionDeniedError(message);
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return absl::ResourceExhaustedError(message);
    case EISDIR:
    case ENOTDIR:
    case ENAMETOOLONG:
    case ELOOP:
      return absl::InvalidArgumentError(message);
    default:
      return absl::UnavailableError(message);
  }
}

absl::StatusOr<std::unique_ptr<AppendFile>> AppendFile::Open(const std::string& path) {
  const bool is_new = access(path.c_str(), F_OK) != 0;
  const int fd = open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return ErrnoStatus(errno, absl::StrCat("cannot open ", path, " for writing"));
  std::unique_ptr<AppendFile> file(new AppendFile(fd, path));
  if (is_new) {
    if (absl::Status synced = SyncFolderOf(path); !synced.ok()) return synced;
  }
  return file;
}

AppendFile::~AppendFile() { close(fd_); }

absl::Status AppendFile::Write(std::string_view bytes) { return WriteAll(fd_, bytes, path_); }

absl::Status AppendFile::Sync() {
  if (fdatasync(fd_) != 0) return ErrnoStatus(errno, absl::StrCat("cannot sync ", path_));
  return absl::OkStatus();
}

absl::Status AppendFile::Truncate(uint64_t size) {
  if (ftruncate(fd_, static_cast<off_t>(size)) != 0) return ErrnoStatus(errno, absl::StrCat("cannot cut ", path_));
  return absl::OkStatus();
}

absl::Status WriteFileAtomically(const std::string& path, std::string_view bytes) {
  const std::string temporary = path + ".new";
  const int fd = open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return ErrnoStatus(errno, absl::StrCat("cannot open ", temporary, " for writing"));
  absl::Status status = WriteAll(fd, bytes, temporary);
  if (status.ok() && fsync(fd) != 0) status = ErrnoStatus(errno, absl::StrCat("cannot sync ", temporary));
  if (close(fd) != 0 && status.ok()) status = ErrnoStatus(errno, absl::StrCat("cannot close ", temporary));
  if (status.ok() && rename(temporary.c_str(), path.c_str()) != 0) {
    status = ErrnoStatus(errno, absl::StrCat("cannot put ", temporary, " in the place of ", path));
  }
  if (!status.ok()) {
    unlink(temporary.c_str());
    return status;
  }
  return SyncFolderOf(path);
}

absl::Status RemoveFile(const std::string& path) {
  if (unlink(path.c_str()) == 0 || errno == ENOENT) return absl::OkStatus();
  return ErrnoStatus(errno, absl::StrCat("cannot remove ", path));
}

absl::StatusOr<std::string> ReadWholeFile(const std::string& path, size_t bytes_max) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return ErrnoStatus(errno, absl::StrCat("cannot open ", path));
  std::string bytes;
  absl::Status status;
  char chunk[16384];
  while (true) {
    const ssize_t got = read(fd, chunk, sizeof chunk);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) status = ErrnoStatus(errno, absl::StrCat("cannot read ", path));
    if (got <= 0) break;
    bytes.append(chunk, static_cast<size_t>(got));
    if (bytes.size() > bytes_max) {
      status = absl::InvalidArgumentError(
          absl::StrCat(path, " is longer than the ", bytes_max, " bytes that such a file can have"));
      break;
    }
  }
  close(fd);
  if (!status.ok()) return status;
  return bytes;
}

absl::StatusOr<std::unique_ptr<FileLock>> FileLock::Take(const std::string& path) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return ErrnoStatus(errno, absl::StrCat("cannot open the lock ", path));
  std::unique_ptr<FileLock> lock(new FileLock(fd));
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return ErrnoStatus(errno, absl::StrCat("cannot lock ", path));
    char holder[32] = {};
    const ssize_t got = pread(fd, holder, sizeof holder - 1, 0);
    std::string pid(holder, got > 0 ? static_cast<size_t>(got) : 0);
    while (!pid.empty() && pid.back() == '\n') pid.pop_back();
    return absl::FailedPreconditionError(absl::StrCat("another run, process ", pid.empty() ? "unknown" : pid,
                                                      ", is using this folder (it holds ", path,
                                                      "): wait for it to end, or give this run a folder of its own"));
  }
  // For the message above; the lock holds without it, so that a full disk must not fail it.
  const std::string pid = absl::StrCat(getpid(), "\n");
  if (ftruncate(fd, 0) == 0 && pwrite(fd, pid.data(), pid.size(), 0) < 0) return lock;
  return lock;
}

FileLock::~FileLock() { close(fd_); }

}  // namespace millrace::stages
