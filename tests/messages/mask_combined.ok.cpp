// SPDX-License-Identifier: Apache-2.0
// The control of the cases about masks over maps and masks that are joined.
#include "byteloom/attend/attention.hpp"
#include "byteloom/attend/mask/causal.hpp"
#include "byteloom/attend/mask/chunk.hpp"
#include "byteloom/attend/mask/combine.hpp"
#include "byteloom/attend/mask/documents.hpp"
#include "byteloom/attend/mask/window_by_head.hpp"
#include "byteloom/attend/mask/windows.hpp"

namespace bl = byteloom;

bl::attention<bl::heads<4, 2, 64>, bl::mask::not_<bl::mask::causal>, bl::mask::chunk<128, 1>> spec;
const bl::mask::windows<3> windows({2, 8, 8}, {2, 4, 4});

using joined = bl::mask::any_of<bl::mask::documents<>, bl::mask::window_by_head<>>;

bool keep(const joined& of, bl::site at) { return of.keep(at); }
