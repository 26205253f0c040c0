// SPDX-License-Identifier: Apache-2.0
#pragma once

// core/error: the exceptions that bad data raises. Each names the thing that is wrong and says what to do
// about it; after any of them the objects involved are as they were before the call, and the next call works.
// What types can show is a static_assert sentence instead.

#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>

#include "byteloom/core/config.hpp"

namespace byteloom::inline v0 {

/// Base of everything byteloom throws on purpose. what() is one sentence for a person.
class error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A value given to a call is outside what the call can honour (a temperature below zero, an empty prompt).
class argument_error : public error {
 public:
  using error::error;
};

/// Extents, strides or counts of two things do not fit each other.
class shape_error : public error {
 public:
  using error::error;
};

/// A file is not what it must be. Names the file, the item in it (a tensor, a field; may be empty) and the
/// byte offset in the file at which the fault was noticed.
class load_error : public error {
 public:
  load_error(std::string file, std::string item, std::uint64_t offset, const std::string& sentence)
      : error(file + ": " + (item.empty() ? std::string() : "'" + item + "' ") + "at byte " +
              std::to_string(offset) + ": " + sentence),
        file_(std::move(file)),
        item_(std::move(item)),
        offset_(offset) {}

  const std::string& file() const noexcept { return file_; }
  const std::string& item() const noexcept { return item_; }
  std::uint64_t offset() const noexcept { return offset_; }

 private:
  std::string file_;
  std::string item_;
  std::uint64_t offset_;
};

/// The device, its driver or its runtime refused: no GPU, one that is too old, a failed launch.
class device_error : public error {
 public:
  using error::error;
};

/// The device or the host has not enough free memory for what was asked. Nothing of the request stays
/// allocated.
class out_of_memory : public error {
 public:
  using error::error;
};

}  // namespace byteloom::inline v0
