// SPDX-License-Identifier: Apache-2.0
#pragma once

// core/describe: a composed type as text for people: the policies as written, without the library's own
// prefixes.

#include <string>
#include <string_view>

#include "byteloom/core/config.hpp"

namespace byteloom::inline v0 {

/// The name of T as the compiler spells it, without "byteloom::".
template <class T>
std::string describe() {
  const std::string_view spelled =
      __PRETTY_FUNCTION__;  // ... [with T = X; ...] from g++, ... [T = X] from clang
  const std::size_t first = spelled.find("T = ") + 4;
  const std::size_t end = spelled.find_first_of(";]", first);
  std::string name(spelled.substr(first, end - first));
  for (const std::string_view prefix : {"byteloom::v0::", "byteloom::"})
    for (auto at = name.find(prefix); at != std::string::npos; at = name.find(prefix))
      name.erase(at, prefix.size());
  return name;
}

}  // namespace byteloom::inline v0
