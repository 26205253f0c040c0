// SPDX-License-Identifier: Apache-2.0

// Files of tiktoken: what they give, and the sentence for each fault.

#include "byteloom/load/tiktoken.hpp"

#include <doctest/doctest.h>

#include <string>

namespace bl = byteloom;

namespace {

void check_fault(const char* file, const char* sentence) {
  CAPTURE(file);
  CHECK_THROWS_WITH_AS(bl::read_tiktoken(file, "v.tiktoken"), doctest::Contains(sentence), bl::load_error);
}

}  // namespace

TEST_CASE("tokens of a file stand where their ranks say") {
  // "!" "ab" "abc" "\0\xff" and an empty line, and one with a line end of another system
  const auto found = bl::read_tiktoken("YWJj 2\nIQ== 0\r\n\nYWI= 1\nAP8= 3", "v.tiktoken");
  REQUIRE(found.size() == 4);
  CHECK(found.bytes(0) == "!");
  CHECK(found.bytes(1) == "ab");
  CHECK(found.bytes(2) == "abc");
  CHECK(found.bytes(3) == std::string_view("\0\xff", 2));
}

TEST_CASE("each fault of a file has a sentence that names its line") {
  check_fault("", "v.tiktoken: at byte 0: holds no token.");
  check_fault("IQ== 0\nYWI=1\n",
              "v.tiktoken: 'line 2' at byte 7: holds no space between a token and its rank.");
  check_fault("IQ== 0\nYWI= x\n", "'line 2' at byte 12: ends in 'x', which is no rank.");
  check_fault("IQ== 0\nYWI= -1\n", "ends in '-1', which is no rank.");
  check_fault("IQ== 0\nYWI= 1 \n", "ends in '1 ', which is no rank.");
  check_fault("IQ== 0\nYWI= 99999999999\n", "ends in '99999999999', which is no rank.");
  check_fault("IQ== 0\nYWI= 4000000000\n", "has rank 4000000000, below which ranks must be missing.");
  check_fault("IQ== 0\nYWI= 0\n", "'line 2' at byte 7: gives rank 0 anew, which line 1 has.");
  check_fault("IQ= 0\n", "'line 1' at byte 0: begins with what is not base64.");
  check_fault(" 0\n", "begins with what is not base64.");
  check_fault("I*== 0\n", "begins with what is not base64.");
  check_fault("IR== 0\n", "begins with what is not base64.");  // bits behind the last byte
  check_fault("=Q== 0\n", "begins with what is not base64.");
  check_fault("IQ== 0\nYWI= 2\n", "has no token of rank 1 among its 2; the file is not whole.");
  check_fault("IQ== 0\nIQ== 1\n", "tokens 0 and 1 have the same bytes.");
  CHECK_THROWS_AS(bl::load_tiktoken("/nowhere/v.tiktoken"), bl::load_error);
}
