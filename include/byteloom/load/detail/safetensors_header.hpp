// SPDX-License-Identifier: Apache-2.0
#pragma once

// load/detail/safetensors_header: the JSON header of a safetensors file, checked while it is parsed.
//
// The parser is event driven (nlohmann_json's SAX interface): no JSON tree is built, nesting deeper than the
// format's three levels is refused at the bracket that opens it, and a repeated key is seen. SAX events carry
// no position, so the parser reads through an iterator that reports how far it has come: an event's token
// ends there, and begins after the separators that follow the end of the token before.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "byteloom/core/error.hpp"
#include "byteloom/load/detail/byte_count.hpp"
#include "byteloom/load/detail/printable.hpp"
#include "byteloom/load/detail/safetensors_dtype.hpp"
#include "byteloom/load/tensor_entry.hpp"

namespace byteloom::inline v0::detail {

/// Reads characters and notes in `*furthest` how many have been read.
class noting_iterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  noting_iterator(const char* at, const char** furthest) : at_(at), furthest_(furthest) {}
  reference operator*() const { return *at_; }
  noting_iterator& operator++() {
    *furthest_ = ++at_;
    return *this;
  }
  noting_iterator operator++(int) {
    const noting_iterator before = *this;
    ++*this;
    return before;
  }
  friend bool operator==(const noting_iterator& a, const noting_iterator& b) { return a.at_ == b.at_; }
  friend bool operator!=(const noting_iterator& a, const noting_iterator& b) { return a.at_ != b.at_; }

 private:
  const char* at_;
  const char** furthest_;
};

/// The SAX handler. After parse(), `entries` are in header order, each consistent in itself (type, shape,
/// size and range agree and lie in the data); what they are together is for the caller to check.
class safetensors_header {
 public:
  using json = nlohmann::json;
  using string_map = std::map<std::string, std::string, std::less<>>;

  /// Where in the file an entry was described, for messages about it.
  struct origin {
    std::uint64_t name;
    std::uint64_t offsets;
  };

  std::vector<tensor_entry> entries;
  std::vector<origin> origins;  ///< one an entry
  string_map metadata;

  /// `text` begins at byte `start` of `file`; `data_size` bytes follow it.
  safetensors_header(const std::string& file, std::string_view text, std::uint64_t start,
                     std::uint64_t data_size)
      : file_(file), text_(text), start_(start), data_size_(data_size), furthest_(text.data()) {}

  void parse() {
    if (text_.empty() || text_.front() != '{') {
      throw load_error(file_, "", start_, "the header must be a JSON object and begin with '{'.");
    }
    // The parser takes a zero byte for the end of its input; in JSON it is an error wherever it stands.
    if (const std::size_t zero = text_.find('\0'); zero != text_.npos) {
      throw load_error(file_, "", start_ + zero, "the header is not valid JSON: it holds a zero byte.");
    }
    const char* const first = text_.data();
    json::sax_parse(noting_iterator(first, &furthest_), noting_iterator(first + text_.size(), &furthest_),
                    this);
  }

  // The events, as nlohmann_json names them.
  bool null() { return unexpected("null"); }
  bool boolean(bool) { return unexpected("true or false"); }
  bool binary(json::binary_t&) { return unexpected("binary data"); }

  bool number_integer(json::number_integer_t) {
    if (!in_numbers()) return unexpected("a number");
    return refuse(token(), "a size cannot be negative.");
  }
  bool number_float(json::number_float_t, const std::string& text) {
    if (!in_numbers()) return unexpected("a number");
    const bool whole = std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (whole) return refuse_size(printable(text));
    return refuse(token(), "a size must be a whole number written without point or exponent.");
  }
  bool number_unsigned(json::number_unsigned_t value) {
    if (!in_numbers()) return unexpected("a number");
    if (value > static_cast<std::uint64_t>(std::numeric_limits<index>::max())) {
      return refuse_size(std::to_string(value));
    }
    const std::uint64_t at = token();
    if (state_ == state::shape) {
      entry_.shape.push_back(static_cast<index>(value));
    } else if (offsets_seen_ == 2) {
      return refuse(at, "data_offsets must hold two numbers, begin and end.");
    } else {
      (offsets_seen_++ == 0 ? entry_.begin : entry_.end) = value;
    }
    return pass();
  }

