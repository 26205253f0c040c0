// SPDX-License-Identifier: Apache-2.0

#include "byteloom/core/slots.hpp"

#include <doctest/doctest.h>

#include "byteloom/core/describe.hpp"
#include "byteloom/core/error.hpp"
#include "byteloom/core/extent.hpp"
#include "byteloom/core/view.hpp"

namespace bl = byteloom;

namespace {

struct stateful {
  float x;
};
struct defaulted {
  float y = 2;
};
struct empty {};

template <class... Policies, class... Given>
bl::slots<Policies...> filled(const Given&... given) {
  return bl::fill(std::type_identity<bl::slots<Policies...>>{}, given...);
}

namespace extents {
BYTELOOM_EXTENT(width)
BYTELOOM_EXTENT(height)
}  // namespace extents

}  // namespace

TEST_CASE("states find their slots in any order, equal types in theirs") {
  const auto joined = filled<stateful, defaulted, empty, stateful>(stateful{1}, stateful{3});
  CHECK(joined.get<0>().x == 1);
  CHECK(joined.get<1>().y == 2);
  CHECK(joined.get<3>().x == 3);
  const auto other = filled<stateful, defaulted>(defaulted{5}, stateful{4});
  CHECK(other.get<0>().x == 4);
  CHECK(other.get<1>().y == 5);
}

TEST_CASE("policies without state take no room, the same one twice too") {
  CHECK(sizeof(bl::slots<stateful, empty, empty, defaulted>) == 8);
  CHECK(std::is_empty_v<bl::slots<empty, empty>>);
  CHECK(std::is_trivially_copyable_v<bl::slots<stateful, empty, defaulted>>);
  CHECK_FALSE(bl::has_default_state<stateful>);
  CHECK(bl::has_default_state<defaulted>);
  CHECK(bl::has_default_state<empty>);
}

TEST_CASE("an extent is a constant or a member under one name") {
  CHECK(extents::width_extent<7>::width == 7);
  CHECK(std::is_empty_v<extents::width_extent<7>>);
  struct both : extents::width_extent<3>, extents::height_extent<bl::dynamic> {};
  const both sizes{{}, {9}};
  CHECK(sizes.width * sizes.height == 27);
  CHECK(sizeof(both) == 4);
}

TEST_CASE("views address row by row unless strides say otherwise") {
  int numbers[24];
  for (int i = 0; i < 24; ++i) numbers[i] = i;
  const bl::host_view<int, 3> x(numbers, 2, 3, 4);
  CHECK(x.size() == 24);
  CHECK(x(1, 2, 3) == 23);
  CHECK(x(0, 1, 2) == 6);
  bl::host_view<const int, 3> turned = x;
  std::swap(turned.extent[0], turned.extent[2]);
  std::swap(turned.stride[0], turned.stride[2]);
  CHECK(turned(3, 2, 1) == 23);
  CHECK(std::is_trivially_copyable_v<bl::device_view<float, 4>>);
  CHECK_FALSE(std::is_constructible_v<bl::host_view<int, 3>, bl::host_view<const int, 3>>);
  CHECK_FALSE(std::is_constructible_v<bl::host_view<int, 3>, bl::device_view<int, 3>>);
}

TEST_CASE("errors name file, item and offset") {
  const bl::load_error failure("a.safetensors", "head.weight", 17, "is too short.");
  CHECK(std::string(failure.what()) == "a.safetensors: 'head.weight' at byte 17: is too short.");
  CHECK(failure.file() == "a.safetensors");
  CHECK(failure.item() == "head.weight");
  CHECK(failure.offset() == 17);
  CHECK(std::string(bl::load_error("f", "", 3, "x.").what()) == "f: at byte 3: x.");
  CHECK(std::is_base_of_v<bl::error, bl::out_of_memory>);
  CHECK_FALSE(std::is_base_of_v<bl::device_error, bl::out_of_memory>);  // the host runs out of memory too
  CHECK(std::is_base_of_v<bl::error, bl::shape_error>);
}

TEST_CASE("a composed type describes itself") {
  CHECK(bl::describe<bl::view<float, 2, bl::memory::host>>().find("view<float, 2") == 0);
}
