// SPDX-License-Identifier: Apache-2.0
#pragma once

// load/safetensors: reads the safetensors format, where most published weights are. The file is mapped and
// its header checked once, on opening; the tensors are then views of the file's bytes. What a tensor's
// numbers mean to a model is not known here.
//
// Format (https://github.com/huggingface/safetensors): a little-endian u64 N; N bytes of JSON, which begin
// with '{' and may end in spaces, {"name": {"dtype": "F16", "shape": [2, 3], "data_offsets": [begin, end]},
// ..., "__metadata__": {"key": "text"}}; the data, to which the offsets are relative.
//
// Accepted is what the reference implementation accepts: a header of at most 100 MB, ranges that cover the
// data without hole, overlap or rest, tensors of zero elements or rank zero. Refused beyond that: repeated
// names and metadata keys (the format forbids them, the reference keeps the last), white space before the '{'
// (likewise), unknown fields of a tensor, a null __metadata__, sizes whose product without the zeros is above
// 2^63 - 1, and the dtypes F4, F6_*, F8_E8M0, F8_*FNUZ and C64.

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <functional>
#include <iterator>
#include <map>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "byteloom/core/element.hpp"
#include "byteloom/core/error.hpp"
#include "byteloom/core/view.hpp"
#include "byteloom/load/detail/nearest.hpp"
#include "byteloom/load/detail/printable.hpp"
#include "byteloom/load/detail/safetensors_header.hpp"
#include "byteloom/load/mapped_file.hpp"
#include "byteloom/load/tensor_entry.hpp"

namespace byteloom::inline v0 {

static_assert(std::endian::native == std::endian::little,
              "byteloom: safetensors data is little-endian and used in place; this machine is big-endian.");

/// The tensors of one safetensors file. Move-only; entries and views stay valid when it is moved and end with
/// it. Every error is a load_error that names the file, the tensor and the byte of the file at which the
/// fault was noticed. Memory grows with the header that is really there, never with a number that it states.
///
/// Alignment: the format promises none. Writers usually pad the header to 8 bytes and put wide elements
/// first, then every tensor is aligned for its type; values() and tensor() check it and copy() does not need
/// it.
class safetensors {
 public:
  using string_map = std::map<std::string, std::string, std::less<>>;

  /// Maps the file; the map lives as long as this object.
  explicit safetensors(const std::filesystem::path& file) : mapped_(file), file_(file.string()) {
    read(mapped_->bytes());
  }

  /// Reads from memory that the caller keeps alive and unchanged; `name` stands for the file in messages.
  safetensors(std::span<const std::byte> bytes, std::string name) : file_(std::move(name)) { read(bytes); }

  safetensors(safetensors&&) noexcept = default;
  safetensors& operator=(safetensors&&) noexcept = default;

  const std::string& file() const noexcept { return file_; }
  const string_map& metadata() const noexcept { return metadata_; }

  /// Byte of the file at which the data begins, to which the entries' ranges are relative.
  std::uint64_t data_offset() const noexcept { return data_offset_; }

  // The entries, in the order of their data.
  std::size_t size() const noexcept { return entries_.size(); }
  bool empty() const noexcept { return entries_.empty(); }
  std::vector<tensor_entry>::const_iterator begin() const noexcept { return entries_.begin(); }
  std::vector<tensor_entry>::const_iterator end() const noexcept { return entries_.end(); }

  /// The entry of that name, or nullptr.
  const tensor_entry* find(std::string_view name) const {
    const auto at = std::lower_bound(
        by_name_.begin(), by_name_.end(), name,
        [this](std::size_t i, std::string_view wanted) { return entries_[i].name < wanted; });
    return at != by_name_.end() && entries_[*at].name == name ? &entries_[*at] : nullptr;
  }

