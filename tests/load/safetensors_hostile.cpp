// SPDX-License-Identifier: Apache-2.0

#include <doctest/doctest.h>

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "allocation.hpp"
#include "byteloom/load/safetensors.hpp"
#include "byteloom/load/safetensors_writer.hpp"
#include "file.hpp"

namespace bl = byteloom;

namespace {

/// A header with '^' before the byte that the message must name, and what else it must say.
struct hostile {
  const char* header;
  std::size_t data;
  const char* tensor;  // empty: the message names none
  const char* sentence;
};

const hostile cases[] = {
    // What is no JSON, or no object.
    {"^", 0, "", "begin with '{'"},
    {"^ {}", 0, "", "begin with '{'"},
    {"^[]", 0, "", "begin with '{'"},
    {"^\xEF\xBB\xBF{}", 0, "", "begin with '{'"},
    {"{^", 0, "", "not valid JSON"},
    {"{}^x", 0, "", "not valid JSON"},
    {"{}^{}", 0, "", "not valid JSON"},
    {"{^1:2}", 0, "", "not valid JSON"},
    {R"({"a":{"dtype":tru^}})", 0, "a", "not valid JSON: invalid literal"},
    {R"({"a":{"dtype":"I8","shape":[1^})", 0, "a", "not valid JSON"},
    {R"({"a":{"dtype":"I8","shape":[1,^]}})", 0, "a", "not valid JSON"},
    {R"({"a":{"dtype":"I8","shape":[0^1]}})", 0, "a", "not valid JSON"},
    {"{\"a\xC3^(\":1}", 0, "", "ill-formed UTF-8"},
    {"{\"a^\xFF\":1}", 0, "", "ill-formed UTF-8"},
    {"{\"\xED^\xA0\x80\":1}", 0, "", "ill-formed UTF-8"},
    {R"({"\ud800^":1})", 0, "", "surrogate"},
    {"{\"a^\n\":1}", 0, "", "control character"},
    {R"({"a":{"dtype":"I8","shape":[0],"data_offsets":[0,^1e999]}})", 0, "a", "above the largest, 2^63 - 1"},
    {R"({"a":{"dtype":^-1e999}})", 0, "a", "dtype must be a string, not a number"},
    // What is the wrong kind of value.
    {R"({"a":^1})", 0, "a", "description must be an object, not a number"},
    {R"({"a":^"I8"})", 0, "a", "description must be an object, not a string"},
    {R"({"a":^[[[[[[[[1]]]]]]]]})", 0, "a", "description must be an object, not an array"},
    {R"({"a":{"dtype":^{"b":{"c":{}}}}})", 0, "a", "dtype must be a string, not an object"},
    {R"({"a":{"dtype":^3}})", 0, "a", "dtype must be a string, not a number"},
    {R"({"a":{"dtype": ^null}})", 0, "a", "dtype must be a string, not null"},
    {R"({"a":{"shape":^true}})", 0, "a", "shape must be an array of whole numbers, not true or false"},
    {R"({"a":{"shape":[^[1]]}})", 0, "a", "shape must be an array of whole numbers, not an array"},
    {R"({"a":{"shape":[1, ^"2"]}})", 0, "a", "shape must be an array of whole numbers, not a string"},
    {R"({"a":{"data_offsets":^{}}})", 0, "a",
     "data_offsets must be an array of two whole numbers, not an object"},
    {R"({"a":{"data_offsets":[0 ,^null]}})", 0, "a", "not null"},
    {R"({"__metadata__":^[]})", 0, "__metadata__", "must be an object of strings, not an array"},
    {R"({"__metadata__":^null})", 0, "__metadata__", "must be an object of strings, not null"},
    {R"({"__metadata__":{"k":^1}})", 0, "__metadata__", "must be an object of strings, not a number"},
    {R"({"__metadata__":{"k":^{}}})", 0, "__metadata__", "must be an object of strings, not an object"},
    // Fields.
    {R"({^"a":{}})", 0, "a", "dtype is missing"},
    {R"({^"a":{"dtype":"I8","data_offsets":[0,0]}})", 0, "a", "shape is missing"},
    {R"({^"a":{"dtype":"I8","shape":[0]}})", 0, "a", "data_offsets is missing"},
    {R"({"a":{"dtype":"I8",^"dtype":"I8"}})", 0, "a", "dtype stands twice"},
    {R"({"a":{"shape":[1],^"shape":[1]}})", 0, "a", "shape stands twice"},
    {R"({"a":{"data_offsets":[0,1],^"data_offsets":[0,1]}})", 0, "a", "data_offsets stands twice"},
    {R"({"a":{^"strides":[1]}})", 0, "a", "strides is unknown"},
    {R"({"a":{^"data_offsets":[]}})", 0, "a", "two numbers"},
    {R"({"a":{^"data_offsets":[1]}})", 0, "a", "two numbers"},
    {R"({"a":{"data_offsets":[0,1,^2]}})", 0, "a", "two numbers"},
    {R"({"a":{"dtype":^"F99"}})", 0, "a", "F99 is unknown; known are F64, F32, F16, BF16, F8_E4M3"},
    {R"({"a":{"dtype":^"f32"}})", 0, "a", "f32 is unknown"},
    {R"({"a":{"dtype":^""}})", 0, "a", "dtype (empty) is unknown"},
    {R"({"a":{"dtype":^"F4","shape":[2],"data_offsets":[0,1]}})", 1, "a", "dtype F4 is not supported"},
    {R"({"a":{"dtype":^"F8_E8M0","shape":[1],"data_offsets":[0,1]}})", 1, "a", "F8_E8M0 is not supported"},
    {R"({"a":{"dtype":^"C64","shape":[1],"data_offsets":[0,8]}})", 8, "a", "C64 is not supported"},
    // Numbers.
    {R"({"a":{"shape":[^-1]}})", 0, "a", "cannot be negative"},
    {R"({"a":{"shape":[1,^-0]}})", 0, "a", "cannot be negative"},
    {R"({"a":{"shape":[^1.0]}})", 0, "a", "whole number"},
    {R"({"a":{"shape":[^1e3]}})", 0, "a", "whole number"},
    {R"({"a":{"shape":[^9223372036854775808]}})", 0, "a", "9223372036854775808 is above"},
    {R"({"a":{"shape":[^18446744073709551616]}})", 0, "a", "18446744073709551616 is above"},
    {R"({"a":{"data_offsets":[0,^18446744073709551615]}})", 0, "a", "is above"},
    {R"({"a":{"data_offsets":[^-9223372036854775808,0]}})", 0, "a", "cannot be negative"},
    // Sizes and ranges of one tensor.
    {R"({^"a":{"dtype":"I8","shape":[4294967296,4294967296],"data_offsets":[0,0]}})", 0, "a", "above 2^63"},
    {R"({^"a":{"dtype":"F32","shape":[9223372036854775807],"data_offsets":[0,4]}})", 4, "a", "above 2^63"},
    {R"({^"a":{"dtype":"I8","shape":[9223372036854775807,3,0],"data_offsets":[0,0]}})", 0, "a", "above 2^63"},
    {R"({^"a":{"dtype":"I8","shape":[0,4611686018427387904,8],"data_offsets":[0,0]}})", 0, "a", "above 2^63"},
    {R"({"a":{"dtype":"I8","shape":[9223372036854775807],^"data_offsets":[0,9223372036854775807]}})", 4, "a",
     "past the end of the file, which holds 4 bytes"},
    {R"({"a":{"dtype":"F32","shape":[2],^"data_offsets":[0,4]}})", 4, "a", "ask for 8 bytes"},
    {R"({"a":{"dtype":"F32","shape":[],^"data_offsets":[0,0]}})", 0, "a", "ask for 4 bytes"},
    {R"({"a":{"dtype":"I8","shape":[0],^"data_offsets":[0,4]}})", 4, "a", "ask for 0 bytes"},
    {R"({"a":{"dtype":"I8","shape":[1],^"data_offsets":[3,2]}})", 4, "a", "end before they begin"},
    {R"({"a":{"dtype":"I8","shape":[5],^"data_offsets":[0,5]}})", 4, "a", "past the end"},
    // What tensors are together.
    {R"({"a":{"dtype":"I8","shape":[1],"data_offsets":[0,1]},^"a":{"dtype":"I8","shape":[1],)"
     R"("data_offsets":[1,2]}})",
     2, "a", "stands twice in the header; it was described at byte 9"},
    {R"({"a":{"dtype":"I8","shape":[0],"data_offsets":[0,0]},^"\u0061":{"dtype":"I8","shape":[0],)"
     R"("data_offsets":[0,0]}})",
     0, "a", "stands twice"},
    {R"({"__metadata__":{},^"__metadata__":{}})", 0, "", "stands twice"},
    {R"({"__metadata__":{"k":"1",^"k":"2"}})", 0, "__metadata__", "the key k stands twice"},
    {R"({"b":{"dtype":"I8","shape":[2],^"data_offsets":[1,3]},"a":{"dtype":"I8","shape":[2],)"
     R"("data_offsets":[0,2]}})",
     3, "b", "overlaps 'a'"},
    {R"({"a":{"dtype":"I8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"I8","shape":[2],)"
     R"(^"data_offsets":[0,2]}})",
     2, "b", "overlaps 'a'"},
    {R"({"a":{"dtype":"I8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"I8","shape":[0],)"
     R"(^"data_offsets":[2,2]}})",
     4, "b", "overlaps 'a'"},
    {R"({"a":{"dtype":"I8","shape":[1],^"data_offsets":[1,2]}})", 2, "a", "leaves a hole before it"},
    {R"({"a":{"dtype":"I8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"I8","shape":[1],)"
     R"(^"data_offsets":[2,3]}})",
     3, "b", "leaves a hole before it"},
    {R"({"a":{"dtype":"I8","shape":[1],"data_offsets":[0,1]}})", 3, "", "2 bytes after the last tensor"},
    {"{}", 1, "", "1 bytes after the last tensor"},
};

