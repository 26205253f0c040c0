// SPDX-License-Identifier: Apache-2.0
#pragma once

// load/names: what the tensors of a model are called in its file. A file with other names is read by changing
// these.

#include <string>

#include "byteloom/core/config.hpp"

namespace byteloom::inline v0 {

/// Stems of tensor names; "{}" stands for the layer's number. A matrix is found at stem + ".weight", with
/// ".scale" where its format has scales and ".bias" where its policy has a bias; a norm at stem + ".weight"
/// and ".bias".
struct tensor_names {
  std::string embedding = "embed";
  std::string position = "position";
  std::string norm_attend = "blocks.{}.norm_attend";
  std::string qkv = "blocks.{}.attend.qkv";
  std::string out = "blocks.{}.attend.out";
  std::string norm_feed = "blocks.{}.norm_feed";
  std::string feed = "blocks.{}.feed.";  ///< followed by gate_up or up, as the feed-forward says, and by down
  std::string norm_head = "norm_head";
  std::string head = "head";

  /// A stem with its layer's number in place.
  static std::string at(const std::string& stem, int layer) {
    const auto hole = stem.find("{}");
    return hole == std::string::npos ? stem
                                     : stem.substr(0, hole) + std::to_string(layer) + stem.substr(hole + 2);
  }
};

}  // namespace byteloom::inline v0
