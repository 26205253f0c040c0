// SPDX-License-Identifier: Apache-2.0
#pragma once

// load/mapped_file: a file as read-only bytes, mapped rather than read, so that a model larger than memory
// opens at once. It knows no format; those are the other headers of this room.

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#include "byteloom/core/error.hpp"

namespace byteloom::inline v0 {

/// The bytes of one regular file, for as long as this object lives. Move-only; a move keeps the addresses.
/// The first byte is aligned to a page. The file must not be truncated meanwhile: the system answers a read
/// of a page that is gone with SIGBUS. Replace a file that is in use by renaming a new one over it.
class mapped_file {
 public:
  /// Throws load_error (with the system's reason) if the file cannot be opened, is not a regular file or
  /// cannot be mapped. An empty file gives empty bytes.
  explicit mapped_file(const std::filesystem::path& path) {
    // O_NONBLOCK: without it, opening a pipe that has no writer would wait forever.
    const descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    if (file.number < 0) fail(path, "cannot be opened", errno);
    struct ::stat status {};
    if (::fstat(file.number, &status) != 0) fail(path, "cannot be examined", errno);
    if (S_ISDIR(status.st_mode)) fail(path, "cannot be read", EISDIR);
    if (!S_ISREG(status.st_mode)) {
      throw load_error(path.string(), "", 0, "is not a regular file; copy its contents into one first.");
    }
    size_ = static_cast<std::size_t>(status.st_size);
    if (size_ == 0) return;  // mmap refuses a length of zero
    void* const address = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.number, 0);
    if (address == MAP_FAILED) fail(path, "cannot be mapped", errno);
    address_ = address;
  }

  mapped_file(mapped_file&& other) noexcept
      : address_(std::exchange(other.address_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  mapped_file& operator=(mapped_file&& other) noexcept {
    std::swap(address_, other.address_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~mapped_file() {
    if (address_ != nullptr) ::munmap(address_, size_);
  }

  std::span<const std::byte> bytes() const noexcept {
    return {static_cast<const std::byte*>(address_), size_};
  }

 private:
  struct descriptor {
    int number;
    explicit descriptor(int opened) : number(opened) {}
    descriptor(const descriptor&) = delete;
    descriptor& operator=(const descriptor&) = delete;
    ~descriptor() {
      if (number >= 0) ::close(number);
    }
  };

  [[noreturn]] static void fail(const std::filesystem::path& path, const std::string& what, int reason) {
    throw load_error(path.string(), "", 0, what + ": " + std::generic_category().message(reason) + ".");
  }

  void* address_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace byteloom::inline v0