/// Opens `bytes`, which must fail; checks that the message names file, tensor and byte, and the memory.
void check_refused(const test::bytes& bytes, const std::string& tensor, std::uint64_t at,
                   const char* sentence) {
  allocation::forget();
  std::size_t peak = 0;
  bool refused = false;
  try {
    const bl::safetensors file(bytes, "hostile.safetensors");
  } catch (const bl::load_error& e) {
    peak = allocation::largest();
    refused = true;
    const std::string message = e.what();
    CHECK(e.file() == "hostile.safetensors");
    CHECK(e.item() == tensor);
    CHECK(e.offset() == at);
    const std::string start = "hostile.safetensors: " + (tensor.empty() ? "" : "'" + tensor + "' ") +
                              "at byte " + std::to_string(at) + ": ";
    CHECK(message.substr(0, start.size()) == start);
    CHECK_MESSAGE(message.find(sentence, start.size()) != std::string::npos, message);
  }
  CHECK(refused);
  CHECK(peak < std::size_t{1} << 20);
}

}  // namespace

TEST_CASE("hostile safetensors headers are refused by name and byte, before any large allocation") {
  for (const hostile& item : cases) {
    std::string header = item.header;
    CAPTURE(header);
    const std::size_t mark = header.find('^');
    if (mark != std::string::npos) header.erase(mark, 1);
    std::uint64_t at = 8 + mark;
    if (mark == std::string::npos) at = 8 + header.size() + (header == "{}" ? 0 : 1);  // after the tensors
    check_refused(test::safetensors_file(header, item.data), item.tensor, at, item.sentence);
  }
}

