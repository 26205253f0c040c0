// SPDX-License-Identifier: Apache-2.0

// Every weight format: the index map, what codes stand for, and how far a packed matrix may lie from its
// source.

#include <doctest/doctest.h>

#include <cmath>
#include <random>
#include <set>
#include <string>

#include "support/random.hpp"
#include "support/stages.hpp"

namespace bl = byteloom;

TEST_CASE("codes have places of their own, inside the packed bytes") {
  test::for_each_format([](const char* name, auto tag, const std::vector<bl::index>& widths) {
    using format = typename decltype(tag)::type;
    CAPTURE(std::string(name));
    for (const bl::index columns : widths) {
      std::set<std::pair<bl::index, int>> seen;
      const bl::index bytes =
          3 * format::row_codes(columns) * static_cast<bl::index>(bl::size_of(format::code_element));
      for (bl::index row = 0; row < 3; ++row)
        for (bl::index column = 0; column < columns; ++column) {
          const bl::place at = format::locate(row, column, columns);
          CHECK(at.byte >= 0);
          CHECK(at.byte < bytes);
          CHECK(seen.emplace(at.byte, at.shift).second);
        }
    }
  });
}

TEST_CASE("a code's place is where its bits are") {
  auto draw = test::generator();
  const bl::index columns = 128;
  const auto source = test::random_tensor<float>(draw, 1.0f, 1, 1, 3, columns);
  using int4 = bl::format::int4<64>;
  const auto packed = bl::pack<int4>(source.matrix());
  const auto found = bl::unpack(packed.as_weights());
  for (bl::index row = 0; row < 3; ++row)
    for (bl::index column = 0; column < columns; ++column) {
      const auto at = int4::locate(row, column, columns);
      const auto code =
          (std::to_integer<int>(packed.codes[static_cast<std::size_t>(at.byte)]) >> at.shift) & 15;
      const float scale =
          static_cast<float>(packed.scales[static_cast<std::size_t>((row * columns + column) / 64)]);
      CHECK(found[static_cast<std::size_t>(row * columns + column)] == static_cast<float>(code - 8) * scale);
    }
}

TEST_CASE("packing is within the format's bound of the source") {
  auto draw = test::generator();
  test::for_each_format([&](const char* name, auto tag, const std::vector<bl::index>& widths) {
    using format = typename decltype(tag)::type;
    CAPTURE(std::string(name));
    for (const bl::index columns : widths) {
      const auto source = test::random_tensor<float>(draw, 1.0f, 1, 1, 5, columns);
      const auto packed = bl::pack<format>(source.matrix());
      const auto found = bl::unpack(packed.as_weights());
      REQUIRE(found.size() == source.data.size());
      for (bl::index row = 0; row < 5; ++row) {
        for (bl::index column = 0; column < columns; ++column) {
          const auto i = static_cast<std::size_t>(row * columns + column);
          double bound = 0;
          if constexpr (requires { format::group; }) {
            // half a step of the group's scale, and the rounding of the scale itself to half precision
            float largest = 0;
            const bl::index first = column / format::group * format::group;
            for (bl::index c = first; c < first + format::group; ++c)
              largest = std::max(largest, std::abs(source.data[static_cast<std::size_t>(row * columns + c)]));
            bound = static_cast<double>(largest) / 7 * (0.5 + 7.0 / 1024);
          } else if constexpr (std::is_same_v<format, bl::format::int8>) {
            float largest = 0;
            for (bl::index c = 0; c < columns; ++c)
              largest = std::max(largest, std::abs(source.data[static_cast<std::size_t>(row * columns + c)]));
            bound = static_cast<double>(largest) / 127 * 0.5001;
          } else {
            constexpr double digits = bl::size_of(format::code_element) == 4   ? 1e-30
                                      : bl::size_of(format::code_element) == 2 ? 1.0 / 256
                                                                               : 1.0 / 16;
            bound =
                static_cast<double>(std::abs(source.data[i])) * digits + 1.0 / 512 * (digits > 0.01 ? 1 : 0);
          }
          CHECK(std::abs(static_cast<double>(found[i]) - static_cast<double>(source.data[i])) <= bound);
        }
      }
    }
  });
}

TEST_CASE("int4 codes stand where the file format says") {
  // Row of 64: column 0 in the low half of byte 0, column 1 in its high half; value = (code - 8) * scale.
  std::vector<std::byte> codes(32, std::byte{0x88});
  codes[0] = std::byte{0x1f};
  codes[31] = std::byte{0x70};
  const bl::f16 scale(0.5f);
  const bl::weights<bl::format::int4<64>, bl::memory::host> weights{codes.data(), &scale, nullptr, 1, 64};
  const auto values = bl::unpack(weights);
  CHECK(values[0] == 3.5f);
  CHECK(values[1] == -3.5f);
  CHECK(values[2] == 0.0f);
  CHECK(values[62] == -4.0f);
  CHECK(values[63] == -0.5f);
}

TEST_CASE("zeros stay zeros, and a matrix that does not fill its groups is refused") {
  const test::tensor<float> zeros(1, 1, 2, 64);
  for (float x : bl::unpack(bl::pack<bl::format::int4<64>>(zeros.matrix()).as_weights())) CHECK(x == 0.0f);
  for (float x : bl::unpack(bl::pack<bl::format::int8>(zeros.matrix()).as_weights())) CHECK(x == 0.0f);
  const test::tensor<float> ragged(1, 1, 2, 60);
  CHECK_THROWS_AS(bl::pack<bl::format::int4<64>>(ragged.matrix()), bl::shape_error);
}