  /// The entry of that name; a load_error names the most similar ones where there is none.
  const tensor_entry& at(std::string_view name) const {
    if (const tensor_entry* const found = find(name)) return *found;
    const std::string similar = detail::nearest_names(entries_, name);
    throw load_error(file_, detail::printable(name), prefix,
                     "is not in the file, which holds " + std::to_string(entries_.size()) + " tensors" +
                         (similar.empty() ? "." : "; the most similar names are " + similar + "."));
  }

  /// The numbers of a tensor in place, row-major. T must be its element type.
  template <element_type T>
  std::span<const T> values(std::string_view name) const {
    const tensor_entry& entry = checked<T>(name);
    if (entry.bytes.empty()) return {};
    if (reinterpret_cast<std::uintptr_t>(entry.bytes.data()) % alignof(T) != 0) {
      fail(entry, "is not aligned to " + std::to_string(alignof(T)) +
                      " bytes; take a copy with safetensors::copy<T>(), or write the file anew with a header "
                      "padded to 8 bytes and the wide elements first, as byteloom::safetensors_writer does.");
    }
    return {reinterpret_cast<const T*>(entry.bytes.data()), entry.bytes.size() / sizeof(T)};
  }

  /// The same with its shape, which must have `Rank` axes.
  template <element_type T, int Rank>
  host_view<const T, Rank> tensor(std::string_view name) const {
    static_assert(Rank > 0,
                  "byteloom: tensor() gives views of rank 1 and more; take a single number with "
                  "values<T>(name)[0].");
    const tensor_entry& entry = checked<T>(name);
    if (entry.shape.size() != std::size_t{Rank}) {
      fail(entry, "has " + std::to_string(entry.shape.size()) + " axes where " + std::to_string(Rank) +
                      " are needed.");
    }
    return shaped(values<T>(name).data(), entry.shape, std::make_index_sequence<std::size_t{Rank}>{});
  }

  /// A copy of the numbers of a tensor, whatever their alignment. T must be its element type.
  template <element_type T>
  std::vector<T> copy(std::string_view name) const {
    const tensor_entry& entry = checked<T>(name);
    std::vector<T> result(entry.bytes.size() / sizeof(T));
    if constexpr (std::is_same_v<T, bool>) {
      std::transform(entry.bytes.begin(), entry.bytes.end(), result.begin(),
                     [](std::byte b) { return b != std::byte{0}; });
    } else if (!result.empty()) {
      std::memcpy(result.data(), entry.bytes.data(), entry.bytes.size());
    }
    return result;
  }

 private:
  static constexpr std::size_t prefix = sizeof(std::uint64_t);  // the header's length; the header follows

  void read(std::span<const std::byte> bytes);
  void arrange(detail::safetensors_header& header, std::uint64_t data_size);

  [[noreturn]] void fail(const tensor_entry& entry, const std::string& sentence) const {
    throw load_error(file_, detail::printable(entry.name), data_offset_ + entry.begin, sentence);
  }

  template <element_type T>
  const tensor_entry& checked(std::string_view name) const {
    const tensor_entry& entry = at(name);
    if (entry.type != element_of<T>) {
      fail(entry, "holds " + std::string(name_of(entry.type)) + " where " +
                      std::string(name_of(element_of<T>)) + " is needed.");
    }
    if constexpr (std::is_same_v<T, bool>) {  // any other byte read as a bool is undefined behaviour
      const auto odd =
          std::find_if(entry.bytes.begin(), entry.bytes.end(), [](std::byte b) { return b > std::byte{1}; });
      if (odd != entry.bytes.end()) {
        throw load_error(file_, detail::printable(entry.name),
                         data_offset_ + entry.begin + static_cast<std::uint64_t>(odd - entry.bytes.begin()),
                         "holds a boolean that is neither 0 nor 1; store it as U8.");
      }
    }
    return entry;
  }

  template <class T, std::size_t... Axes>
  static host_view<const T, int{sizeof...(Axes)}> shaped(const T* data, const std::vector<index>& shape,
                                                         std::index_sequence<Axes...>) {
    return {data, shape[Axes]...};
  }