  bool string(std::string& text) {
    if (state_ == state::metadata_value) {
      metadata[key_] = std::move(text);
      state_ = state::metadata;
      return pass();
    }
    if (state_ != state::dtype_value) return unexpected("a string");
    if (const auto known = element_of_safetensors(text)) {
      entry_.type = *known;
    } else if (is_foreign_safetensors_dtype(text)) {
      return refuse(token(), "dtype " + printable(text) + " is not supported; convert the tensor to one of " +
                                 known_safetensors_dtypes() + ", or store its codes as U8.");
    } else {
      return refuse(
          token(), "dtype " + printable(text) + " is unknown; known are " + known_safetensors_dtypes() + ".");
    }
    state_ = state::tensor;
    return pass();
  }

  bool key(std::string& text) {
    const std::uint64_t at = token();
    if (state_ == state::file) {
      if (text == safetensors_metadata_key) {
        if (std::exchange(has_metadata_, true)) return refuse(at, "__metadata__ stands twice in the header.");
        state_ = state::metadata_object;
      } else {
        begin_tensor(text, at);
      }
    } else if (state_ == state::metadata) {
      if (!metadata.try_emplace(text).second) {
        return refuse(at, "the key " + printable(text) + " stands twice in __metadata__.");
      }
      key_ = text;
      state_ = state::metadata_value;
    } else {
      begin_field(text, at);
    }
    return pass();
  }

  bool start_object(std::size_t) {
    if (state_ == state::start) {
      state_ = state::file;
    } else if (state_ == state::tensor_object) {
      state_ = state::tensor;
    } else if (state_ == state::metadata_object) {
      state_ = state::metadata;
    } else {
      return unexpected("an object");
    }
    return pass();
  }
  bool end_object() {
    if (state_ == state::tensor) {
      finish_tensor();
      state_ = state::file;
    } else if (state_ == state::metadata) {
      state_ = state::file;
    }
    return pass();
  }

  bool start_array(std::size_t) {
    if (state_ == state::shape_value) {
      state_ = state::shape;
    } else if (state_ == state::offsets_value) {
      state_ = state::offsets;
    } else {
      return unexpected("an array");
    }
    return pass();
  }
  bool end_array() {
    if (state_ == state::offsets && offsets_seen_ != 2) {
      return refuse(origin_.offsets, "data_offsets must hold two numbers, begin and end.");
    }
    state_ = state::tensor;
    return pass();
  }

  bool parse_error(std::size_t position, const std::string&, const json::exception& cause) {
    constexpr int above_double = 406;  // a well-formed number, but too large for the parser
    if (cause.id == above_double) return in_numbers() ? refuse_size("stated here") : unexpected("a number");
    // what() is "[id] parse error at line L, column C: syntax error while parsing P - reason; last read:
    // ...", and what was last read may be megabytes long.
    std::string_view reason = cause.what();
    if (const auto tail = reason.find("; last read"); tail != reason.npos) reason = reason.substr(0, tail);
    if (const auto head = reason.find(" - "); head != reason.npos) {
      reason = reason.substr(head + 3);
    } else if (const auto id = reason.find("] "); id != reason.npos) {
      reason = reason.substr(id + 2);
    }
    const std::uint64_t at = start_ + (position == 0 ? 0 : position - 1);
    return refuse(at, "the header is not valid JSON: " + printable(reason) + ".");
  }

 private:
  // What the parser stands in (an object or array) or in front of (a value).
  enum class state {
    start,
    file,
    tensor_object,
    tensor,
    dtype_value,
    shape_value,
    shape,
    offsets_value,
    offsets,
    metadata_object,
    metadata,
    metadata_value
  };

  bool in_numbers() const { return state_ == state::shape || state_ == state::offsets; }

  std::uint64_t reached() const { return static_cast<std::uint64_t>(furthest_ - text_.data()); }

  /// The token of the current event is done with. (After a number the parser has read one character more, to
  /// see that it ends: a separator, which token() skips, or a bracket, at which nothing can be wrong.)
  bool pass() {
    done_ = reached();
    return true;
  }

  /// First byte, in the file, of the current event's token.
  std::uint64_t token() const {
    const std::size_t first = text_.find_first_not_of(" \t\r\n,:", done_);
    return start_ + std::min<std::uint64_t>(first, text_.size());
  }

