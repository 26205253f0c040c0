// SPDX-License-Identifier: Apache-2.0
#pragma once

// load/safetensors_writer: writes the safetensors format (see load/safetensors.hpp), for converters and
// tests.

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "byteloom/core/element.hpp"
#include "byteloom/core/error.hpp"
#include "byteloom/core/view.hpp"
#include "byteloom/load/detail/byte_count.hpp"
#include "byteloom/load/detail/printable.hpp"
#include "byteloom/load/detail/safetensors_dtype.hpp"

namespace byteloom::inline v0 {

/// Collects tensors (it copies their bytes), then gives the file as bytes or writes it. Wide elements come
/// first, in the order of add() among equals, and the header is padded to 8 bytes: so every tensor is aligned
/// for its type.
class safetensors_writer {
 public:
  /// `bytes` are the elements, row-major and little-endian. Throws argument_error for a name that is taken,
  /// reserved or not UTF-8, and shape_error where shape and type do not ask for as many bytes as there are.
  void add(std::string name, element type, std::vector<index> shape, std::span<const std::byte> bytes) {
    if (name == detail::safetensors_metadata_key) {
      throw argument_error("safetensors_writer: the name __metadata__ is reserved; use set_metadata().");
    }
    const auto clash = std::find_if(tensors_.begin(), tensors_.end(),
                                    [&](const tensor& other) { return other.name == name; });
    if (clash != tensors_.end()) {
      throw argument_error("safetensors_writer: '" + detail::printable(name) + "' has been added already.");
    }
    if (detail::byte_count(type, shape) != bytes.size()) {
      throw shape_error("safetensors_writer: '" + detail::printable(name) + "' has " +
                        std::to_string(bytes.size()) + " bytes, which its shape and type " +
                        std::string(name_of(type)) + " do not ask for.");
    }
    quoted(name);
    tensors_.push_back({std::move(name), type, std::move(shape), {bytes.begin(), bytes.end()}});
  }

  template <element_type T>
  void add(std::string name, std::vector<index> shape, std::span<const T> values) {
    add(std::move(name), element_of<T>, std::move(shape), std::as_bytes(values));
  }

  /// Throws argument_error if either text is not UTF-8. A key that was set before gets the new value.
  void set_metadata(std::string key, std::string value) {
    quoted(key);
    quoted(value);
    metadata_[std::move(key)] = std::move(value);
  }

  /// The whole file. Throws argument_error if the header would be above the format's 100 MB.
  std::vector<std::byte> bytes() const {
    const std::vector<const tensor*> ordered = order();
    const std::string head = header(ordered);
    std::vector<std::byte> result;
    const auto put = [&result](std::span<const std::byte> part) {
      result.insert(result.end(), part.begin(), part.end());
    };
    put(std::as_bytes(std::span(head)));
    for (const tensor* const t : ordered) put(t->bytes);
    return result;
  }

  /// Writes beside `path`, then renames: a file that was there, and maps of it, stay whole until the new one
  /// is. Throws error with the system's reason; nothing is left behind then.
  void save(const std::filesystem::path& path) const {
    const std::vector<const tensor*> ordered = order();
    const std::string head = header(ordered);
    std::filesystem::path partial = path;
    partial += ".partial";
    errno = 0;
    std::ofstream file(partial, std::ios::binary | std::ios::trunc);
    const auto put = [&file](const void* data, std::size_t size) {
      file.write(static_cast<const char*>(data), static_cast<std::streamsize>(size));
    };
    put(head.data(), head.size());
    for (const tensor* const t : ordered) put(t->bytes.data(), t->bytes.size());
    file.close();
    const bool written = file.good() && std::rename(partial.c_str(), path.c_str()) == 0;
    if (!written) {
      const std::string reason = std::generic_category().message(errno);
      std::remove(partial.c_str());
      throw error(path.string() + ": cannot be written: " + reason + ".");
    }
  }

 private:
  struct tensor {
    std::string name;
    element type;
    std::vector<index> shape;
    std::vector<std::byte> bytes;
  };

  static std::string quoted(const std::string& text) {
    try {
      return nlohmann::json(text).dump();
    } catch (const nlohmann::json::exception&) {
      throw argument_error("safetensors_writer: a name or metadata text is not valid UTF-8.");
    }
  }

  std::vector<const tensor*> order() const {
    std::vector<const tensor*> ordered;
    for (const tensor& t : tensors_) ordered.push_back(&t);
    std::stable_sort(ordered.begin(), ordered.end(),
                     [](const tensor* a, const tensor* b) { return size_of(a->type) > size_of(b->type); });
    return ordered;
  }

  /// Length and JSON, padded.
  std::string header(const std::vector<const tensor*>& ordered) const {
    std::string text = "{";
    const auto separate = [&text] {
      if (text.size() > 1) text += ',';
    };
    if (!metadata_.empty()) text += "\"__metadata__\":" + nlohmann::json(metadata_).dump();
    std::uint64_t begin = 0;
    for (const tensor* const t : ordered) {
      separate();
      const std::uint64_t end = begin + t->bytes.size();
      text += quoted(t->name) + ":{\"dtype\":\"" + std::string(detail::safetensors_name_of(t->type)) +
              "\",\"shape\":" + nlohmann::json(t->shape).dump() + ",\"data_offsets\":[" +
              std::to_string(begin) + "," + std::to_string(end) + "]}";
      begin = end;
    }
    text += '}';
    text.append((8 - text.size() % 8) % 8, ' ');
    if (text.size() > detail::safetensors_largest_header) {
      throw argument_error("safetensors_writer: the header is above the format's limit of 100 MB.");
    }
    const std::uint64_t length = text.size();
    std::string result(sizeof length, '\0');
    std::memcpy(result.data(), &length, sizeof length);
    return result + text;
  }

  std::vector<tensor> tensors_;
  std::map<std::string, std::string, std::less<>> metadata_;
};

}  // namespace byteloom::inline v0
