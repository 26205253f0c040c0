// SPDX-License-Identifier: Apache-2.0

// Elements as run-time names of types, executors, and the 32-bit division of indices.

#include "byteloom/core/element.hpp"

#include <doctest/doctest.h>

#include <set>
#include <string_view>
#include <type_traits>

#include "byteloom/core/division.hpp"
#include "byteloom/core/executor.hpp"
#include "support/random.hpp"

namespace bl = byteloom;

TEST_CASE_TEMPLATE("an element has its type's size", T, double, float, bl::f16, bl::bf16, bl::fp8_e4m3,
                   bl::fp8_e5m2, std::int64_t, std::int32_t, std::int16_t, std::int8_t, std::uint64_t,
                   std::uint32_t, std::uint16_t, std::uint8_t, bool) {
  CHECK(bl::element_type<T>);
  CHECK(bl::size_of(bl::element_of<T>) == sizeof(T));
  CHECK(std::is_trivially_copyable_v<T>);
  CHECK(alignof(T) == sizeof(T));
}

TEST_CASE("every element has a name of its own") {
  std::set<std::string_view> names;
  for (int e = 0; e <= static_cast<int>(bl::element::boolean); ++e)
    names.insert(bl::name_of(static_cast<bl::element>(e)));
  CHECK(names.size() == static_cast<std::size_t>(bl::element::boolean) + 1);
  CHECK(names.count("") == 0);
  CHECK(bl::name_of(bl::element_of<bl::fp8_e4m3>) == "fp8_e4m3");
  CHECK(bl::name_of(bl::element_of<std::uint16_t>) == "u16");
}

TEST_CASE("executors are values that say where they run") {
  CHECK(bl::host::here().threads == 0);
  CHECK(bl::host::here(3).threads == 3);
  CHECK(bl::cuda::on().stream == nullptr);
  CHECK(bl::host::executor::where == bl::memory::host);
  CHECK(bl::cuda::executor::where == bl::memory::device);
}

TEST_CASE("a view of no elements has none, one of a single axis counts them") {
  float one = 3;
  CHECK(bl::host_view<float, 3>(&one, 4, 0, 5).size() == 0);
  CHECK(bl::host_view<float, 1>(&one, 1)(0) == 3);
  CHECK(bl::host_view<float, 2>().size() == 0);
  CHECK(bl::host_view<float, 2>().data == nullptr);
  // Extents whose product passes 32 bits.
  CHECK(bl::host_view<float, 2>(&one, 1 << 20, 1 << 20).size() == bl::index{1} << 40);
}

TEST_CASE("quotient and remainder are those of 64 bits") {
  auto draw = test::generator();
  for (int round = 0; round < 1000; ++round) {
    const auto a = static_cast<bl::index>(draw() >> (32 + draw() % 32));
    const auto b = static_cast<bl::index>(draw() >> (32 + draw() % 31)) + 1;
    if (b > 0xffffffff) continue;
    CHECK(bl::quotient(a, b) == a / b);
    CHECK(bl::remainder(a, b) == a % b);
  }
}
