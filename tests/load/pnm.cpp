// SPDX-License-Identifier: Apache-2.0

#include "byteloom/load/pnm.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "allocation.hpp"
#include "file.hpp"

namespace bl = byteloom;
using namespace std::string_view_literals;

namespace {

bl::image read(std::string_view text) {
  const auto bytes = test::bytes_of(text);
  return bl::read_pnm(bytes, "image.pnm");
}

void check(const bl::image& image, bl::index height, bl::index width, bl::index channels, int maximum,
           const std::vector<std::uint16_t>& samples) {
  CHECK(image.height == height);
  CHECK(image.width == width);
  CHECK(image.channels == channels);
  CHECK(image.maximum == maximum);
  CHECK(image.samples == samples);
}

struct hostile {
  std::string_view text;
  std::uint64_t at;
  const char* item;
  const char* sentence;
};

const hostile cases[] = {
    {"", 0, "", "does not begin with P2, P3, P5 or P6"},
    {"P", 0, "", "does not begin"},
    {"P4 1 1 x", 0, "", "does not begin"},
    {"P7\n", 0, "", "does not begin"},
    {"\x89PNG\r\n", 0, "", "does not begin"},
    {"P51 1 1 x", 2, "", "white space must follow"},
    {"P5", 2, "width", "file ends"},
    {"P5 # 3 3 255", 12, "width", "file ends"},
    {"P5 3", 4, "height", "file ends"},
    {"P5 3 3", 6, "maximum", "file ends"},
    {"P5 3 3 255", 10, "maximum", "one white-space character"},
    {"P5 3 3 255#c\n", 10, "maximum", "one white-space character"},
    {"P5 x", 3, "width", "a number must stand here"},
    {"P5 -1 1 255 ", 3, "width", "a number must stand here"},
    {"P5 1.5 1 255 ", 4, "height", "a number must stand here"},
    {"P5 0 1 255 ", 3, "width", "between 1 and 2147483647"},
    {"P5 1 0 255 ", 5, "height", "between 1 and 2147483647"},
    {"P5 1 1 0 x", 7, "maximum", "between 1 and 65535"},
    {"P5 1 1 65536 xx", 7, "maximum", "between 1 and 65535"},
    {"P5 2147483648 1 255 ", 3, "width", "between 1 and 2147483647"},
    {"P5 1 18446744073709551617 255 x", 5, "height", "between 1 and 2147483647"},
    {"P6 2147483647 2147483647 65535 ", 31, "samples", "cannot be in the 0 bytes"},
    {"P3 2147483647 2147483647 65535 1", 31, "samples", "cannot be in the 1 bytes"},
    {"P5 2 2 255 abc", 11, "samples", "4 samples cannot be in the 3 bytes"},
    {"P5 1 2 256 abc", 11, "samples", "2 samples cannot be in the 3 bytes"},
    {"P6 1 1 255 ab", 11, "samples", "3 samples cannot be"},
    {"P5 1 1 255 ab", 12, "", "1 bytes follow"},
    {"P5 2 1 96 `a", 11, "samples", "the sample 97 is above the maximum of 96"},
    {"P5 2 1 256 \1\0\1\1"sv, 13, "samples", "the sample 257 is above"},
    {"P2 2 1 9 1 10", 11, "samples", "between 0 and 9"},
    {"P2 2 1 9 1 ", 9, "samples", "2 samples cannot be in the 2 bytes"},
    {"P2 2 1 9  1 ", 12, "samples", "file ends"},
    {"P2 2 1 9 1x ", 10, "samples", "a number must stand here"},
    {"P2 2 1 9 1 2 3", 13, "", "1 bytes follow"},
};

}  // namespace

TEST_CASE("the four kinds of file give the samples that they hold") {
  check(read("P2\n# grey\n3 2 # width, height\n9\n0 1 2\n3 4 9\n"), 2, 3, 1, 9, {0, 1, 2, 3, 4, 9});
  check(read("P2 1 1 65535 65535"), 1, 1, 1, 65535, {65535});
  check(read("P3 1 2 255 1 2 3 4 5 255 # end"), 2, 1, 3, 255, {1, 2, 3, 4, 5, 255});
  check(read("P5 2 2 255 ab#\xff"), 2, 2, 1, 255, {97, 98, 35, 255});
  check(read("P5#c\n2\t1\v256\n\1\0\0\377"sv), 1, 2, 1, 256, {256, 255});
  check(read("P6 1 1 255\n\n\r "), 1, 1, 3, 255, {10, 13, 32});
}

TEST_CASE("a raw and a plain file of the same random samples are the same image") {
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 50; ++round) {
    const std::size_t height = 1 + random() % 7, width = 1 + random() % 7,
                      channels = random() % 2 == 0 ? 1 : 3;
    const unsigned maximum = round % 2 == 0 ? 1 + static_cast<unsigned>(random() % 255)
                                            : 256 + static_cast<unsigned>(random() % 65280);
    const std::string rest =
        " " + std::to_string(width) + " " + std::to_string(height) + " " + std::to_string(maximum) + "\n";
    std::string plain = (channels == 1 ? "P2" : "P3") + rest, raw = (channels == 1 ? "P5" : "P6") + rest;
    std::vector<std::uint16_t> samples;
    for (std::size_t i = 0; i < height * width * channels; ++i) {
      const auto sample = static_cast<unsigned>(random() % (maximum + 1));
      samples.push_back(static_cast<std::uint16_t>(sample));
      plain += std::to_string(sample) + (i % 5 == 4 ? "\n" : " ");
      if (maximum > 255) raw += static_cast<char>(sample >> 8U);
      raw += static_cast<char>(sample & 255U);
    }
    for (const std::string& text : {plain, raw}) {
      check(read(text), static_cast<bl::index>(height), static_cast<bl::index>(width),
            static_cast<bl::index>(channels), static_cast<int>(maximum), samples);
    }
  }
}

TEST_CASE("hostile images are refused by part and byte, before any large allocation") {
  for (const hostile& item : cases) {
    CAPTURE(item.text);
    const auto bytes = test::bytes_of(item.text);
    allocation::forget();
    std::size_t peak = 0;
    bool refused = false;
    try {
      (void)bl::read_pnm(bytes, "hostile.pnm");
    } catch (const bl::load_error& e) {
      peak = allocation::largest();
      refused = true;
      const std::string message = e.what();
      CHECK(e.file() == "hostile.pnm");
      CHECK(e.item() == item.item);
      CHECK(e.offset() == item.at);
      CHECK(message.find("hostile.pnm: ") == 0);
      CHECK(message.find("at byte " + std::to_string(item.at) + ": ") != std::string::npos);
      CHECK_MESSAGE(message.find(item.sentence) != std::string::npos, message);
    }
    CHECK(refused);
    CHECK(peak < std::size_t{1} << 16);
  }
}

TEST_CASE("an image is read from a file") {
  const test::temporary_file disk("grey.pgm", test::bytes_of("P5 1 2 255\nab"));
  check(bl::read_pnm(disk.path()), 2, 1, 1, 255, {97, 98});
  const test::temporary_file missing("missing.pgm");
  CHECK_THROWS_WITH_AS((void)bl::read_pnm(missing.path()), doctest::Contains("No such file"), bl::load_error);
}
