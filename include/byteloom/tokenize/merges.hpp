// SPDX-License-Identifier: Apache-2.0
#pragma once

// tokenize/merges: byte pair encoding of a piece by ranks (Sennrich et al., arXiv 1508.07909; the rule of
// tiktoken): of all neighbours whose joint bytes are a token, those of the lowest rank are merged first, the
// leftmost of several, until no neighbours are left that are one. A token's rank is its number.
//
// Where every token can be merged from two others in one way (a proper vocabulary), encodings are told by
// their pairs: a sequence of tokens is the encoding of its bytes where each pair of neighbours is that of
// theirs. A piece is then encoded from the left to the right with the longest tokens that agree with the one
// before, going back where none does, in time linear in its length. Other vocabularies are merged as the rule
// says, by looking for the lowest rank, long pieces by a heap.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <queue>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "byteloom/core/error.hpp"
#include "byteloom/tokenize/token.hpp"
#include "byteloom/tokenize/vocabulary.hpp"

namespace byteloom::inline v0::tokenizer {

/// A vocabulary whose tokens are merged from its 256 single bytes. Immutable: threads share it.
class merges {
 public:
  /// Throws argument_error where a byte is no token of its own.
  explicit merges(vocabulary tokens) : tokens_(std::move(tokens)) {
    for (int byte = 0; byte < 256; ++byte) {
      const char one = static_cast<char>(static_cast<unsigned char>(byte));
      if (tokens_.find({&one, 1}) < 0)
        throw argument_error("tokenizer::merges: byte " + std::to_string(byte) +
                             " is no token, so that not every text could be encoded.");
    }
    find_halves();
  }

  const vocabulary& tokens() const { return tokens_; }

  /// Whether every token is merged from two others in one way, so that encode takes linear time.
  bool proper() const { return proper_; }

  /// Appends the tokens of a piece.
  void encode(std::string_view piece, std::vector<token>& result) const {
    if (piece.empty()) return;
    if (const token whole = tokens_.find(piece); whole >= 0) return result.push_back(whole);
    if (proper_) {
      encode_by_pairs(piece, result);
    } else {
      encode_by_rule(piece, result);
    }
  }

  /// The same as the rule says, whether the vocabulary is proper or not.
  void encode_by_rule(std::string_view piece, std::vector<token>& result) const {
    encode_by_rule(piece, std::numeric_limits<token>::max(), result);
  }

  /// Whether b may follow a in an encoding: whether the bytes of both are encoded as just these two. Of a
  /// proper vocabulary.
  bool may_follow(token a, token b) const {
    // Undo the merges of the two from the last one on. Had the two sides of the seam been a pair before the
    // side that is undone came about, they would have been merged.
    std::int64_t before = std::numeric_limits<std::int64_t>::max();  // only merges before this one count
    while (true) {
      const token joint = merged(a, b);
      if (joint >= 0 && joint < before) return false;
      const bool a_is_byte = half_of(a).left < 0;
      const bool b_is_byte = half_of(b).left < 0;
      if (a_is_byte && b_is_byte) return true;
      if (b_is_byte || (!a_is_byte && a > b)) {
        before = a;  // at the same rank the left one of two merges is the first
        a = half_of(a).right;
      } else {
        before = std::int64_t{b} + 1;
        b = half_of(b).left;
      }
    }
  }

 private:
  struct halves {
    token left = -1, right = -1;  ///< -1 for a byte
  };
  struct pair_slot {
    token left = -1, right = -1, joint = -1;
  };

  const halves& half_of(token of) const { return halves_[static_cast<std::size_t>(of)]; }

  static std::size_t hash(token left, token right) {
    std::uint64_t key = static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 |
                        static_cast<std::uint32_t>(right);
    key = (key ^ key >> 29) * 0xbf58476d1ce4e5b9u;
    return static_cast<std::size_t>(key ^ key >> 32);
  }

  /// What two halves make, or -1.
  token merged(token left, token right) const {
    const std::size_t mask = pairs_.size() - 1;
    for (std::size_t at = hash(left, right) & mask;; at = (at + 1) & mask) {
      const pair_slot& slot = pairs_[at];
      if (slot.joint < 0) return -1;
      if (slot.left == left && slot.right == right) return slot.joint;
    }
  }

  /// Finds what each token is merged from by those of lower rank.
  void find_halves() {
    const auto count = static_cast<std::size_t>(tokens_.size());
    halves_.assign(count, {});
    std::size_t slots = 16;
    while (slots < 2 * count) slots *= 2;
    pairs_.assign(slots, {});
    std::vector<token> parts;
    for (token of = 0; of < tokens_.size(); ++of) {
      if (tokens_.bytes(of).size() == 1) continue;
      parts.clear();
      encode_by_rule(tokens_.bytes(of), of, parts);
      if (parts.size() != 2) {
        proper_ = false;
        continue;
      }
      halves_[static_cast<std::size_t>(of)] = {parts[0], parts[1]};
      std::size_t at = hash(parts[0], parts[1]) & (slots - 1);
      while (pairs_[at].joint >= 0) at = (at + 1) & (slots - 1);
      pairs_[at] = {parts[0], parts[1], of};
    }
  }