  std::optional<mapped_file> mapped_;
  std::string file_;
  std::uint64_t data_offset_ = 0;
  string_map metadata_;
  std::vector<tensor_entry> entries_;  // by begin, then end
  std::vector<std::size_t> by_name_;   // indices of entries_, sorted by name
};

inline void safetensors::read(std::span<const std::byte> bytes) {
  const auto refuse = [this](std::uint64_t at, const std::string& sentence) {
    throw load_error(file_, "", at, sentence);
  };
  if (bytes.size() < prefix) {
    refuse(bytes.size(), "the file ends inside the 8 bytes that give the header's length; is it truncated?");
  }
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), prefix);
  if (length > detail::safetensors_largest_header) {
    refuse(0, "the header's length of " + std::to_string(length) +
                  " bytes is above the format's limit of 100000000; is this a safetensors file?");
  }
  if (length > bytes.size() - prefix) {
    refuse(0, "the header's length of " + std::to_string(length) + " bytes is past the end of the file of " +
                  std::to_string(bytes.size()) + " bytes; is it truncated?");
  }
  data_offset_ = prefix + length;
  const std::string_view text{reinterpret_cast<const char*>(bytes.data()) + prefix,
                              static_cast<std::size_t>(length)};
  const std::span<const std::byte> data = bytes.subspan(static_cast<std::size_t>(data_offset_));

  detail::safetensors_header header(file_, text, prefix, data.size());
  header.parse();
  metadata_ = std::move(header.metadata);
  arrange(header, data.size());
  for (tensor_entry& entry : entries_) {
    entry.bytes = data.subspan(static_cast<std::size_t>(entry.begin),
                               static_cast<std::size_t>(entry.end - entry.begin));
  }
}

/// Sorts the entries by their data and by name and checks what they are together.
inline void safetensors::arrange(detail::safetensors_header& header, std::uint64_t data_size) {
  std::vector<tensor_entry>& found = header.entries;
  by_name_.resize(found.size());
  std::iota(by_name_.begin(), by_name_.end(), std::size_t{0});
  std::vector<std::size_t> order = by_name_;

  std::stable_sort(by_name_.begin(), by_name_.end(),
                   [&](std::size_t a, std::size_t b) { return found[a].name < found[b].name; });
  const auto twin = std::adjacent_find(by_name_.begin(), by_name_.end(), [&](std::size_t a, std::size_t b) {
    return found[a].name == found[b].name;
  });
  if (twin != by_name_.end()) {
    const std::size_t second = *std::next(twin);
    throw load_error(file_, detail::printable(found[second].name), header.origins[second].name,
                     "stands twice in the header; it was described at byte " +
                         std::to_string(header.origins[*twin].name) + " already.");
  }

  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return std::pair(found[a].begin, found[a].end) < std::pair(found[b].begin, found[b].end);
  });
  std::vector<std::size_t> rank(found.size());
  entries_.reserve(found.size());
  std::uint64_t covered = 0;
  for (const std::size_t i : order) {
    const tensor_entry& entry = found[i];
    if (entry.begin != covered) {
      const std::string limit = " (data bytes " + std::to_string(entry.begin) + " to " +
                                std::to_string(entry.end) + ", after one that ends at " +
                                std::to_string(covered) + ")";
      throw load_error(file_, detail::printable(entry.name), header.origins[i].offsets,
                       (entry.begin < covered
                            ? "overlaps '" + detail::printable(entries_.back().name) + "'" + limit + "."
                            : "leaves a hole before it" + limit + "; every data byte must be in a tensor."));
    }
    covered = entry.end;
    rank[i] = entries_.size();
    entries_.push_back(std::move(found[i]));
  }
  if (covered != data_size) {
    throw load_error(file_, "", data_offset_ + covered,
                     std::to_string(data_size - covered) +
                         " bytes after the last tensor belong to none; every data byte must be in a tensor.");
  }
  for (std::size_t& i : by_name_) i = rank[i];
}

}  // namespace byteloom::inline v0
