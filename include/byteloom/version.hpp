// SPDX-License-Identifier: Apache-2.0
#pragma once

// The version, which lives here and nowhere else: CMake reads these lines, and a test holds the packages' recipes
// against them.

#define BYTELOOM_VERSION_MAJOR 0
#define BYTELOOM_VERSION_MINOR 1
#define BYTELOOM_VERSION_PATCH 0
