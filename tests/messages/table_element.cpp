// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: embed::table stores one of the element types of core/element.hpp; write
#include "byteloom/embed/table.hpp"

byteloom::embed::table<char*> table;
