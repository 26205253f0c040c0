// SPDX-License-Identifier: Apache-2.0
#pragma once

// What an example says to --help and -h.

#include <cstdio>
#include <string_view>

namespace examples {

/// Prints the usage where an argument before `--` asks for it.
inline bool asked_for_help(int count, char** arguments, const char* usage) {
  for (int i = 1; i < count && std::string_view(arguments[i]) != "--"; ++i) {
    if (std::string_view(arguments[i]) != "--help" && std::string_view(arguments[i]) != "-h") continue;
    std::puts(usage);
    return true;
  }
  return false;
}

}  // namespace examples
