// SPDX-License-Identifier: Apache-2.0
// FROM: examples/03_your_policy.cpp
