// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: the masks of one combination hold views of host and of device memory; copy all of their data to one memory first.
#include "byteloom/attend/mask/combine.hpp"
#include "byteloom/attend/mask/documents.hpp"
#include "byteloom/attend/mask/window_by_head.hpp"

namespace bl = byteloom;

using joined =
    bl::mask::all_of<bl::mask::documents<bl::memory::host>, bl::mask::window_by_head<bl::memory::device>>;

bool keep(const joined& of, bl::site at) { return of.keep(at); }
