// SPDX-License-Identifier: Apache-2.0
// FROM: examples/03_your_policy.cpp
// CHANGE: float operator()(float score, bl::site at) const { => float operator()(float score) const { bl::site at{};
// EXPECT: byteloom: a score policy is called as policy(score, site); write