TEST_CASE("a zero byte does not end the header") {
  using namespace std::string_literals;
  check_refused(test::safetensors_file("{}\0\0"s, 0), "", 10, "zero byte");
  check_refused(test::safetensors_file("{}\0{\"evil\":1}"s, 0), "", 10, "zero byte");
}

TEST_CASE("lengths of the header that the file does not have are refused") {
  check_refused({}, "", 0, "ends inside the 8 bytes");
  check_refused(test::bytes(7), "", 7, "ends inside the 8 bytes");
  check_refused(test::bytes(8), "", 8, "begin with '{'");
  check_refused(test::safetensors_file("{}", 0, 3), "", 0, "past the end of the file of 10 bytes");
  check_refused(test::safetensors_file("{}", 0, 100'000'000), "", 0, "past the end");
  check_refused(test::safetensors_file("{}", 0, 100'000'001), "", 0, "above the format's limit of 100000000");
  for (const std::uint64_t length : {1ULL << 62U, 1ULL << 63U, ~0ULL - 7, ~0ULL}) {
    check_refused(test::safetensors_file("{}", 0, length), "", 0, "above the format's limit");
  }
  check_refused(test::safetensors_file("{}", 0, 1), "", 9, "not valid JSON");
}

TEST_CASE("deep nesting, endless shapes and long names cost no more than the header") {
  const std::string deep = R"({"a":)" + std::string(100'000, '[');
  check_refused(test::safetensors_file(deep, 0), "a", 8 + 5, "must be an object, not an array");
  const std::string objects = [] {
    std::string text;
    for (int i = 0; i < 50'000; ++i) text += R"({"a":)";
    return text;
  }();
  check_refused(test::safetensors_file(objects, 0), "a", 8 + 6, "the field a is unknown");

  const std::string name(100'000, 'n');
  const std::string shown = std::string(120, 'n') + "...";
  check_refused(test::safetensors_file("{\"" + name + "\":{}}", 0), shown, 9, "dtype is missing");
  check_refused(test::safetensors_file("{\"a\\u001b[2J\":{}}", 0), "a\\x1b[2J", 9, "dtype is missing");
}

TEST_CASE("a good file cut at any byte, or with any byte changed, is refused or read, never worse") {
  bl::safetensors_writer writer;
  const std::vector<float> numbers{1.0F, 2.0F, 3.0F};
  writer.add<float>("numbers", {3, 1}, numbers);
  writer.add<float>("none", {0}, {});
  writer.set_metadata("k", "\u00e9");
  const auto good = writer.bytes();
  for (std::size_t size = 0; size < good.size(); ++size) {
    const test::bytes cut(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size));
    CHECK_THROWS_AS(bl::safetensors(cut, "cut"), bl::load_error);
  }
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (int value = 0; value < 256; ++value) {
      auto changed = good;
      changed[at] = static_cast<std::byte>(value);
      try {
        const bl::safetensors file(changed, "changed");
        for (const auto& entry : file) CHECK(entry.bytes.size() == entry.end - entry.begin);
      } catch (const bl::load_error& e) {
        CHECK(e.offset() <= changed.size());
      }
    }
  }
}
