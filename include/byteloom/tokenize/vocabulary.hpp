// SPDX-License-Identifier: Apache-2.0
#pragma once

// tokenize/vocabulary: the bytes of tokens, and a trie over them that finds which tokens a text begins with.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "byteloom/core/error.hpp"
#include "byteloom/tokenize/token.hpp"

namespace byteloom::inline v0::tokenizer {

/// Tokens 0, 1, ... and their bytes; no two have the same, and none is empty. Immutable: threads share it.
class vocabulary {
 public:
  /// Throws argument_error for an empty or a repeated token.
  explicit vocabulary(std::span<const std::string_view> tokens) {
    std::size_t total = 0;
    for (const std::string_view bytes : tokens) total += bytes.size();
    bytes_.reserve(total);
    begins_.reserve(tokens.size() + 1);
    begins_.push_back(0);
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      if (tokens[i].empty())
        throw argument_error("tokenizer::vocabulary: token " + std::to_string(i) + " has no bytes.");
      bytes_ += tokens[i];
      begins_.push_back(static_cast<std::uint32_t>(bytes_.size()));
    }
    build();
  }

  token size() const { return static_cast<token>(begins_.size() - 1); }

  /// The bytes of a token that exists.
  std::string_view bytes(token of) const {
    const auto place = static_cast<std::size_t>(of);
    return std::string_view(bytes_).substr(begins_[place], begins_[place + 1] - begins_[place]);
  }

  /// The token with these bytes, or -1.
  token find(std::string_view bytes) const {
    std::uint32_t at = 0;
    for (const char byte : bytes) {
      at = child(at, byte);
      if (at == none) return -1;
    }
    return nodes_[at].own;
  }

  /// The longest token that the text begins with, or -1.
  token longest(std::string_view text) const {
    token found = -1;
    std::uint32_t at = 0;
    for (const char byte : text) {
      at = child(at, byte);
      if (at == none) break;
      if (nodes_[at].own >= 0) found = nodes_[at].own;
    }
    return found;
  }

  /// The longest token that another one begins with, itself left out, or -1.
  token longest_prefix(token of) const { return prefixes_[static_cast<std::size_t>(of)]; }

 private:
  static constexpr std::uint32_t none = 0xffffffffu;

  /// Children of a node are neighbours, in the order of the bytes that lead to them.
  struct node {
    std::uint32_t first_child = 0;
    std::uint32_t children = 0;
    token own = -1;  ///< the token that ends here
  };

  std::uint32_t child(std::uint32_t of, char byte) const {
    const node& parent = nodes_[of];
    const auto wanted = static_cast<unsigned char>(byte);
    if (parent.children == 256) return parent.first_child + wanted;
    const unsigned char* const first = labels_.data() + parent.first_child;
    const unsigned char* const last = first + parent.children;
    const unsigned char* const found =
        parent.children < 16 ? std::find(first, last, wanted) : std::lower_bound(first, last, wanted);
    if (found == last || *found != wanted) return none;
    return static_cast<std::uint32_t>(found - labels_.data());
  }

  /// Level by level over the tokens in the order of their bytes, of which a node has a range.
  void build() {
    std::vector<token> sorted(static_cast<std::size_t>(size()));
    std::iota(sorted.begin(), sorted.end(), 0);
    std::sort(sorted.begin(), sorted.end(), [&](token a, token b) { return bytes(a) < bytes(b); });
    prefixes_.assign(sorted.size(), -1);
    struct range {
      std::size_t first, last;
      token before;  ///< the longest token on the way
    };
    std::vector<range> level{{0, sorted.size(), -1}};
    nodes_.emplace_back();
    labels_.push_back(0);
    for (std::size_t depth = 0, first_node = 0; !level.empty(); ++depth) {
      std::vector<range> next;
      for (std::size_t i = 0; i < level.size(); ++i) {
        range own = level[i];
        const std::size_t place = first_node + i;
        if (own.first < own.last && bytes(sorted[own.first]).size() == depth) {
          const token ends = sorted[own.first++];
          if (own.first < own.last && bytes(sorted[own.first]).size() == depth)
            throw argument_error("tokenizer::vocabulary: tokens " + std::to_string(ends) + " and " +
                                 std::to_string(sorted[own.first]) + " have the same bytes.");
          nodes_[place].own = ends;
          prefixes_[static_cast<std::size_t>(ends)] = own.before;
          own.before = ends;
        }
        nodes_[place].first_child = static_cast<std::uint32_t>(nodes_.size());
        while (own.first < own.last) {
          const char byte = bytes(sorted[own.first])[depth];
          std::size_t end = own.first;
          while (end < own.last && bytes(sorted[end])[depth] == byte) ++end;
          next.push_back({own.first, end, own.before});
          nodes_.emplace_back();
          labels_.push_back(static_cast<unsigned char>(byte));
          own.first = end;
          ++nodes_[place].children;
        }
      }
      first_node += level.size();
      level = std::move(next);
    }
  }

  std::string bytes_;
  std::vector<std::uint32_t> begins_;
  std::vector<node> nodes_;
  std::vector<unsigned char> labels_;  ///< the byte that leads to a node
  std::vector<token> prefixes_;
};

}  // namespace byteloom::inline v0::tokenizer