  /// Merges tokens below `limit` alone.
  void encode_by_rule(std::string_view piece, token limit, std::vector<token>& result) const {
    if (piece.size() <= most_short) {
      merge_short(piece, limit, result);
    } else {
      merge_long(piece, limit, result);
    }
  }

  /// Up to so many bytes looking for the lowest rank costs less than keeping the others in order.
  static constexpr std::size_t most_short = 64;

  void merge_short(std::string_view piece, token limit, std::vector<token>& result) const {
    constexpr token none = std::numeric_limits<token>::max();
    std::size_t begin[most_short + 1];
    token joint[most_short];  // of a part and the next one, `none` where they are no token
    std::size_t parts = piece.size();
    for (std::size_t i = 0; i <= parts; ++i) begin[i] = i;
    const auto find_joint = [&](std::size_t i) {
      if (i + 1 >= parts) return none;
      const token found = tokens_.find(piece.substr(begin[i], begin[i + 2] - begin[i]));
      return found >= 0 && found < limit ? found : none;
    };
    for (std::size_t i = 0; i < parts; ++i) joint[i] = find_joint(i);
    while (true) {
      const auto lowest = static_cast<std::size_t>(std::min_element(joint, joint + parts) - joint);
      if (joint[lowest] == none) break;
      std::copy(begin + lowest + 2, begin + parts + 1, begin + lowest + 1);
      std::copy(joint + lowest + 2, joint + parts, joint + lowest + 1);
      --parts;
      joint[lowest] = find_joint(lowest);
      if (lowest > 0) joint[lowest - 1] = find_joint(lowest - 1);
    }
    for (std::size_t i = 0; i < parts; ++i)
      result.push_back(tokens_.find(piece.substr(begin[i], begin[i + 1] - begin[i])));
  }

  void merge_long(std::string_view piece, token limit, std::vector<token>& result) const {
    // Parts are told by where they begin; a merge in the queue counts while both its parts are as they were.
    const std::size_t size = piece.size();
    std::vector<std::size_t> end(size), before(size);
    const auto joint_of = [&](std::size_t begin) {
      if (end[begin] == size) return token{-1};
      const token joint = tokens_.find(piece.substr(begin, end[end[begin]] - begin));
      return joint < limit ? joint : token{-1};
    };
    struct merge {
      token joint;
      std::size_t begin, end;
      bool operator>(const merge& other) const {
        return joint != other.joint ? joint > other.joint : begin > other.begin;
      }
    };
    std::priority_queue<merge, std::vector<merge>, std::greater<>> queue;
    const auto offer = [&](std::size_t begin) {
      if (const token joint = joint_of(begin); joint >= 0) queue.push({joint, begin, end[end[begin]]});
    };
    for (std::size_t i = 0; i < size; ++i) {
      end[i] = i + 1;
      before[i] = i - 1;  // of 0: none
    }
    for (std::size_t i = 0; i + 1 < size; ++i) offer(i);
    std::vector<bool> gone(size, false);
    while (!queue.empty()) {
      const merge next = queue.top();
      queue.pop();
      if (gone[next.begin] || end[next.begin] >= next.end || end[end[next.begin]] != next.end) continue;
      gone[end[next.begin]] = true;
      end[next.begin] = next.end;
      if (next.end < size) before[next.end] = next.begin;
      offer(next.begin);
      if (next.begin > 0) offer(before[next.begin]);
    }
    for (std::size_t at = 0; at < size; at = end[at])
      result.push_back(tokens_.find(piece.substr(at, end[at] - at)));
  }

  void encode_by_pairs(std::string_view piece, std::vector<token>& result) const {
    const std::size_t first = result.size();
    std::vector<bool> dead(piece.size() + 1, false);  // ends from which no encoding goes on
    std::size_t at = 0;
    token next = tokens_.longest(piece);
    while (true) {
      // The longest token that agrees with the one before and does not end where nothing goes on.
      while (next >= 0) {
        const std::size_t end = at + tokens_.bytes(next).size();
        if (!dead[end] && (result.size() == first || may_follow(result.back(), next))) break;
        next = tokens_.longest_prefix(next);
      }
      if (next >= 0) {
        result.push_back(next);
        at += tokens_.bytes(next).size();
        if (at == piece.size()) return;
        next = tokens_.longest(piece.substr(at));
      } else if (result.size() > first) {  // go back: what led here ends in a dead place
        dead[at] = true;
        const token last = result.back();
        result.pop_back();
        at -= tokens_.bytes(last).size();
        next = tokens_.longest_prefix(last);
      } else {  // no proper vocabulary leads here, but the rule is what counts
        return encode_by_rule(piece, result);
      }
    }
  }

  vocabulary tokens_;
  std::vector<halves> halves_;
  std::vector<pair_slot> pairs_;
  bool proper_ = true;
};

}  // namespace byteloom::inline v0::tokenizer
