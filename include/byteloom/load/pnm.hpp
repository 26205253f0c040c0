// SPDX-License-Identifier: Apache-2.0
#pragma once

// load/pnm: reads grey and colour images in the Netpbm formats PGM and PPM, plain (P2, P3) and raw (P5, P6);
// https://netpbm.sourceforge.net/doc/pgm.html and ppm.html. Any tool converts to them, and they need no
// library. Bitmaps (P1, P4) and PAM (P7) are not read.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "byteloom/core/error.hpp"
#include "byteloom/core/view.hpp"
#include "byteloom/load/mapped_file.hpp"

namespace byteloom::inline v0 {

/// Samples [height, width, channels], row-major from the top left, each between 0 and `maximum`.
struct image {
  index height = 0;
  index width = 0;
  index channels = 0;         ///< 1: grey; 3: red, green, blue
  std::uint16_t maximum = 0;  ///< the sample that means full intensity, 1 to 65535
  std::vector<std::uint16_t> samples;
};

namespace detail {

class pnm_reader {
 public:
  pnm_reader(std::span<const std::byte> bytes, const std::string& file) : bytes_(bytes), file_(file) {}

  image read() {
    const unsigned kind = magic();
    const bool raw = kind >= 5;
    image result;
    result.channels = kind == 3 || kind == 6 ? 3 : 1;
    const std::uint64_t width = number("width", 1, largest_side);
    const std::uint64_t height = number("height", 1, largest_side);
    const std::uint64_t maximum = number("maximum", 1, std::numeric_limits<std::uint16_t>::max());
    result.width = static_cast<index>(width);
    result.height = static_cast<index>(height);
    result.maximum = static_cast<std::uint16_t>(maximum);
    if (at_ == bytes_.size() || !is_space(peek())) {
      refuse("maximum", "one white-space character must follow the maximum.");
    }
    ++at_;

    // Before any allocation: the file must be long enough to hold the samples. A plain one takes a digit and
    // a separator, which the last may lack. Sides below 2^31 keep the count below 2^64.
    const std::uint64_t count = width * height * static_cast<std::uint64_t>(result.channels);
    const std::uint64_t left = bytes_.size() - at_;
    const std::uint64_t room = !raw ? (left + 1) / 2 : maximum > 255 ? left / 2 : left;
    if (count > room) {
      refuse("samples", std::to_string(count) + " samples cannot be in the " + std::to_string(left) +
                            " bytes that follow; is the file truncated?");
    }
    result.samples.resize(static_cast<std::size_t>(count));
    if (raw) {
      read_raw(result);
    } else {
      for (std::uint16_t& sample : result.samples) {
        sample = static_cast<std::uint16_t>(number("samples", 0, maximum));
      }
      skip_space();
    }
    if (at_ != bytes_.size()) {
      refuse("", std::to_string(bytes_.size() - at_) +
                     " bytes follow the last sample; a file must hold one image and nothing else.");
    }
    return result;
  }

 private:
  static constexpr std::uint64_t largest_side = std::numeric_limits<std::int32_t>::max();

  static bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
  static bool is_digit(char c) { return c >= '0' && c <= '9'; }
  char peek() const { return static_cast<char>(bytes_[at_]); }

  [[noreturn]] void refuse(const char* item, const std::string& sentence) const {
    throw load_error(file_, item, at_, sentence);
  }

  unsigned magic() {
    const bool known = bytes_.size() >= 2 && bytes_[0] == std::byte{'P'} &&
                       (bytes_[1] == std::byte{'2'} || bytes_[1] == std::byte{'3'} ||
                        bytes_[1] == std::byte{'5'} || bytes_[1] == std::byte{'6'});
    if (!known) {
      refuse("",
             "the file does not begin with P2, P3, P5 or P6; convert it to a PGM (grey) or PPM (colour).");
    }
    at_ = 2;
    if (at_ < bytes_.size() && !is_space(peek()) && peek() != '#') {
      refuse("", "white space must follow the first two bytes.");
    }
    return std::to_integer<unsigned>(bytes_[1]) - '0';
  }

  /// White space, and comments from '#' to the end of the line.
  void skip_space() {
    while (at_ < bytes_.size() && (is_space(peek()) || peek() == '#')) {
      if (peek() == '#') {
        while (at_ < bytes_.size() && peek() != '\n' && peek() != '\r') ++at_;
      } else {
        ++at_;
      }
    }
  }

  std::uint64_t number(const char* item, std::uint64_t least, std::uint64_t most) {
    skip_space();
    if (at_ == bytes_.size()) refuse(item, "the file ends where a number must stand; is it truncated?");
    if (!is_digit(peek())) refuse(item, "a number must stand here.");
    const std::size_t first = at_;
    std::uint64_t value = 0;
    for (; at_ < bytes_.size() && is_digit(peek()); ++at_) {
      if (value <= most) value = value * 10 + static_cast<std::uint64_t>(peek() - '0');
    }
    if (value < least || value > most) {
      at_ = first;
      refuse(item,
             "the number must be between " + std::to_string(least) + " and " + std::to_string(most) + ".");
    }
    return value;
  }

  void read_raw(image& result) {
    const bool wide = result.maximum > 255;  // then two bytes a sample, the more significant first
    for (std::uint16_t& sample : result.samples) {
      const auto high = wide ? std::to_integer<unsigned>(bytes_[at_]) << 8U : 0U;
      const auto value = high | std::to_integer<unsigned>(bytes_[at_ + (wide ? 1 : 0)]);
      if (value > result.maximum) {
        refuse("samples", "the sample " + std::to_string(value) + " is above the maximum of " +
                              std::to_string(result.maximum) + ".");
      }
      sample = static_cast<std::uint16_t>(value);
      at_ += wide ? 2 : 1;
    }
  }

  std::span<const std::byte> bytes_;
  const std::string& file_;
  std::size_t at_ = 0;
};

}  // namespace detail

/// The image in `bytes`; `name` stands for the file in messages. Throws load_error, which names the part of
/// the image and the byte; memory is at most twice the file's.
inline image read_pnm(std::span<const std::byte> bytes, const std::string& name) {
  return detail::pnm_reader(bytes, name).read();
}

/// The image in a file. Throws load_error.
inline image read_pnm(const std::filesystem::path& file) {
  const mapped_file mapped(file);
  return read_pnm(mapped.bytes(), file.string());
}

}  // namespace byteloom::inline v0