  bool refuse(std::uint64_t at, const std::string& sentence) const {
    const bool in_metadata = state_ >= state::metadata_object;
    throw load_error(file_,
                     in_tensor_    ? printable(entry_.name)
                     : in_metadata ? std::string(safetensors_metadata_key)
                                   : std::string(),
                     at, sentence);
  }
  bool refuse_size(const std::string& number) const {
    return refuse(token(), "the size " + number + " is above the largest, 2^63 - 1.");
  }
  bool unexpected(const char* found) const {
    constexpr const char* expected[] = {"the header must be an object",
                                        "the header must be an object",
                                        "a tensor's description must be an object",
                                        "a tensor's description must be an object",
                                        "dtype must be a string",
                                        "shape must be an array of whole numbers",
                                        "shape must be an array of whole numbers",
                                        "data_offsets must be an array of two whole numbers",
                                        "data_offsets must be an array of two whole numbers",
                                        "__metadata__ must be an object of strings",
                                        "__metadata__ must be an object of strings",
                                        "__metadata__ must be an object of strings"};
    return refuse(token(), std::string(expected[static_cast<std::size_t>(state_)]) + ", not " + found + ".");
  }

  void begin_tensor(const std::string& name, std::uint64_t at) {
    entry_ = tensor_entry{};
    entry_.name = name;
    origin_ = {at, at};
    has_dtype_ = has_shape_ = has_offsets_ = false;
    offsets_seen_ = 0;
    in_tensor_ = true;
    state_ = state::tensor_object;
  }

  void begin_field(const std::string& field, std::uint64_t at) {
    bool twice = false;
    if (field == "dtype") {
      twice = std::exchange(has_dtype_, true);
      state_ = state::dtype_value;
    } else if (field == "shape") {
      twice = std::exchange(has_shape_, true);
      state_ = state::shape_value;
    } else if (field == "data_offsets") {
      twice = std::exchange(has_offsets_, true);
      state_ = state::offsets_value;
      origin_.offsets = at;
    } else {
      refuse(at,
             "the field " + printable(field) + " is unknown; a tensor has dtype, shape and data_offsets.");
    }
    if (twice) refuse(at, "the field " + field + " stands twice.");
  }

  void finish_tensor() {
    const auto need = [this](bool present, const char* field) {
      if (!present) refuse(origin_.name, std::string("the field ") + field + " is missing.");
    };
    need(has_dtype_, "dtype");
    need(has_shape_, "shape");
    need(has_offsets_, "data_offsets");

    const std::string range = "[" + std::to_string(entry_.begin) + ", " + std::to_string(entry_.end) + "]";
    if (entry_.begin > entry_.end)
      refuse(origin_.offsets, "data_offsets " + range + " end before they begin.");
    if (entry_.end > data_size_) {
      refuse(origin_.offsets, "data_offsets " + range + " lie past the end of the file, which holds " +
                                  std::to_string(data_size_) + " bytes of data; is it truncated?");
    }
    const auto size = byte_count(entry_.type, entry_.shape);
    if (!size) {
      refuse(origin_.name, "the product of the shape's sizes is above 2^63 - 1 elements or 2^64 - 1 bytes.");
    }
    if (*size != entry_.end - entry_.begin) {
      refuse(origin_.offsets, "dtype and shape ask for " + std::to_string(*size) +
                                  " bytes, but data_offsets " + range + " give " +
                                  std::to_string(entry_.end - entry_.begin) + ".");
    }
    entries.push_back(std::move(entry_));
    origins.push_back(origin_);
    in_tensor_ = false;
  }

  const std::string& file_;
  std::string_view text_;
  std::uint64_t start_;
  std::uint64_t data_size_;
  const char* furthest_;    // how far the parser has read
  std::uint64_t done_ = 0;  // end of the last event's token, in text_

  state state_ = state::start;
  bool has_metadata_ = false;
  std::string key_;  // of the metadata value to come
  bool in_tensor_ = false;
  tensor_entry entry_;
  origin origin_{};
  bool has_dtype_ = false, has_shape_ = false, has_offsets_ = false;
  int offsets_seen_ = 0;
};

}  // namespace byteloom::inline v0::detail
